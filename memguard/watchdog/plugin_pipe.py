"""The one place where a watchdog has to do with plugins: imported only where the person has enabled any.

Plugins run in the plugin worker. It is told of each event and asked for decisions; nothing here waits for it longer
than said, nothing that it does ends this process, and nothing that it answers is believed unchecked.
"""

import time

from memguard.core.log import described, printable
from memguard.core.thresholds import EMERGENCY
from memguard.watchdog.plugin_decisions import PluginDecisions
from memguard.watchdog.plugin_findings import Detection
from memguard.watchdog.plugin_process import PluginProcess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from memguard.core.identity import ProcessId
    from memguard.watchdog.guarded_session import GuardedSession

# An answer that takes longer is late: a session at CRITICAL has waited for its turn's end already.
_ANSWER_S = 1.0
_URGENT_ANSWER_S = 0.1
# What a worker may take to end once nothing more comes, beside its plugins' own limit.
_FAREWELL_S = 1.0
_STALLED_S = 2.0
# Importing takes seconds on a slow disk; the worker itself allows for 15.
_START_S = 20.0
# A worker that ends while it calls no plugin is nobody's fault that could be named.
_MOST_NAMELESS_ENDS = 3
_LONGEST = 200
_START = "start"
_WORKER = "worker"  # what a plugin is disabled in when all are


class PluginState:
    """One enabled plugin: `failed_in` is the hook that it was disabled for, empty while it is called."""

    __slots__ = ("_calls_before", "_ms_before", "calls", "failed_in", "longest_ms", "total_ms", "why")

    def __init__(self) -> None:
        self.failed_in = ""
        self.why = ""
        self.calls = 0
        self.total_ms = 0.0
        self.longest_ms = 0.0
        self._calls_before = 0  # this worker
        self._ms_before = 0.0

    def keep(self) -> None:
        """Another worker begins to count."""
        self._calls_before, self._ms_before = self.calls, self.total_ms

    def count(self, calls: int, total_ms: float, longest_ms: float) -> None:
        """What the present worker has counted so far."""
        self.calls, self.total_ms = self._calls_before + calls, round(self._ms_before + total_ms, 3)
        self.longest_ms = max(self.longest_ms, longest_ms)


def _at_plugins_cost(step: "Callable[..., None]") -> "Callable[..., None]":
    """A step of PluginPipe's whose failure, whatever it is, ends the plugins and nothing else."""

    def safe(pipe: "PluginPipe", *arguments: object) -> None:
        try:
            step(pipe, *arguments)
        except Exception as error:  # noqa: BLE001  plugins have a hand in what is read here
            pipe.give_up_after(error)

    return safe


