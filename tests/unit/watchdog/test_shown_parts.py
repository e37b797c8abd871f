"""The parts of a session as `memguard status` shows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from memguard.core.identity import ProcessId
from memguard.core.part import CLIENT, MCP, TOOL, Part
from memguard.core.reading import ProcessReading
from memguard.testing.fake_clock import FakeClock
from memguard.watchdog import shown_parts as shown_parts_module
from memguard.watchdog.shown_parts import ShownParts
from tests.guard_rig import MB, GuardRig

if TYPE_CHECKING:
    from collections.abc import Callable


def shown(rig: GuardRig) -> list[dict[str, Any]]:
    return ShownParts().of(rig.session)


def part(kind: str, size_bytes: int, name: str = "x") -> Part:
    return Part(kind, name, ProcessId(7, 1, "b", "1"), [ProcessReading(7, 1, 1, size_bytes)])


def test_the_largest_comes_first(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig({"default": 300 * MB})
    rig.begin_call("toolu_1")
    rig.hold(MCP, 30)
    rig.hold(TOOL, 80)
    rig.look()
    found = shown(rig)
    assert [(entry["kind"], entry["call"], entry["budget_bytes"]) for entry in found] == [
        (TOOL, "toolu_1", 300 * MB), (MCP, "", 300 * MB), (CLIENT, "", 0),
    ]  # fmt: skip
    assert 80 * MB <= found[0]["footprint_bytes"] <= 110 * MB
    json.dumps(found)


def test_nothing_but_names_ids_and_sizes(rig: GuardRig) -> None:
    rig.hold(TOOL, 1)
    rig.look()
    assert {name for entry in shown(rig) for name in entry} == {
        "kind", "name", "call", "footprint_bytes", "budget_bytes",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("size_bytes", "rounded"),
    [
        (0, 0),
        (7, 7),
        (99, 99),
        (100, 100),
        (123, 120),
        (129, 120),
        (123_456_789, 120_000_000),
        (10**10 - 1, 99 * 10**8),
    ],
)
def test_two_digits_are_enough(rig: GuardRig, size_bytes: int, rounded: int) -> None:
    rig.session.parts.now = [part(TOOL, size_bytes)]
    assert shown(rig)[0]["footprint_bytes"] == rounded


def test_a_hundred_readings_a_second_make_one_list(rig: GuardRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status file is written, and synced, when it changes."""
    clock = FakeClock()
    clock.replace_in(monkeypatch, shown_parts_module)
    shown_parts = ShownParts()
    rig.session.parts.now = [part(TOOL, 100)]
    first = shown_parts.of(rig.session)
    for size in range(200, 1000):
        rig.session.parts.now = [part(TOOL, size)]
        clock.advance(0.001)
        assert shown_parts.of(rig.session) is first
    clock.advance(1)
    assert shown_parts.of(rig.session)[0]["footprint_bytes"] == 990


def test_a_session_of_a_thousand_parts_shows_the_largest(rig: GuardRig) -> None:
    rig.session.parts.now = [part(TOOL, size, str(size)) for size in range(1000)]
    found = shown(rig)
    assert len(found) == 20
    assert found[0]["name"] == "999"


def test_a_budget_that_is_gone_is_none(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig({"default": 300 * MB})
    rig.hold(TOOL, 1)
    rig.look()
    rig.session.settings.tools.clear()
    assert {entry["budget_bytes"] for entry in shown(rig)} == {0}
