"""What the last clients of a project took to start, on disk: sizes only, bounded, and read with doubt."""

from memguard.core.layout import write_pairs
from memguard.core.lock import FileLock
from memguard.guard.resume_footprint import Start, kept
from memguard.watchdog.private_pairs import read_private_pairs, whole_number


class StartLedger:
    """The file at `path`: one line a start, oldest first. What isn't as memguard writes it counts as absent."""

    def __init__(self, path: str) -> None:
        self._path = path

    def starts(self) -> list[Start]:
        """What is on record."""
        pairs = read_private_pairs(self._path)
        rows = [_row(pairs[name]) for name in sorted(pairs, key=_number) if _number(name) >= 0]
        return [row for row in rows if row]

    def add(self, start: Start) -> bool:
        """Put a start on record; False where another guard is writing just then: one of many is no loss."""
        lock = FileLock(f"{self._path}.lock")
        if not lock.acquire(blocking=False):
            return False
        try:
            rows = [" ".join(map(str, row.as_row())) for row in kept([*self.starts(), start])]
            write_pairs(self._path, {str(number): row for number, row in enumerate(rows)})
        finally:
            lock.release()
        return True


def _number(name: str) -> int:
    return int(name) if name.isascii() and name.isdigit() and len(name) <= 4 else -1


def _row(text: str) -> Start | None:
    try:
        transcript_bytes, peak_bytes, settled_bytes = map(whole_number, text.split(" "))
    except ValueError:
        return None
    return Start(transcript_bytes, peak_bytes, settled_bytes)
