"""What the person reads when their client died and no restart follows."""

import os
import signal

from memguard.core.layout import GUARD, SESSIONS, SNAPSHOTS, is_plain_id, project_dir, read_pairs


class Farewell:
    """Two lines: what happened, with the newest snapshot, and the command that takes the session up again.

    Made while the guard's folder is still there; `text` is asked for when the watchdog has taken its last snapshot.
    """

    def __init__(self, guard_dir: str, signal_number: int) -> None:
        guard = read_pairs(f"{guard_dir}/{GUARD}")
        self._snapshots = f"{project_dir(guard.get('state', ''), guard.get('project_key', ''))}/{SNAPSHOTS}"
        self._session = _newest_session(f"{guard_dir}/{SESSIONS}")
        self._signal_number = signal_number

    def text(self) -> str:
        """The lines."""
        numbers = {number.value: number.name for number in signal.Signals}
        name = numbers.get(self._signal_number, f"signal {self._signal_number}")
        resume = f"--resume {self._session}" if self._session else "--continue"
        return (
            f"memguard: the client died by {name}; snapshot: {self._snapshot() or 'none was taken'}\n"
            f"  take the session up again: memguard run -- {resume}\n"
        )

    def _snapshot(self) -> str:
        """The newest snapshot of this session; ids begin with the time, so they sort by it."""
        for name in sorted(_names(self._snapshots), reverse=True):
            if self._session and read_pairs(f"{self._snapshots}/{name}/about").get("session") == self._session:
                return name
        return ""


def _newest_session(folder: str) -> str:
    names = _names(folder)
    return max(names, key=lambda name: os.stat(f"{folder}/{name}").st_mtime, default="")


def _names(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if is_plain_id(name)]
    except OSError:
        return []
