"""What memguard starts in a tmux pane for a client that is to be started again there: it becomes that client.

    python -I -S successor.py FIFO

tmux is told this one line, with paths of memguard's own in it. Command line, folder and variables of the client, which
hold secrets and hostile names, come through the FIFO, from the watchdog alone: its folder is private. `exec` keeps the
pid, so the watchdog has written down whose client this is before there is one.
"""

import json
import os
import signal
import sys

# Far more than a watchdog needs from the start of this process to the last byte; then it is dead.
_PATIENCE_S = 20
# What tmux says of the place, rather than the client that was in another one.
_OF_THE_PANE = ("TMUX", "TMUX_PANE", "TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "COLORTERM")


def main(fifo: str) -> int:
    """Never returns where all goes well; else 1, and one line for whoever looks at the pane."""
    signal.alarm(_PATIENCE_S)
    try:
        with open(fifo, "rb") as file:
            launch = json.loads(file.read())
        signal.alarm(0)
        # Python ignores it, and what is ignored stays so over `exec`.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.chdir(launch["cwd"])
        environment = {**launch["environment"], **_place()}
        os.execve(launch["program"], launch["words"], environment)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"memguard: the client can't be started again: {error}\n")
    return 1


def _place() -> "dict[str, str]":
    return {name: os.environ[name] for name in _OF_THE_PANE if name in os.environ}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
