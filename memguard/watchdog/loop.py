"""The watchdog's loop: read, decide, act, sleep by headroom. One per client, by a lock held for life."""

import os
import time

from memguard.core.identity import ProcessId
from memguard.core.layout import (
    CLIENT,
    COMPILED,
    ENDED,
    GUARD,
    PROTECTION,
    REQUEST,
    SESSIONS,
    SPOOL,
    WATCHDOG,
    is_plain_id,
    project_dir,
    read_pairs,
)  # fmt: skip
from memguard.core.lock import FileLock
from memguard.core.log import append_log, described
from memguard.core.pause import is_paused
from memguard.core.settings import load_settings
from memguard.core.thresholds import NORMAL
from memguard.core.ticket import FRESH, RESUME
from memguard.guard import ruleset
from memguard.guard.protection import Protection
from memguard.host import identity, pressure
from memguard.watchdog.activity import Activity
from memguard.watchdog.end import finish
from memguard.watchdog.journal import Journal
from memguard.watchdog.pace import pause_s
from memguard.watchdog.plain import make_plain_guard
from memguard.watchdog.restart import Restart, take_over
from memguard.watchdog.subject import Subject, config_dir_of
from memguard.watchdog.wake import Wake

_LOCK_PATIENCE_S = 1.0
# How long a client's end may go without a word from the launcher about what comes next.
_NEXT_CLIENT_S = 30.0
# After a capture failed or protection said no, the next try is this much later.
_TRY_AGAIN_S = 15.0
_FAILURES_IN_A_ROW = 10


def main(arguments: "list[str]") -> int:
    """Guard one client after another until the launcher is done; 0 also where another watchdog holds the guard."""
    guard_dir, state_dir, key = arguments[:3]
    lock = FileLock(f"{guard_dir}/{WATCHDOG}")
    deadline_s = time.monotonic() + _LOCK_PATIENCE_S
    while not lock.acquire(blocking=False):
        if time.monotonic() > deadline_s:
            return 0
        time.sleep(0.02)
    own = identity.identify(os.getpid())
    lock.write(own.to_text() if own else "")
    try:
        Watchdog(guard_dir, state_dir, key, arguments[3] if len(arguments) > 3 else "").run()
    except Exception as error:  # noqa: BLE001  said where the person looks; the launcher starts another
        append_log(state_dir, f"watchdog {os.path.basename(guard_dir)} died: {described(error)}")
        return 1
    return 0


