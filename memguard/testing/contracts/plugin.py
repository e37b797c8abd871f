"""What a plugin of memguard's has to do: see docs/writing-a-plugin.md.

    class TestMine(PluginContract):
        name = "mine"  # of its entry point in the group `memguard`

        def make(self, context: PluginContext) -> object:
            return my_package.plugin.MyPlugin(context)

With a `name`, it has to be installed where the tests run, and is also run as memguard does it: in a process of its own.
"""
# ruff: noqa: D102, S101 -- a suite of tests, whose names say what they are

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from memguard.core.layout import write_pairs
from memguard.plugins.context import PluginContext
from memguard.plugins.events import Event, event_of
from memguard.plugins.findings import Finding
from memguard.plugins.manager import Plugin, PluginManager
from memguard.plugins.questions import Question, is_valid
from memguard.testing.plugin_events import (
    SAMPLE_LINES,
    culprit_question,
    digest_question,
    plugin_context,
    sample_events,
    sample_reading,
    strategy_question,
)
from memguard.watchdog.plugin_process import PluginProcess

TIME_LIMIT_S = 2.0
_WORKER_S = 30.0
QUESTIONS: dict[str, Callable[[], Question]] = {
    "choose_culprit": culprit_question,
    "choose_strategy": strategy_question,
    "build_digest": digest_question,
}


def _of_a_later_memguard() -> list[Event]:
    """More fields, events that there aren't yet, and none of the fields that there are now."""
    more = [event_of({**line, "more": [1, {"x": None}]}) for line in SAMPLE_LINES.values()]
    bare = [event_of({"event": name}) for name in SAMPLE_LINES]
    return [*more, *bare, event_of({"event": "not_there_yet", "t_utc": 1.0})]


class PluginContract:
    """Subclass it, and say how the plugin is made."""

    name: ClassVar[str] = ""
    options: ClassVar[dict[str, Any]] = {}
    python: ClassVar[str] = sys.executable  # where it is installed

    def make(self, context: PluginContext) -> object:
        """Make the plugin: an object whose methods are hooks, or a module."""
        raise NotImplementedError

    @pytest.fixture
    def manager(self, tmp_path: Path) -> PluginManager:
        """memguard's, with the plugin in it; whatever it is disabled for fails the test."""

        def failed(plugin: Plugin) -> None:
            raise AssertionError(f"memguard would disable it: in {plugin.failed_in}: {plugin.why}")

        manager = PluginManager(on_failure=failed)
        context = plugin_context(tmp_path, dict(self.options), self.name or "mine")
        manager.register(self.make(context), context.name)
        return manager

    def test_it_implements_a_hook(self, manager: PluginManager) -> None:
        assert manager.hooks(), "no method is marked with `hookimpl`"

    def test_it_takes_each_event_in_time(self, manager: PluginManager) -> None:
        for event in sample_events():
            manager.emit(event)
        self._is_quick(manager)

    def test_it_takes_the_events_of_a_later_memguard(self, manager: PluginManager) -> None:
        for event in _of_a_later_memguard():
            manager.emit(event)

    def test_it_looks_at_a_reading_and_acts_in_time(self, manager: PluginManager) -> None:
        for finding in manager.detect(sample_reading()):
            assert finding.line()["summary"], "a finding says what was found"
        for function in manager.implementations("act"):
            function(Finding(summary="something", detector="another"))
        self._is_quick(manager)

    @pytest.mark.parametrize("decision", QUESTIONS)
    def test_it_answers_a_question_in_time_with_an_answer_or_none(self, manager: PluginManager, decision: str) -> None:
        question = QUESTIONS[decision]()
        for function in manager.implementations(decision):
            begun_s = time.monotonic()
            value = function(question)
            assert time.monotonic() - begun_s < TIME_LIMIT_S, f"memguard ends it after {TIME_LIMIT_S:g} s"
            assert value is None or is_valid(question, value), f"{value!r} is no answer to {decision}"

    def test_it_stops_in_time(self, manager: PluginManager) -> None:
        for event in sample_events():
            manager.emit(event)
        manager.stop()
        self._is_quick(manager)

    def test_it_is_found_by_its_name_and_runs_in_a_worker(self, tmp_path: Path) -> None:
        if not self.name:
            pytest.skip("the suite was given no name of an entry point")
        said = self._said_by_worker(tmp_path)
        assert not [line for line in said if "failed" in line], said
        assert any(line.get("hooks") for line in said), "no hook of it is known to the worker"
        assert any(line.get("timing") for line in said), "the worker did not come to its end"

    def _said_by_worker(self, folder: Path) -> list[dict[str, Any]]:
        """What the plugin worker says of it, all events told."""
        pairs = {"plugins": self.name, "plugin_timeout_s": TIME_LIMIT_S, "plugin_memory_bytes": 512 * 1024 * 1024}
        write_pairs(f"{folder}/compiled", {**pairs, "plugin_options": json.dumps({self.name: self.options})})
        worker = PluginProcess(str(folder), str(folder), f"{folder}/compiled")
        worker.start(self.python, [])
        for line in SAMPLE_LINES.values():
            worker.send(line)
        worker.hang_up()
        said = list(worker.messages(_WORKER_S))
        worker.kill()
        return said

    def _is_quick(self, manager: PluginManager) -> None:
        (plugin,) = manager.plugins.values()
        assert plugin.longest_s < TIME_LIMIT_S, f"memguard disables it after {TIME_LIMIT_S:g} s"
