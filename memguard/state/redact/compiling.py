"""Compiling the library's rules once, in a process that nobody waits for.

    python -I -m memguard.state.redact.compiling STATE

What goes wrong is one line in memguard's log: captures then use the own set alone, and say so.
"""

from __future__ import annotations

import os
import sys

from memguard.logs.logger import logger_of
from memguard.state.redact.rules import prepare, rules_id, trouble

# It keeps one core busy for 5 s, while a person's session begins.
_NICENESS = 10


def main(state_dir: str) -> int:
    """Compile what isn't yet, and keep it below `state_dir`; 0, or 1 with a line in the log."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    prepare(state_dir, compiles=True)
    rules_id()  # waits
    if trouble():
        logger_of(state_dir).warning("secret rules: %s", trouble())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
