"""The suite for plugins: those that ship pass it, and whatever is wrong with one is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from memguard.plugins import PluginContext
from memguard.plugins.event_log import EventLog
from memguard.plugins.notifier import Notifier
from memguard.testing.contracts import PluginContract

pytest_plugins = ["pytester"]


class TestEventLog(PluginContract):
    name: ClassVar[str] = "event-log"

    def make(self, context: PluginContext) -> object:
        return EventLog(context)


class TestNotifier(PluginContract):
    name: ClassVar[str] = "notifier"
    options: ClassVar[dict[str, Any]] = {"command": ["true"], "events": ["*"]}

    def make(self, context: PluginContext) -> object:
        return Notifier(context)


FAULTS = {
    "def event_recorded(self, event): raise ValueError": "memguard would disable it: in event_recorded: ValueError",
    "def event_recorded(self, event): event.fields['limit_bytes']": "KeyError",
    "def event_recorded(self, event): import time; time.sleep(0.2)": "memguard disables it after 0.1 s",
    "def memory_warnin(self, event): pass": "memory_warnin",
    "def memory_warning(self, happened): pass": "happened",
    "def choose_strategy(self, question): return 'rerun'": "'rerun' is no answer to choose_strategy",
    "def choose_culprit(self, question): return 1": "1 is no answer to choose_culprit",
    "def detect(self, reading): return 'much'": "its answer is no Finding",
    "def detect(self, reading): return Finding(summary='')": "a finding says what was found",
    "def act(self, finding): finding.more": "AttributeError",
    "def stopping(self): import time; time.sleep(0.2)": "memguard disables it after 0.1 s",
}


def test_what_is_wrong_is_named(pytester: pytest.Pytester) -> None:
    """Each for itself, with a time limit that the test can wait for."""
    head = "from memguard.plugins import *\nfrom memguard.testing.contracts import PluginContract, plugin\n"
    head += "plugin.TIME_LIMIT_S = 0.1\n"
    classes = [
        f"class Made{n}:\n    @hookimpl\n    {body}\n"
        f"class Test{n}(PluginContract):\n    def make(self, context):\n        return Made{n}()\n"
        for n, body in enumerate(FAULTS)
    ]
    pytester.makepyfile(test_broken=head + "".join(classes) + "class TestNone(PluginContract):\n    make = object\n")
    result = pytester.runpytest_subprocess("-q", "-rfE", "-p", "no:memguard")
    text = result.stdout.str()
    lines = [line for line in result.stdout.lines if line.startswith(("FAILED", "ERROR"))]
    for n, words in enumerate(FAULTS.values()):
        assert any(f"Test{n}::" in line for line in lines), f"{words} is not found\n{text}"
        assert words in text


def test_one_that_is_not_installed_is_said(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_named="""
        from memguard.plugins import hookimpl
        from memguard.testing.contracts import PluginContract

        class Made:
            @hookimpl
            def stopping(self): pass

        class TestNamed(PluginContract):
            name = "nobody-installed-this"
            def make(self, context):
                return Made()
        """
    )
    result = pytester.runpytest_subprocess("-q", "-p", "no:memguard")
    result.stdout.fnmatch_lines(["*none installed under this name*"])
    assert result.parseoutcomes()["failed"] == 1


def test_the_suite_leaves_nothing_in_a_home(tmp_path: Path) -> None:
    from memguard.testing.plugin_events import plugin_context

    EventLog(plugin_context(tmp_path, name="event-log"))
    assert (tmp_path / "plugins" / "event-log" / "events.jsonl").exists()
