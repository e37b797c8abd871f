"""Plugins, loaded and called one at a time: each call is timed, and whoever fails or is slow is not called again.

pluggy knows which hooks there are, checks signatures and keeps the order (last enabled, first called). Its own call
stops at the first exception without a word of whose it was, so the plugins are called from here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import pluggy

from memguard.core.errors import MemguardError
from memguard.core.log import printable
from memguard.plugins.call_watch import CallWatch
from memguard.plugins.context import PluginContext
from memguard.plugins.events import KINDS, Event
from memguard.plugins.findings import Finding, Reading
from memguard.plugins.hookspecs import HOOKS, PROJECT, MemguardSpecs
from memguard.plugins.installed import installed_plugins
from memguard.plugins.questions import CULPRIT, DIGEST, STRATEGY, Question, is_valid

MOST_PLUGINS = 30  # so that what is said of all of them fits into one packet
_START = 255  # of a hook: it is being imported and made
_EVERY_EVENT = "event_recorded"
_EVERY_NUMBER = HOOKS.index(_EVERY_EVENT)


class PluginError(MemguardError):
    """A plugin can't be loaded."""


@dataclass
class Plugin:
    """One that is enabled. `failed_in` is the hook that it was disabled for (`start`: it never ran), with `why`."""

    name: str
    number: int
    hooks: tuple[str, ...] = ()
    calls: int = 0
    total_s: float = 0.0
    longest_s: float = 0.0
    failed_in: str = ""
    why: str = ""

    @property
    def is_enabled(self) -> bool:
        """Whether it is called."""
        return not self.failed_in


class Answer(NamedTuple):
    """What a plugin decided."""

    plugin: str
    value: Any


_Call = tuple[Plugin, Callable[..., Any], bool]  # whose it is, what is called, whether it takes the argument


def _unheard(plugin: Plugin) -> None:
    """Nobody wants to know."""


