"""What a watchdog knows of the session that it guards: its client now, its settings, its record on disk."""

import os
import time

from memguard.core.identity import ProcessId
from memguard.core.layout import (
    COMPILED,
    GUARD,
    PROTECTION,
    REQUEST,
    SESSIONS,
    SPOOL,
    is_plain_id,
    project_dir,
    read_pairs,
)
from memguard.core.log import use_log
from memguard.core.pause import is_paused
from memguard.core.settings import load_settings
from memguard.core.thresholds import EMERGENCY, NORMAL
from memguard.core.ticket import RESUME
from memguard.guard import ruleset
from memguard.host import identity
from memguard.host.containment.choice import take_up
from memguard.watchdog.activity import Activity
from memguard.watchdog.beyond import Beyond
from memguard.watchdog.culprits import Culprits
from memguard.watchdog.degradation import Degradation
from memguard.watchdog.health import HealthWatch
from memguard.watchdog.journal import Journal
from memguard.watchdog.limit_keeper import LimitKeeper
from memguard.watchdog.neighbours import Neighbours
from memguard.watchdog.nesting import GuardedClients
from memguard.watchdog.own_part import OwnPart
from memguard.watchdog.parts import Parts
from memguard.watchdog.resumption import Resumption
from memguard.watchdog.shortage import Shortage
from memguard.watchdog.start_watch import StartWatch
from memguard.watchdog.strays import Strays
from memguard.watchdog.subject import Subject, config_dir_of
from memguard.watchdog.tool_ledger import ToolLedger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.guard.protection import RestartProtection
    from memguard.watchdog.plugin_pipe import PluginPipe
    from memguard.watchdog.respawn import Relauncher


