"""Leave one line as a side effect, then wait until a file appears: what a test has the client's Bash tool run."""

from __future__ import annotations

import os
import sys
import time

GIVE_UP_AFTER_S = 120


def main(log: str, go: str) -> None:
    """Write the pid to `log`, wait for `go`."""
    with open(log, "a", encoding="ascii") as out:
        out.write(f"{os.getpid()}\n")
    deadline = time.monotonic() + GIVE_UP_AFTER_S
    while not os.path.exists(go) and time.monotonic() < deadline:
        time.sleep(0.02)
    sys.stdout.write("the tool is done\n" if os.path.exists(go) else "the tool gave up\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
