"""The watchdog's part in the host's health: it looks now and then, writes down what changes, and has it told once.

What it knows of a disk before a snapshot needs it is known in time; all else of the host is the person's to judge.
"""

import _thread
import os
import time

from memguard.core.log import described, printable
from memguard.guard.health import Finding, HealthJudge
from memguard.host.health import CpuMeter, Disk, load_average, processor_count, read_disk
from memguard.watchdog.note import put_note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.host_settings import HealthSettings
    from memguard.watchdog.guarded_session import GuardedSession

_NOTE = "health-"
# A local file system answers within microseconds. One that doesn't is waited for beside the watching.
_PATIENCE_S = 0.05
_LONGEST = 200
SNAPSHOTS, PROJECT, TEMPORARY = "snapshots", "the project", "temporary files"


class DiskCall:
    """One file system, asked in a thread of its own: `statvfs` of a mount whose server is gone never returns."""

    __slots__ = ("_answer", "_done", "_path", "_what")

    def __init__(self, what: str, path: str) -> None:
        self._what = what
        self._path = path
        self._done: _thread.LockType | None = None  # held while a call is under way
        self._answer = Disk(what, path)

    def read(self, patience_s: float) -> Disk:
        """The answer; one without sizes where the call, or the one before it, takes longer than that."""
        if self._done is None:
            self._done = _thread.allocate_lock()
            self._done.acquire()
            _thread.start_new_thread(self._run, (self._done,))
        if not self._done.acquire(True, patience_s):  # noqa: FBT003 -- it takes no names
            return Disk(self._what, self._path)
        self._done = None
        return self._answer

    def _run(self, done: "_thread.LockType") -> None:
        try:
            self._answer = read_disk(self._what, self._path)
        finally:
            done.release()


class HealthWatch:
    """What a guard knows of its host beside memory."""

    def __init__(self, session: "GuardedSession") -> None:
        self._session = session
        self._looked_at_s = float("-inf")
        self._settings: HealthSettings | None = None
        self._judge: HealthJudge
        self._disks: list[DiskCall] = []
        self._cpu: CpuMeter | None = None
        self._told: set[str] = set()

    def look(self) -> None:
        """Where it is time: read, write down what has changed, and have a new warning told."""
        settings = self._session.settings.health
        if settings is None or time.monotonic() - self._looked_at_s < settings.interval_s:
            return
        self._looked_at_s = time.monotonic()
        self._take_up(settings)
        found = self._judge.look(self._read_disks(), *self._busy(settings))
        for finding in found:
            self._report(finding)
        if found:
            texts = [printable(finding.what, _LONGEST) for finding in self._judge.warnings.values()]
            self._session.journal.status(health=texts)

    def _take_up(self, settings: "HealthSettings") -> None:
        """The settings, where they are new ones: of what was over a limit before, nothing is known then."""
        if settings is self._settings:
            return
        session = self._session
        if self._settings:
            session.journal.status(health=[])
        self._settings, self._judge = settings, HealthJudge(settings.limits)
        folders = {SNAPSHOTS: session.state_dir, PROJECT: session.settings.project, TEMPORARY: _temporary_folder()}
        self._disks = [DiskCall(what, path) for what, path in folders.items()]
        self._cpu = CpuMeter() if settings.limits.cpu_percent else None

    def _read_disks(self) -> "list[Disk]":
        disks = [call.read(_PATIENCE_S) for call in self._disks]
        disks[0].needed_bytes = self._session.activity.transcript_bytes()
        return disks

    def _busy(self, settings: "HealthSettings") -> "tuple[float, float]":
        """Percent of the processors' time, and processes for each; -1 where nobody wants to know."""
        percent = self._cpu.percent() if self._cpu else -1.0
        load = load_average() if settings.limits.load_per_cpu else -1.0
        return percent, load / processor_count() if load >= 0 else -1.0

    def _report(self, finding: Finding) -> None:
        event = "health_warning" if finding.is_over else "health_recovered"
        self._session.journal.event(event, of=finding.name, what=finding.what)
        if finding.is_over and finding.name not in self._told:
            self._told.add(finding.name)
            self._leave_note(finding)

    def _leave_note(self, finding: Finding) -> None:
        """For person and model, at the next event: once per guard, since a full disk stays full."""
        pairs: dict[str, object] = {"kind": "health", "of": finding.name, "what": printable(finding.what, _LONGEST)}
        pairs["path"] = printable(finding.path, _LONGEST)
        try:
            put_note(self._session.guard_dir, f"{_NOTE}{time.monotonic_ns()}", pairs)
        except (OSError, ValueError) as error:
            self._session.journal.log(f"note of the host's health not written: {described(error)}")


def _temporary_folder() -> str:
    """As `tempfile` finds it, without trying to write there."""
    named = (os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP"))
    return next((path for path in (*named, "/tmp") if path and os.path.isdir(path)), "/")  # noqa: S108