class GuardedSession:
    """One guard. `generation` counts its clients from 0; it is -1, without `subject` and `activity`, before the first.

    `subject` is the present client's memory, `parts` what it is divided into, `activity` what it is doing.
    """

    def __init__(self, guard_dir: str, state_dir: str, key: str) -> None:
        self.guard_dir = guard_dir
        self.guard_id = os.path.basename(guard_dir)
        self.state_dir = state_dir
        self.key = key
        self.project_dir = project_dir(state_dir, key)
        self.journal = Journal(guard_dir, state_dir, key)
        self.facts = read_pairs(f"{guard_dir}/{GUARD}")
        launcher = self.facts.get("launcher", "")
        self.launcher = ProcessId.from_text(launcher) if launcher else None
        own = f"{guard_dir}/{COMPILED}"
        self._compiled = own if os.path.exists(own) else f"{self.project_dir}/{COMPILED}"
        self._compiled_mtime = os.stat(self._compiled).st_mtime_ns
        self.settings = load_settings(self._compiled)
        use_log(self.settings.log_level, self.settings.log_format)
        self.next_strategy = RESUME
        self.restarted_with = ""  # the strategy of the last restart
        self.is_prompt_given = False  # for ever, once any client took the person's first prompt in
        self.generation = -1
        self.containment = take_up(guard_dir, self.settings.containment, self.launcher)
        self._beyond = Beyond(self.containment, Strays(self).pids)
        self.neighbours = Neighbours(guard_dir, self.journal)
        self._guarded_clients = GuardedClients(self.neighbours.runtime_dir)
        self.culprits = Culprits(self)
        self.relauncher: Relauncher | None = None  # where no launcher is there to start the next client
        self.plugins: PluginPipe | None = None  # where the person has enabled any
        self.subject: Subject
        self.shortage: Shortage
        self.parts: Parts
        self.ledger: ToolLedger
        self.own_part: OwnPart
        self.degradation = Degradation(self)
        self.health = HealthWatch(self)
        self.limit_keeper = LimitKeeper(self)
        self.activity: Activity
        self.resumption: Resumption
        self.start_watch: StartWatch

    def take_up(self, client: ProcessId, generation: int) -> None:
        """Begin with another client."""
        self.generation = generation
        self.subject = Subject(client)
        self.shortage = Shortage(client.pid)
        self.parts = Parts(client.pid)
        self.ledger = ToolLedger(self)
        spool = f"{self.project_dir}/{SPOOL}"
        transcript_bytes = self.activity.transcript_bytes() if self.restarted_with == RESUME else 0
        self.activity = Activity(self.guard_dir, spool, client, config_dir_of(client.pid))
        self.activity.resumed_bytes = transcript_bytes
        self.resumption, self.start_watch = Resumption(self), StartWatch(self)
        self.own_part = OwnPart(self)
        if not self.launcher:
            self._plan_without_launcher(client)

    def _plan_without_launcher(self, client: ProcessId) -> None:
        """Find out how the next client could be started. What that takes, a guard with a launcher does without."""
        from memguard.watchdog.plain import planned
        from memguard.watchdog.respawn import relauncher_for

        self.facts = planned(self.guard_dir, client, self.settings) or self.facts
        self.relauncher = relauncher_for(self)

    @property
    def compiled(self) -> str:
        """The path of the configuration that this guard goes by."""
        return self._compiled

    def start_plugins(self) -> None:
        """Have the person's plugins told of what happens from here on."""
        if self.settings.plugins:
            from memguard.watchdog.plugin_pipe import PluginPipe

            self.plugins = PluginPipe(self)
            self.plugins.start()
            self.journal.listener = self.plugins.event

    def has_launcher(self) -> bool:
        """Whether the launcher that owns the terminal still lives."""
        return self.launcher is not None and identity.is_alive(self.launcher)

    def has_client(self) -> bool:
        """Whether there is a client, and it lives."""
        return self.generation >= 0 and self.subject.is_alive()

    def session_ids(self) -> list[str]:
        """All the session ids that this guard's clients have had."""
        try:
            names = os.listdir(f"{self.guard_dir}/{SESSIONS}")
        except OSError:
            names = []
        return sorted({name for name in [*names, self.activity.session_id] if is_plain_id(name)})

    def protection(self) -> "RestartProtection":
        """The restart attempts of this guard."""
        from memguard.guard.protection import RestartProtection  # 0.1 MiB that a host without restarts does without

        lineage = self.facts.get("lineage") or self.guard_id
        return RestartProtection(f"{self.state_dir}/{PROTECTION}", lineage, self.settings.restart)

    def pending_age_s(self) -> float:
        """How long ago the attempt began that has no outcome yet; below 0 where there is none."""
        is_recorded = os.path.exists(f"{self.state_dir}/{PROTECTION}")
        return self.protection().pending_age_s() if is_recorded else -1.0

    def look(self) -> None:
        """Take in what is new: settings, events, memory."""
        self._refresh_settings()
        self.facts = read_pairs(f"{self.guard_dir}/{GUARD}") or self.facts  # the launcher may say: not any more
        self.activity.update()
        self.resumption.look()
        self.is_prompt_given = self.is_prompt_given or self.activity.is_prompt_given
        self.subject.resumed_bytes = self.activity.resumed_bytes
        self.shortage.look()
        self.subject.look(self.settings.thresholds, self._beyond, self.nested_clients())
        # A call in the background is over at once, and its process goes on.
        calls = {**self.activity.just_over, **self.activity.in_flight}
        self.parts.update(self.subject.reading, calls, self.settings.tools)
        self.ledger.update()
        self.own_part.update()
        self.start_watch.look()

    def next_limit_bytes(self) -> int:
        """The limit that the session comes to next; 0 beyond the last."""
        held_bytes, limits = self.subject.held_bytes(), self.settings.thresholds
        headroom_bytes = limits.headroom_bytes(held_bytes)
        return held_bytes + headroom_bytes if headroom_bytes else 0

    def nested_clients(self) -> "frozenset[int]":
        """The other guarded clients of this host: one inside a tool of ours has a guard of its own."""
        return self._guarded_clients.now() - {self.subject.client.pid}

    def _refresh_settings(self) -> None:
        try:
            mtime = os.stat(self._compiled).st_mtime_ns
            if mtime != self._compiled_mtime:
                self.settings, self._compiled_mtime = load_settings(self._compiled), mtime
                use_log(self.settings.log_level, self.settings.log_format)
        except (OSError, KeyError, ValueError):
            return  # opted out meanwhile, or torn: what was read first still holds

    def view(self) -> ruleset.View:
        """What the ruleset decides by."""
        subject = self.subject
        view = ruleset.View(subject.state, self.settings.mode)
        view.requested_s = _age_s(f"{self.guard_dir}/{REQUEST}")
        view.is_requested = view.requested_s >= 0
        is_opted_in = os.path.exists(f"{self.project_dir}/{COMPILED}")
        view.is_paused = is_paused(self.guard_dir, self.project_dir) or not is_opted_in
        is_ended_instead = self.facts.get("way") == "end" and subject.state == EMERGENCY
        view.is_restartable = self.facts.get("restartable") == "1" or is_ended_instead
        view.is_starting = subject.is_starting
        view.is_resume_peak = subject.is_resume_peak()
        view.is_settled = subject.trend.is_settled()
        view.is_stopped = subject.is_stopped()
        view.over_s = subject.over_s()
        view.is_host_short = self.shortage.is_short
        view.excess = self.culprits.find()
        view.is_host_victim = self.own_part.is_victim()
        view.victim_s, view.host_reason = self.neighbours.victim_s, self.neighbours.reason
        view.is_others_turn = self.neighbours.standing not in ("", self.guard_id)
        if subject.state != NORMAL or view.is_requested or view.is_host_victim:
            view.forecast_s = subject.trend.seconds_until(self.settings.thresholds.emergency_bytes)
            view.at_boundary = self._at_boundary(view.is_requested)
        return view

    def _at_boundary(self, is_requested: bool) -> bool:
        """`claude -p` has one turn, and is gone at its end; whoever asks for a restart is not typing to the client."""
        quiet_s = 0.0 if is_requested else self.settings.restart.typing_quiet_s
        is_print = self.facts.get("print") == "1"
        return not is_print and self.activity.at_boundary() and self.activity.nobody_types(quiet_s)


def _age_s(path: str) -> float:
    """Seconds since a file was written; -1 where there is none."""
    try:
        return max(0.0, time.time() - os.stat(path).st_mtime)
    except OSError:
        return -1.0