class Watchdog:
    """Everything that the watchdog of one guard knows."""

    def __init__(self, guard_dir: str, state_dir: str, key: str, plain_client: str) -> None:
        self.guard_dir = guard_dir
        self.guard_id = os.path.basename(guard_dir)
        self.state_dir = state_dir
        self.key = key
        self.project_dir = project_dir(state_dir, key)
        self.journal = Journal(guard_dir, state_dir, key)
        if plain_client:
            make_plain_guard(guard_dir, state_dir, key, plain_client)
        self.guard = read_pairs(f"{guard_dir}/{GUARD}")
        launcher = self.guard.get("launcher", "")
        self.launcher = ProcessId.from_text(launcher) if launcher else None
        self.compiled = self._compiled_path()
        self.settings = load_settings(self.compiled)
        self._compiled_mtime = os.stat(self.compiled).st_mtime_ns
        self.wake = Wake(guard_dir)
        self.generation = -1
        self.quiet_until_s = 0.0
        self.failures = 0
        self.next_strategy = RESUME
        self._told: set[tuple[int, str]] = set()
        self.subject: Subject
        self.activity: Activity

    def _compiled_path(self) -> str:
        own = f"{self.guard_dir}/{COMPILED}"
        return own if os.path.exists(own) else f"{self.project_dir}/{COMPILED}"

    def run(self) -> None:
        """Watch until the guarded session is over."""
        self.journal.event("monitoring_started", pid=os.getpid())
        while self._take_up_client():
            self._watch_client()
        finish(self)
        self.journal.event("monitoring_stopped", pid=os.getpid())

    def _take_up_client(self) -> bool:
        """Wait for the next client; False when none comes."""
        deadline_s = time.monotonic() + _NEXT_CLIENT_S
        while time.monotonic() < deadline_s:
            record = read_pairs(f"{self.guard_dir}/{CLIENT}")
            if record.get("id") and int(record["generation"]) > self.generation:
                self._begin(record)
                return True
            if os.path.exists(f"{self.guard_dir}/{ENDED}") or not self.has_launcher():
                return False
            self._sleep(0.5)
        return False

    def _begin(self, record: "dict[str, str]") -> None:
        self.generation = int(record["generation"])
        client = ProcessId.from_text(record["id"])
        self.subject = Subject(client)
        spool = f"{self.project_dir}/{SPOOL}"
        self.activity = Activity(self.guard_dir, spool, client.pid, config_dir_of(client.pid))
        take_over(self)

    def session_ids(self) -> "list[str]":
        """All the session ids that this guard's clients have had."""
        try:
            names = os.listdir(f"{self.guard_dir}/{SESSIONS}")
        except OSError:
            names = []
        return sorted({name for name in [*names, self.activity.session_id] if is_plain_id(name)})

    def has_launcher(self) -> bool:
        """Whether the launcher that owns the terminal still lives."""
        return self.launcher is not None and identity.is_alive(self.launcher)

    def protection(self) -> Protection:
        """The restart attempts of this guard."""
        return Protection(f"{self.project_dir}/{PROTECTION}", self.guard_id, self.settings.restart)

    def _watch_client(self) -> None:
        while self.subject.is_alive():
            if self.launcher and not self.has_launcher():
                return
            self._refresh_settings()
            self.activity.update()
            self.subject.resumed_bytes = self.activity.resumed_bytes
            was_starting = self.subject.is_starting
            self.subject.look(self.settings.thresholds)
            if was_starting and not self.subject.is_starting and self.generation:
                self._judge_restart()
            self._act_safely()
            self._sleep(pause_s(self.subject, self.settings))

    def _sleep(self, seconds: float) -> None:
        watched = [self.launcher] if self.launcher else []
        if self.generation >= 0 and self.subject.is_alive():
            watched.append(self.subject.client)
        self.wake.sleep(seconds, watched)

    def _refresh_settings(self) -> None:
        try:
            mtime = os.stat(self.compiled).st_mtime_ns
            if mtime != self._compiled_mtime:
                self.settings, self._compiled_mtime = load_settings(self.compiled), mtime
        except (OSError, KeyError, ValueError):
            return  # opted out meanwhile, or torn: what was read first still holds

    def view(self) -> ruleset.View:
        """What the ruleset decides by."""
        subject, activity = self.subject, self.activity
        view = ruleset.View(subject.state, self.settings.mode)
        view.is_requested = os.path.exists(f"{self.guard_dir}/{REQUEST}")
        view.is_paused = is_paused(self.guard_dir, self.project_dir)
        view.is_restartable = self.guard.get("restartable") == "1"
        view.is_starting = subject.is_starting
        view.is_resume_peak = subject.is_resume_peak()
        view.is_settled = subject.trend.is_settled()
        view.is_stopped = subject.is_stopped()
        view.over_s = subject.over_s()
        if subject.state != NORMAL or view.is_requested:
            view.is_host_short = pressure.is_short()
            view.forecast_s = subject.trend.seconds_until(self.settings.thresholds.emergency_bytes)
            quiet_s = 0.0 if view.is_requested else self.settings.restart.typing_quiet_s
            is_print = self.guard.get("print") == "1"
            view.at_boundary = not is_print and activity.at_boundary() and activity.nobody_types(quiet_s)
        return view

    def _act_safely(self) -> None:
        """A full disk or a vanished file stops one action, not the watching; what goes wrong again and again does."""
        try:
            self._act()
            self.failures = 0
        except OSError as error:
            self.failures += 1
            self.quiet_until_s = time.monotonic() + _TRY_AGAIN_S
            self.journal.log(f"an action failed: {described(error)}")
            if self.failures >= _FAILURES_IN_A_ROW:
                raise

    def _act(self) -> None:
        subject = self.subject
        view = self.view()
        decision = ruleset.decide(view, self.settings.restart)
        self.journal.status(
            state=subject.state, action=decision.action, reason=decision.reason, client=subject.client.to_text(),
            session=self.activity.session_id, generation=self.generation,
        )  # fmt: skip
        if subject.state != NORMAL:
            self._note_crossing()
        if decision.action in (ruleset.RESTART, ruleset.RESTART_NOW) and time.monotonic() >= self.quiet_until_s:
            is_done = Restart(self, decision).carry_out()
            self.quiet_until_s = 0.0 if is_done else time.monotonic() + _TRY_AGAIN_S
        elif decision.action == ruleset.WOULD:
            self.once("would-restart", "memory_threshold_exceeded", would="restart", reason=decision.reason)

    def _judge_restart(self) -> None:
        """A restart that didn't help is not done the same way again: the next one begins a fresh session."""
        subject, critical_bytes = self.subject, self.settings.thresholds.critical_bytes
        has_helped = subject.reading.footprint_bytes < critical_bytes
        self.next_strategy = RESUME if has_helped else FRESH
        self.journal.event(
            "restart_completed", footprint_bytes=subject.reading.footprint_bytes, limit_bytes=critical_bytes,
            helped=has_helped, generation=self.generation,
        )  # fmt: skip

    def _note_crossing(self) -> None:
        subject, limit = self.subject, self.settings.thresholds.limit_of(self.subject.state)
        self.once(
            subject.state, "memory_threshold_exceeded", state=subject.state, limit_bytes=limit,
            footprint_bytes=subject.confirmed_bytes, session=self.activity.session_id,
        )  # fmt: skip

    def once(self, what: str, event: str, **fields: object) -> None:
        """An event that is told once per client."""
        marker = (self.generation, what)
        if marker not in self._told:
            self._told.add(marker)
            self.journal.event(event, **fields)
