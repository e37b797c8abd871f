"""The record of restarts on disk: one small file per state folder, for all guards and hosts that write to it.

`<state>/protection.json`: `{"version": 2, "attempts": [...]}`, oldest first. One file rather than one per project, so
that a guard's limit and the host's are checked and counted in one write: no death between two leaves them apart.
Readers need no lock (the file is replaced as a whole); who changes it holds `<state>/protection.json.lock`, which the
kernel releases with whoever held it.
"""

import os
import time

from memguard.core import light_json as json
from memguard.core.lock import FileLock
from memguard.core.write_in_turn import write_in_turn
from memguard.guard.moment import Moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = 2

PENDING = "pending"  # on disk before the first signal; nobody knows yet how it ends
SETTLED = "settled"  # the next client came up, and settled below the critical limit
FAILED = "failed"  # no client came up, or it came back over the limit
UNREADABLE = "unreadable"  # no attempt: the record was lost here, and whatever it held counts as spent

# No window is longer (`restart_policy.attempt_window`), so that older attempts count for nobody.
_LONGEST_WINDOW_S = 30 * 86400.0
# Above any limit of the configuration (`host_max_attempts`); 1,000 attempts are 250 KB.
_MOST_ATTEMPTS = 1000
_LONGEST_BYTES = 1048576
_LONGEST_REASON = 200
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
# A change takes some ms. Who holds the lock longer is stopped (Ctrl-Z, a debugger): no reason to wait for it.
_LOCK_PATIENCE_S = 2.0
_LOCK_AGAIN_S = 0.01


class RestartAttempt:
    """One restart, from before its first signal. `judged` is when `outcome` became known, None while it is PENDING."""

    __slots__ = ("attempt_id", "begun", "guard", "host", "judged", "outcome", "reason")

    def __init__(self, guard: str, host: str, reason: str, begun: Moment) -> None:
        self.attempt_id = os.urandom(6).hex()
        self.guard = guard
        self.host = host
        self.reason = reason[:_LONGEST_REASON]
        self.begun = begun
        self.outcome = PENDING
        self.judged: Moment | None = None

    def judge(self, outcome: str, now: Moment, why: str = "") -> None:
        """Say how it ended."""
        self.outcome, self.judged = outcome, now
        if why:
            self.reason = f"{self.reason}: {why}"[:_LONGEST_REASON]

    def fields(self) -> "dict[str, object]":
        """As the file holds it."""
        fields: dict[str, object] = {
            "id": self.attempt_id, "guard": self.guard, "host": self.host, "reason": self.reason,
            "t_utc": round(self.begun.utc_s, 3), "boot": self.begun.boot_id, "uptime_s": round(self.begun.uptime_s, 3),
            "outcome": self.outcome,
        }  # fmt: skip
        if self.judged:
            fields["judged_utc"] = round(self.judged.utc_s, 3)
            fields["judged_boot"] = self.judged.boot_id
            fields["judged_uptime_s"] = round(self.judged.uptime_s, 3)
        return fields


class RestartRecord:
    """The file at `path`."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self) -> "list[RestartAttempt] | None":
        """The attempts, oldest first; None where the file is there and can't be read as what it should be."""
        try:
            return _attempts_in(_whole(self.path))
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def change(self, now: Moment, edit: "Callable[[list[RestartAttempt]], list[RestartAttempt]]") -> None:
        """Replace the attempts by what `edit` makes of them, while nobody else can.

        What can't be read is kept beside, and a mark of kind UNREADABLE stands for it. Raises OSError where the record
        can't be locked or written; it is then as it was.
        """
        lock = self._locked()
        try:
            found = self.read()
            attempts = [self._set_aside(now)] if found is None else found
            self._write(edit(attempts), now)
        finally:
            lock.release()

    def _locked(self) -> FileLock:
        lock, deadline_s = FileLock(self.path + ".lock"), time.monotonic() + _LOCK_PATIENCE_S
        while not lock.acquire(blocking=False):
            if time.monotonic() >= deadline_s:
                raise OSError(f"{self.path}.lock is held by another process")
            time.sleep(_LOCK_AGAIN_S)
        return lock

    def _set_aside(self, now: Moment) -> RestartAttempt:
        """Keep the file for the person. It stays in its place until the mark replaces it: no death loses both."""
        aside = self.path + ".unreadable"
        try:
            if os.path.lexists(aside):
                os.unlink(aside)
            os.link(self.path, aside, follow_symlinks=False)
        except OSError:
            pass  # a folder, or a file system without links: the mark counts, the copy is for curiosity
        return mark_of_loss(now)

    def _write(self, attempts: "list[RestartAttempt]", now: Moment) -> None:
        kept = [attempt for attempt in attempts if attempt.begun.age_s(now) < _LONGEST_WINDOW_S][-_MOST_ATTEMPTS:]
        document = {"version": VERSION, "attempts": [attempt.fields() for attempt in kept]}
        write_in_turn(self.path, json.dumps(document).encode())


def mark_of_loss(now: Moment) -> RestartAttempt:
    """What stands for attempts that nobody can read any more: it is every guard's and every host's."""
    mark = RestartAttempt("", "", "the record of restarts was unreadable", now)
    mark.judge(UNREADABLE, now)
    return mark


def _whole(path: str) -> bytes:
    """All of a plain file; ValueError for one that is none (a FIFO would be waited for), or too large."""
    descriptor = os.open(path, _FLAGS)
    try:
        status = os.fstat(descriptor)
        if status.st_mode & 0o170000 != 0o100000 or status.st_size > _LONGEST_BYTES:
            raise ValueError("not a plain file of this size")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _attempts_in(data: bytes) -> "list[RestartAttempt]":
    document = json.loads(data)
    if document["version"] != VERSION:
        raise ValueError("not a record of this version")
    return [_attempt_in(fields) for fields in document["attempts"]]


def _attempt_in(fields: "dict[str, object]") -> RestartAttempt:
    begun = _moment(fields["t_utc"], fields["boot"], fields["uptime_s"])
    attempt = RestartAttempt(str(fields["guard"]), str(fields["host"]), str(fields["reason"]), begun)
    attempt.attempt_id = str(fields["id"])
    attempt.outcome = str(fields["outcome"])
    if attempt.outcome not in (PENDING, SETTLED, FAILED, UNREADABLE):
        raise ValueError("not an outcome")
    if attempt.outcome != PENDING:
        attempt.judged = _moment(fields["judged_utc"], fields["judged_boot"], fields["judged_uptime_s"])
    return attempt


def _moment(utc_s: object, boot_id: object, uptime_s: object) -> Moment:
    """ValueError for what is no finite time: it would compare with nothing."""
    times = (utc_s, uptime_s)
    if not all(type(each) in (int, float) and abs(each) < 1e15 for each in times) or not isinstance(boot_id, str):  # type: ignore[arg-type]
        raise ValueError("not a moment")
    return Moment(float(str(utc_s)), boot_id, float(str(uptime_s)))