class PluginPipe:
    """The plugins of one guarded session. `hooks` are those that some plugin implements, once that is known."""

    def __init__(self, session: "GuardedSession") -> None:
        self._session = session
        self._settings = session.settings
        self.states = {name: PluginState() for name in session.settings.plugins}
        self.hooks: list[str] = []
        self._order: list[str] = []  # as the present worker counts them
        self._process = PluginProcess(session.guard_dir, session.state_dir, session.compiled)
        self._asked = 0
        self._nameless_ends = 0
        self._is_over = False
        self._is_ready = False  # the present worker has loaded its plugins
        self._has_said_full = False
        self._progress = (0, 0.0)  # messages handled, and since when it has been so many
        self._findings: list[dict[str, Any]] = []
        self._detection = Detection(session)
        self.decisions = PluginDecisions(session, self)

    @_at_plugins_cost
    def start(self) -> None:
        """Start the worker; whatever keeps it from starting costs the plugins and nothing else."""
        failed = [name for name, state in self.states.items() if state.failed_in]
        self._order = [name for name in self.states if name not in failed]
        for state in self.states.values():
            state.keep()
        self.hooks, self._is_ready, self._progress = [], False, (0, time.monotonic())
        if not self._order:
            self._end_for_good()
            return
        try:
            self._process.start(self._settings.python, failed)
        except OSError as error:
            self._session.journal.log(f"no plugin runs: their worker can't be started: {described(error)}")
            self._end_for_good()

    def watched(self) -> "list[ProcessId]":
        """Whose end is to wake the watchdog."""
        return [self._process.who] if self._process.who else []

    @_at_plugins_cost
    def event(self, line: "dict[str, object]") -> None:
        """Tell the plugins; never raises, never waits."""
        if self._is_over:
            return
        session = self._session
        more: dict[str, object] = {"project": self._settings.project}
        if session.generation >= 0:
            more |= {"session": session.activity.session_id, "client_pid": session.subject.client.pid}
        if not self._process.send({**more, **line}) and not self._has_said_full:
            self._has_said_full = True
            session.journal.log("plugins miss events: their worker doesn't keep up")

    @_at_plugins_cost
    def look(self) -> None:
        """Take in what the worker says; start it anew where it has ended or hangs."""
        if self._is_over:
            self._process.reap()  # one that could not be ended may have come to its end
            return
        for message in self._process.messages():
            self._take(message)
        self._act_on_findings()
        if self._process.has_ended():
            self._ended()
        elif self._is_stalled():
            if self._process.kill():
                self._ended()
            else:
                self._blame()
                self._give_up("their worker can't be ended: it hangs in the kernel")
        self._show()

    @_at_plugins_cost
    def tell_reading(self) -> None:
        """Give the detectors the session as it was just read."""
        reading = self._detection.reading() if "detect" in self.hooks and not self._is_over else None
        if reading:
            self._process.send({"reading": reading})

    def ask(self, decision: str, question: "dict[str, object]", state: str) -> "tuple[str, Any]":
        """Plugin and answer, not yet checked; empty where nobody decides, or not in time."""
        if self._is_over or decision not in self.hooks:
            return "", None
        self._asked += 1
        limit_s = _URGENT_ANSWER_S if state == EMERGENCY else min(_ANSWER_S, self._settings.plugin_timeout_s)
        deadline_s = time.monotonic() + limit_s
        if not self._process.send({"ask": self._asked, "decision": decision, **question}):
            return "", None
        for message in self._process.messages(limit_s):
            if message.get("answer") == self._asked:
                plugin = str(message["plugin"]) if self._is_enabled(message.get("plugin")) else ""
                return plugin, message.get("value")
            self._take(message)
        if time.monotonic() >= deadline_s:
            self._session.journal.log(f"plugins: no answer to {decision} within {limit_s:g} s")
        return "", None

    @_at_plugins_cost
    def stop(self) -> None:
        """Let what was told be dealt with, for a moment, then end the worker."""
        if self._is_over:
            return
        self._is_over = True
        self._process.hang_up()
        deadline_s = time.monotonic() + self._settings.plugin_timeout_s + _FAREWELL_S
        for message in self._process.messages(deadline_s - time.monotonic()):
            self._take(message)
        while not self._process.has_ended() and time.monotonic() < deadline_s:
            time.sleep(0.01)
        if self._process.pid:
            self._blame()
            if not self._process.kill():
                self._session.journal.log("the plugins' worker can't be ended, and is left behind")

    def give_up_after(self, error: Exception) -> None:
        """No plugin runs any more, since something about them went wrong that nobody had thought of."""
        self._give_up(described(error).partition(": ")[0])  # its words may be a plugin's
        self._process.kill()
        self._show()

    def _give_up(self, why: str) -> None:
        self.hooks = []
        self._end_for_good()
        self._session.journal.log(f"no plugin runs any more: {why}")
        for state in self.states.values():
            if not state.failed_in:
                state.failed_in, state.why = _WORKER, why

    def _is_enabled(self, name: object) -> bool:
        return isinstance(name, str) and name in self.states

    def _take(self, message: "dict[str, Any]") -> None:
        """One message of the worker's, in which a plugin may have had a hand: odd ones are left alone."""
        hooks, timing, finding = message.get("hooks"), message.get("timing"), message.get("finding")
        if isinstance(message.get("failed"), str):
            self._disable(message["failed"], _text(message.get("hook")), _text(message.get("why")))
        if isinstance(hooks, list):
            self.hooks, self._is_ready = [hook for hook in _HOOKS if hook in hooks], True
        if isinstance(timing, dict):
            for name, figures in timing.items():
                self._time(name, figures)
        if isinstance(finding, dict) and self._is_enabled(finding.get("plugin")):
            self._findings.append(finding)

    def _act_on_findings(self) -> None:
        findings, self._findings = self._findings, []
        for finding in findings:
            self._detection.record(finding)

    def _time(self, name: str, figures: object) -> None:
        state = self.states.get(name)
        if state and isinstance(figures, list) and len(figures) == 3 and all(map(_is_figure, figures)):
            state.count(int(figures[0]), float(figures[1]), float(figures[2]))

    def _disable(self, name: str, hook: str, why: str) -> None:
        state = self.states.get(name)
        if state is None or state.failed_in:
            return
        state.failed_in, state.why = hook, why
        where = "at its start" if hook == _START else f"in {state.failed_in}"
        self._session.journal.log(f"plugin {name} is disabled for this session: {where}: {state.why}")
        self._session.journal.event("plugin_disabled", plugin=name, hook=state.failed_in, why=state.why)

    def _is_stalled(self) -> bool:
        """Nothing was handled for longer than any call may take: the kernel's timer was tampered with."""
        handled, now_s = self._process.mark()[2], time.monotonic()
        if handled != self._progress[0] or handled >= self._process.sent:
            self._progress = (handled, now_s)
        limit_s = self._settings.plugin_timeout_s + _STALLED_S if self._is_ready else _START_S
        return now_s - self._progress[1] > limit_s * max(1, len(self._order))

    def _ended(self) -> None:
        for message in self._process.messages():
            self._take(message)
        self._blame()
        if self._nameless_ends >= _MOST_NAMELESS_ENDS:
            self._session.journal.log("no plugin runs any more: their worker ended again and again")
            self._end_for_good()
        else:
            self.start()

    def _blame(self) -> None:
        """Whoever was being called when the worker ended."""
        number, hook, _ = self._process.mark()
        if not 0 < number <= len(self._order):
            self._nameless_ends += 1
            return
        name = self._order[number - 1]
        self._disable(name, _START if hook == 255 else _hook_name(hook), "it ended its process, or took too long")

    def _end_for_good(self) -> None:
        self._is_over = True
        self._process.hang_up()

    def _show(self) -> None:
        shown = [_shown(name, state) for name, state in self.states.items()]
        # Of a worker that is being started, nobody knows yet: whoever needs a plugin then asks.
        self._session.journal.status(plugins=shown, plugin_hooks=self.hooks if self._is_ready else None)


def _shown(name: str, state: PluginState) -> "dict[str, object]":
    return {
        "name": name, "calls": state.calls, "total_ms": state.total_ms, "longest_ms": state.longest_ms,
        "failed_in": state.failed_in, "why": state.why,
    }  # fmt: skip


def _is_figure(value: object) -> bool:
    """Neither a truth value, nor NaN, nor more than can be."""
    return type(value) in (int, float) and 0 <= value < 1e15  # type: ignore[operator]


def _text(value: object) -> str:
    return printable(value, _LONGEST) if isinstance(value, str) and value else "(unknown)"


def _hook_name(number: int) -> str:
    return _HOOKS[number] if number < len(_HOOKS) else "a hook"


# As `plugins.hookspecs.HOOKS`, which a test compares: that module needs pluggy.
_HOOKS = (
    "memory_threshold_exceeded", "memory_warning", "monitoring_started", "monitoring_stopped", "restart_initiated",
    "restart_completed", "restart_failed", "state_captured", "state_restored", "event_recorded", "detect", "act",
    "choose_culprit", "choose_strategy", "build_digest", "stopping",
)  # fmt: skip
