"""Runs one summariser: the facts as JSON on stdin, `{"text": ...}` or `{"error": ...}` on stdout.

    python -I -m memguard.handoff.summarising NAME SECONDS

It ends after so many seconds with all that it started: whoever began it does that too, unless killed before. Whatever
the summariser itself prints goes nowhere. An error is told by its kind alone: its words may hold what the conversation
says, and end in a log.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from memguard.handoff.summariser import GROUP, LONGEST_TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALARM_LATER_S = 1.0


def main(argv: Sequence[str]) -> int:
    """Answer once; 0, whatever the summariser does."""
    end_after(float(argv[1]))
    with os.fdopen(os.dup(1), "w") as answer:  # a copy that what the summariser starts doesn't inherit
        os.dup2(2, 1)
        json.dump(_answered(argv[0]), answer)
    return 0


def end_after(seconds: float) -> None:
    """End this process then, with the group that it leads; where native code lets no thread run, by itself."""
    if os.getpgrp() != os.getpid():
        return
    timer = threading.Timer(max(seconds, 0), os.killpg, (os.getpid(), signal.SIGKILL))
    timer.daemon = True
    timer.start()
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0) + _ALARM_LATER_S)


def _answered(name: str) -> dict[str, str]:
    found = list(importlib.metadata.entry_points(group=GROUP, name=name))
    if len(found) != 1:
        return {"error": f"{len(found) or 'none'} installed under this name"}
    try:
        text = found[0].load()(json.load(sys.stdin))
    except BaseException as error:  # noqa: BLE001  it may even call sys.exit
        return {"error": type(error).__name__}
    return {"text": text[: LONGEST_TEXT * 2]} if isinstance(text, str) else {"error": "its answer is not a text"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