@dataclass
class PluginManager:
    """The plugins of one process. `on_failure` is told of each that is disabled, once."""

    watch: CallWatch = field(default_factory=CallWatch)
    on_failure: Callable[[Plugin], None] = _unheard
    plugins: dict[str, Plugin] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(MemguardSpecs)
        self._calls: dict[str, list[_Call]] = {}
        self._for_event: dict[str, tuple[int, list[_Call]]] = {}
        self._told: set[str] = set()  # whose failure somebody was told of
        self.is_forked = False  # a plugin forked, and this is the child: it ends as soon as it comes back

    def load(self, context: PluginContext) -> bool:
        """Import and make the one that is installed under the context's name; whether it is there to be called."""
        plugin = self._added(context.name)
        try:
            self.watch.begin(plugin.number, _START)
            self._register(plugin, _made(context))
        except BaseException as error:  # noqa: BLE001  it may even call sys.exit
            self._disable(plugin, "start", _described(error))
        finally:
            self._end_child()
            self.watch.end()
        return plugin.is_enabled

    def leave_out(self, name: str) -> None:
        """Count one that is not to be called: those behind it keep their numbers."""
        plugin = self._added(name)
        plugin.failed_in, plugin.why = "start", "left out"
        self._told.add(name)

    def register(self, made: object, name: str) -> Plugin:
        """Take a plugin that is an object already. Raises PluginError where a hook of it isn't as specified."""
        plugin = self._added(name)
        self._register(plugin, made)
        return plugin

    def _end_child(self) -> None:
        """The child of a plugin's fork has come back as if it were us."""
        if self.is_forked:
            os._exit(0)

    def _added(self, name: str) -> Plugin:
        if name in self.plugins or len(self.plugins) == MOST_PLUGINS:
            raise PluginError(f"{name} is enabled twice, or there are too many", "correct [plugins] enabled")
        self.plugins[name] = Plugin(name, len(self.plugins) + 1)
        return self.plugins[name]

    def _register(self, plugin: Plugin, made: object) -> None:
        try:
            self._pluggy.register(made, plugin.name)
            self._pluggy.check_pending()
            _refuse_wrappers(self._pluggy, made)
        except (pluggy.PluginValidationError, ValueError, PluginError) as error:
            self._pluggy.unregister(name=plugin.name)
            what = error.what if isinstance(error, PluginError) else str(error)
            raise PluginError(" ".join(what.split()), "docs/writing-a-plugin.md lists the hooks") from None
        self._prepare()
        plugin.hooks = tuple(hook for hook in HOOKS if any(call[0] is plugin for call in self._calls[hook]))

    def _prepare(self) -> None:
        """Look up once what is called for what: an event would otherwise pay for it each time."""
        by_name = {name: self.plugins[name] for name, made in self._pluggy.list_name_plugin() if made is not None}
        for hook in HOOKS:
            found = reversed(getattr(self._pluggy.hook, hook).get_hookimpls())
            calls = [(by_name[impl.plugin_name], impl.function, bool(impl.argnames)) for impl in found]
            self._calls[hook] = [call for call in calls if call[0].is_enabled]
        for name in KINDS:
            self._for_event[name] = (HOOKS.index(name), self._calls[name])

    def hooks(self) -> list[str]:
        """The hooks that some enabled plugin implements."""
        return [hook for hook, calls in self._calls.items() if calls]

    def implementations(self, hook: str) -> list[Callable[[object], Any]]:
        """What is called for a hook, by no clock and with no net below: for tests of plugins."""
        return [_with_argument(function, takes) for _, function, takes in self._calls.get(hook, ())]

    def emit(self, event: Event) -> None:
        """Tell each plugin that wants to know: those first that write everything down, before one ends the process."""
        every = self._calls.get(_EVERY_EVENT)
        if every:
            self._call(_EVERY_NUMBER, every, event)
        found = self._for_event.get(event.event)
        if found and found[1]:
            self._call(found[0], found[1], event)

    def ask(self, decision: str, question: Question) -> Answer | None:
        """The first valid answer to one of the three decisions; one that is not valid disables its plugin."""
        number = HOOKS.index(decision)
        for call in list(self._calls.get(decision, ())):
            (answer,) = self._call(number, [call], question) or (None,)
            if answer is None:
                continue
            if is_valid(question, answer.value):
                return answer
            self._disable(call[0], decision, f"its answer is no {_ANSWERS[decision]}")
        return None

    def detect(self, reading: Reading) -> list[Finding]:
        """What the detectors find; each finding is given to the actions."""
        answers = self._call(HOOKS.index("detect"), self._calls.get("detect", []), reading)
        findings = []
        for plugin, value in answers:
            if isinstance(value, Finding):
                findings.append(Finding(summary=value.summary, wants_snapshot=value.wants_snapshot, detector=plugin))
            else:
                self._disable(self.plugins[plugin], "detect", "its answer is no Finding")
        for finding in findings:
            self._call(HOOKS.index("act"), self._calls.get("act", []), finding)
        return findings

    def stop(self) -> None:
        """Let each finish what it has begun."""
        self._call(HOOKS.index("stopping"), self._calls.get("stopping", []), None)

    def _call(self, hook: int, calls: list[_Call], argument: object) -> list[Answer]:
        """Call each; what it returned, if anything. Kept in one piece: it is what an event costs."""
        begin, limit_s = self.watch.begin, self.watch.limit_s
        answers: list[Answer] = []
        failed = False
        begun_s = perf_counter()
        for plugin, function, takes_argument in calls:
            begin(plugin.number, hook)
            try:
                value = function(argument) if takes_argument else function()
            except BaseException as error:  # noqa: BLE001  it may even call sys.exit
                value, plugin.failed_in, plugin.why = None, HOOKS[hook], _described(error)
            if self.is_forked:
                os._exit(0)
            ended_s = perf_counter()
            took_s, begun_s = ended_s - begun_s, ended_s
            plugin.calls += 1
            plugin.total_s += took_s
            plugin.longest_s = max(took_s, plugin.longest_s)
            if took_s > limit_s and not plugin.failed_in:
                plugin.failed_in, plugin.why = HOOKS[hook], f"it took {took_s:.1f} s"
            failed = failed or bool(plugin.failed_in)
            if value is not None:
                answers.append(Answer(plugin.name, value))
        self.watch.end()
        if failed:
            self._note_failures()
        return answers

    def _disable(self, plugin: Plugin, hook: str, why: str) -> None:
        plugin.failed_in, plugin.why = hook, printable(why, 200)
        self._note_failures()

    def _note_failures(self) -> None:
        """Take whoever has failed out of every hook, and say so once."""
        for plugin in self.plugins.values():
            if not plugin.is_enabled and plugin.name not in self._told:
                self._told.add(plugin.name)
                plugin.hooks = ()
                if self._pluggy.has_plugin(plugin.name):
                    self._pluggy.unregister(name=plugin.name)
                self.on_failure(plugin)
        self._prepare()


_ANSWERS = {CULPRIT: "pid of one of the parts", STRATEGY: "strategy", DIGEST: "text"}


def _with_argument(function: Callable[..., Any], takes_argument: bool) -> Callable[[object], Any]:
    return function if takes_argument else lambda _: function()


def _made(context: PluginContext) -> object:
    """What the entry point names: called with the context where it can be, else (a module) taken as it is."""
    found = installed_plugins(context.name)
    if len(found) != 1:
        raise PluginError(f"{len(found) or 'none'} installed under this name", "see `memguard plugins list`")
    named = found[0].entry_point.load()
    return named(context) if callable(named) else named


def _refuse_wrappers(manager: pluggy.PluginManager, made: object) -> None:
    for caller in manager.get_hookcallers(made) or ():
        if any(impl.plugin is made and (impl.hookwrapper or impl.wrapper) for impl in caller.get_hookimpls()):
            raise PluginError(f"{caller.name} is a wrapper", "implement the hook itself")


def _described(error: BaseException) -> str:
    """The kind of an error and where it was raised; its words only where they are about options or signatures."""
    if isinstance(error, MemguardError):
        return error.what
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f" at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else ""
    name = f" ({error.name})" if isinstance(error, ImportError) and error.name else ""
    return f"{type(error).__name__}{name}{where}"
