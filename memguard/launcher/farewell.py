"""What the person reads when their client is gone and no restart follows."""

import os
import signal
import sys

from memguard.core.layout import GUARD, SNAPSHOTS, is_plain_id, project_dir, read_pairs
from memguard.core.log import printable
from memguard.core.sessions import newest_session


class Farewell:
    """Two lines: what happened, with the newest snapshot, and the command that takes the session up again.

    `look` while the guard's folder is still there; `text` when the watchdog has taken its last snapshot.
    """

    def __init__(self, guard_dir: str) -> None:
        guard = read_pairs(f"{guard_dir}/{GUARD}")
        self._snapshots = f"{project_dir(guard.get('state', ''), guard.get('project_key', ''))}/{SNAPSHOTS}"
        self._guard_dir = guard_dir
        self._session = ""

    def look(self) -> None:
        """Remember which session is the newest."""
        self._session = newest_session(self._guard_dir) or self._session

    def text(self, what: str) -> str:
        """The lines, for what became of the client."""
        resume = f"--resume {self._session}" if self._session else "--continue"
        return (
            f"memguard: the client {printable(what, 200)}; snapshot: {self._snapshot() or 'none was taken'}\n"
            f"  take the session up again: memguard run -- {resume}\n"
        )

    def _snapshot(self) -> str:
        """The newest snapshot of this session; ids begin with the time, so they sort by it."""
        for name in sorted(_names(self._snapshots), reverse=True):
            if self._session and read_pairs(f"{self._snapshots}/{name}/about").get("session") == self._session:
                return name
        return ""


def died_by(signal_number: int) -> str:
    """What became of a client that a signal killed."""
    numbers = {number.value: number.name for number in signal.Signals}
    return f"died by {numbers.get(signal_number, f'signal {signal_number}')}"


def tell(text: str) -> None:
    """Say something to the person, if anybody is there."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        return  # hung up


def _names(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if is_plain_id(name)]
    except OSError:
        return []
