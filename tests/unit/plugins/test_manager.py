"""Loading and calling plugins, in one process: what is called, in which order, and who is left out."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from memguard.plugins import CulpritQuestion, DigestQuestion, Finding, PartView, Reading, StrategyQuestion, hookimpl
from memguard.plugins.call_watch import CallWatch
from memguard.plugins.events import KINDS, Event, event_of
from memguard.plugins.hookspecs import HOOKS
from memguard.plugins.manager import Plugin, PluginManager
from memguard.plugins.questions import is_valid, question_of
from memguard.testing.plugin_events import SAMPLE_LINES, sample_events
from memguard.watchdog import plugin_pipe


def plugin(**hooks: Any) -> object:
    """An object with these hooks, as a module is one."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def manager_of(*made: object) -> tuple[PluginManager, list[Plugin]]:
    """A manager with plugins `p0`, `p1`, ...; and those that are disabled, as they are."""
    failed: list[Plugin] = []
    manager = PluginManager(on_failure=failed.append)
    for number, one in enumerate(made):
        manager.register(one, f"p{number}")
    return manager, failed


@pytest.mark.parametrize("name", sorted(KINDS))
def test_each_event_reaches_its_hook_as_an_object_of_its_own_kind(name: str) -> None:
    heard: list[Event] = []
    manager, _ = manager_of(plugin(**{name: lambda event: heard.append(event)}))  # noqa: PLW0108  it has a signature
    for event in sample_events():
        manager.emit(event)
    (event,) = heard
    assert type(event) is KINDS[name]
    assert event.event == name
    assert dict(event.fields) == SAMPLE_LINES[name]


def test_what_hears_everything_hears_events_without_a_kind_too() -> None:
    heard: list[str] = []
    manager, _ = manager_of(plugin(event_recorded=lambda event: heard.append(event.event)))
    for line in (*SAMPLE_LINES.values(), {"event": "part_ended"}):
        manager.emit(event_of(line))
    assert heard == [*SAMPLE_LINES, "part_ended"]


def test_the_events_have_the_seeds_names_for_sizes_and_numbers() -> None:
    warning = event_of({"event": "memory_warning", "footprint_bytes": 3 << 20, "limit_bytes": 2 << 20, "client_pid": 7})
    assert (warning.memory_mb, warning.threshold_mb, warning.process_id) == (3.0, 2.0, 7)  # type: ignore[attr-defined]
    restart = event_of({"event": "restart_initiated", "reason": "r", "footprint_bytes": 1 << 20, "attempt": 2})
    assert (restart.memory_mb, restart.attempt_number, restart.reason) == (1.0, 2, "r")  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_line_with_anything_in_it_makes_an_event(name: str) -> None:
    """It came through a pipe: what is of another type has its default."""
    odd: dict[str, Any] = {key: [1] for key in SAMPLE_LINES[name]} | {"event": name, "more": {}}
    event = event_of(odd)
    assert (event.t_utc, event.guard, event.client_pid) == (0.0, "", 0)
    assert event.fields["more"] == {}


def test_order_and_isolation() -> None:
    heard: list[str] = []

    def fails(event: Event) -> None:  # noqa: ARG001
        heard.append("fails")
        raise KeyboardInterrupt

    first, last = (plugin(restart_failed=_heard(heard, name)) for name in ("first", "last"))
    manager, failed = manager_of(first, plugin(restart_failed=fails), last)
    for _ in range(2):
        manager.emit(event_of({"event": "restart_failed"}))
    assert heard == ["last", "fails", "first", "last", "first"]
    assert [(one.name, one.failed_in, one.hooks) for one in failed] == [("p1", "restart_failed", ())]
    assert failed[0].why.startswith("KeyboardInterrupt at test_manager.py:")


def _heard(heard: list[str], name: str) -> Any:
    def note(event: Event) -> None:  # noqa: ARG001  pluggy asks for the name
        heard.append(name)

    return note


def test_a_hook_may_leave_its_argument_out() -> None:
    heard: list[int] = []
    manager, failed = manager_of(plugin(restart_failed=lambda: heard.append(1)))
    manager.emit(event_of({"event": "restart_failed"}))
    assert (heard, failed) == ([1], [])


