"""The plugin worker: every plugin of one guarded session, in a process that may die of them.

    python -I -m memguard.plugins.worker --compiled FILE --state DIR --guard DIR --without "NAME NAME"

The watchdog writes packets to its standard input, one JSON object each, and reads packets from its standard output:

    {"event": ...}                          told to the plugins
    {"reading": {...}}                      given to the detectors
    {"ask": NUMBER, "decision": ..., ...}   answered by {"answer": NUMBER, "plugin": ..., "value": ...}

Unasked it says {"hooks": [...]} when it is ready or has lost a plugin, {"failed": NAME, ...}, {"finding": {...}} and
{"timing": {...}}. What plugins print goes nowhere. It ends with its standard input, as when the watchdog dies.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from memguard.core.layout import read_pairs
from memguard.core.log import append_log, printable, use_log
from memguard.core.nudge import nudge
from memguard.plugins.call_watch import KernelWatch
from memguard.plugins.context import PluginContext
from memguard.plugins.enabled import Enabled
from memguard.plugins.events import event_of
from memguard.plugins.findings import reading_of
from memguard.plugins.limits import limit_memory
from memguard.plugins.manager import Plugin, PluginManager
from memguard.plugins.questions import question_of

MARK = "plugin-call"  # in the guard's folder
_LONGEST_PACKET = 65536
# Importing a library of some size takes seconds on a slow disk, and delays nothing.
_START_LIMIT_S = 15.0
_TIMING_EVERY_S = 5.0


def main(argv: Sequence[str]) -> int:
    """Serve until the watchdog hangs up; 0."""
    values = dict(zip(argv[::2], argv[1::2], strict=False))
    pairs = read_pairs(values["--compiled"])
    use_log(pairs.get("log_level", ""), pairs.get("log_format", ""))
    enabled = Enabled.of(pairs)
    orders, answers = _take_pipes()
    limit_memory(enabled.memory_bytes)
    watch = KernelWatch(f"{values['--guard']}/{MARK}", _START_LIMIT_S)
    worker = Worker(values["--guard"], orders, answers, PluginManager(watch))
    os.register_at_fork(after_in_child=worker.forked)
    worker.load(enabled, values["--state"], values.get("--without", "").split())
    watch.limit_s = enabled.timeout_s
    worker.serve(watch)
    return 0


def _take_pipes() -> tuple[int, int]:
    """Both pipes under numbers that plugins don't know, and that nothing inherits; what they print goes nowhere."""
    orders, answers = os.dup(0), os.dup(1)
    os.set_blocking(answers, False)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    return orders, answers


class Worker:
    """Reads orders, calls plugins, answers."""

    def __init__(self, guard_dir: str, orders: int, answers: int, manager: PluginManager) -> None:
        self._guard_dir = guard_dir
        self._orders = orders
        self._answers = answers
        self._manager = manager
        self._timed_s = 0.0
        manager.on_failure = self._failed

    def forked(self) -> None:
        """This is now the child of a plugin's fork: it must neither take orders nor answer."""
        if self._manager.is_forked:
            return
        self._manager.is_forked = True
        for descriptor in (self._orders, self._answers):
            os.close(descriptor)

    def load(self, enabled: Enabled, state_dir: str, without: Sequence[str]) -> None:
        """Load what is enabled and not yet known to fail, in the person's order."""
        for name in enabled.names:
            if name in without:
                continue
            context = PluginContext(
                name=name, options=enabled.options.get(name, {}), state_dir=state_dir, timeout_s=enabled.timeout_s,
                log=_Log(state_dir, name),
            )  # fmt: skip
            self._manager.load(context)
        self._say({"hooks": self._manager.hooks()})

    def serve(self, watch: KernelWatch) -> None:
        """Until nobody is there who could order anything."""
        while packet := os.read(self._orders, _LONGEST_PACKET):
            self._obey(json.loads(packet))
            watch.handled()
            self._tell_timing()
        self._manager.stop()
        self._tell_timing(0)

    def _obey(self, order: Mapping[str, Any]) -> None:
        if "event" in order:
            self._manager.emit(event_of(order))
        elif "ask" in order:
            answer = self._manager.ask(order["decision"], question_of(order["decision"], order))
            plugin, value = answer or ("", None)
            self._say({"answer": order["ask"], "plugin": plugin, "value": value})
        elif "reading" in order:
            for finding in self._manager.detect(reading_of(order["reading"])):
                self._say({"finding": finding.line()}, wakes=True)

    def _failed(self, plugin: Plugin) -> None:
        self._say({"failed": plugin.name, "hook": plugin.failed_in, "why": plugin.why}, wakes=True)
        if plugin.failed_in != "start":
            self._say({"hooks": self._manager.hooks()})

    def _tell_timing(self, every_s: float = _TIMING_EVERY_S) -> None:
        now_s = time.monotonic()
        if now_s - self._timed_s < every_s:
            return
        self._timed_s = now_s
        timing = {
            plugin.name: [plugin.calls, round(plugin.total_s * 1000, 3), round(plugin.longest_s * 1000, 3)]
            for plugin in self._manager.plugins.values()
        }
        self._say({"timing": timing})

    def _say(self, message: Mapping[str, object], *, wakes: bool = False) -> None:
        """Never wait for the watchdog: it may be waiting for us."""
        try:
            os.write(self._answers, json.dumps(message).encode())
        except OSError:
            return  # it has more unread than the pipe holds, or is gone
        if wakes:
            nudge(self._guard_dir)


class _Log:
    """A plugin's lines in memguard's log, some at most: one that logs each event would push out everything else."""

    def __init__(self, state_dir: str, name: str) -> None:
        self._state_dir = state_dir
        self._name = name
        self._left = 100

    def __call__(self, text: str) -> None:
        if self._left > 0:
            self._left -= 1
            append_log(self._state_dir, f"plugin {self._name}: {printable(text, 300)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