def test_calls_are_counted_and_timed() -> None:
    def waits(event: Event) -> None:  # noqa: ARG001
        time.sleep(0.02)  # what is timed is time itself

    manager, _ = manager_of(plugin(restart_failed=waits), plugin(restart_failed=lambda event: None))  # noqa: ARG005
    for _ in range(2):
        manager.emit(event_of({"event": "restart_failed"}))
    slow, quick = manager.plugins["p0"], manager.plugins["p1"]
    assert (slow.calls, quick.calls) == (2, 2)
    assert slow.total_s >= 0.04
    assert 0.02 <= slow.longest_s < slow.total_s
    assert quick.total_s < 0.02, "the time of one is not counted for the other"


class _Limited(CallWatch):
    limit_s = 0.01


def test_one_that_took_too_long_is_disabled_afterwards() -> None:
    failed: list[Plugin] = []
    manager = PluginManager(_Limited(), failed.append)
    manager.register(plugin(restart_failed=lambda: time.sleep(0.05)), "slow")
    manager.emit(event_of({"event": "restart_failed"}))
    manager.emit(event_of({"event": "restart_failed"}))
    assert [(one.name, one.why, one.calls) for one in failed] == [("slow", "it took 0.1 s", 1)]


PARTS = (PartView(pid=10, kind="client"), PartView(pid=20, kind="tool"))
QUESTIONS: dict[str, tuple[Any, Any, tuple[Any, ...]]] = {
    "choose_culprit": (CulpritQuestion(parts=PARTS), 20, (21, "20", 20.0, True, [20])),
    "choose_strategy": (StrategyQuestion(), "fresh", ("rerun", "", 1, ["fresh"])),
    "build_digest": (DigestQuestion(), "what happened", (1, b"what happened", ["x"])),
}


@pytest.mark.parametrize("decision", QUESTIONS)
def test_the_first_valid_answer_decides(decision: str) -> None:
    question, good, bad = QUESTIONS[decision]
    for wrong in bad:
        assert not is_valid(question, wrong)
        answers = (good, None, wrong)
        manager, failed = manager_of(*(plugin(**{decision: _answering(answer)}) for answer in answers))
        assert manager.ask(decision, question) == ("p0", good)
        assert [one.name for one in failed] == ["p2"], "an answer that is none disables"
        assert [one.calls for one in manager.plugins.values()] == [1, 1, 1]
    manager, _ = manager_of(plugin(**{decision: _answering(good)}), plugin(**{decision: _answering(good)}))
    assert manager.ask(decision, question) == ("p1", good)
    assert manager.plugins["p0"].calls == 0, "nobody is asked after that"


def _answering(answer: object) -> Any:
    def decide(question: object) -> object:  # noqa: ARG001
        return answer

    return decide


def test_without_an_answer_memguard_decides() -> None:
    manager, _ = manager_of(plugin(choose_strategy=lambda: None), plugin())
    assert manager.ask("choose_strategy", StrategyQuestion()) is None
    assert manager.ask("choose_culprit", CulpritQuestion()) is None


def test_questions_come_through_a_pipe() -> None:
    parts = [{"pid": 20, "kind": "tool", "rate_bytes_per_s": 1}, "odd", {"pid": "x"}]
    question = question_of("choose_culprit", {"state": "CRITICAL", "least_bytes": None, "parts": parts})
    assert question == CulpritQuestion(
        state="CRITICAL", parts=(PartView(pid=20, kind="tool", rate_bytes_per_s=1), PartView())
    )


def test_findings_reach_the_actions_with_the_name_of_their_detector() -> None:
    acted: list[Finding] = []
    finding = Finding(summary="odd\n" + "x" * 300, detector="somebody else")
    manager, failed = manager_of(
        plugin(detect=lambda reading: finding if reading.state == "WARNING" else None),
        plugin(detect=lambda: "no finding"),
        plugin(act=lambda finding: acted.append(finding)),  # noqa: PLW0108  it has a signature
    )
    assert manager.detect(Reading(state="NORMAL")) == []
    (found,) = manager.detect(Reading(state="WARNING"))
    assert acted == [found]
    assert found.detector == "p0"
    assert found.line() == {"plugin": "p0", "summary": "odd?" + "x" * 196, "wants_snapshot": False}
    assert [one.name for one in failed] == ["p1"]


def test_the_watchdog_counts_the_hooks_as_the_worker_does() -> None:
    assert plugin_pipe._HOOKS == HOOKS


def test_stopping_is_called_once_for_each() -> None:
    heard: list[str] = []
    manager, _ = manager_of(plugin(stopping=lambda: heard.append("a")), plugin(stopping=lambda: heard.append("b")))
    manager.stop()
    assert heard == ["b", "a"]
