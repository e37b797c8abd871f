"""What a real session writes into memguard's log: each level has what it is for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import pytest

from memguard.core.log import HUMAN, INFO, LEVELS, use_log
from memguard.watchdog.journal import level_of
from tests.guard_rig import GuardRig
from tests.sandbox import Sandbox, wait_until

TIGHT = "[thresholds]\nwarning = 90\ncritical = 120\nemergency = 2000\n[restart_policy]\nboundary_timeout = 1\n"


@pytest.fixture(autouse=True)
def _as_at_first() -> None:
    use_log(INFO, HUMAN)


def texts(box: Sandbox, level: str) -> list[str]:
    """The entries of this very level."""
    found = [json.loads(line) for line in box.memguard("log", "--json", "--level", level.lower()).stdout.splitlines()]
    return [entry["text"] for entry in found if entry["level"] == level]


def run(box: Sandbox, log: str) -> None:
    """A session that leaks over its critical limit, and is restarted once."""
    box.config(f"{TIGHT}[log]\n{log}\n")
    session = box.start("--steps", "40", "--leak-mb", "40", "--step-s", "0.7", "count")
    wait_until(lambda: box.events("state_restored"), "a restart", 60)
    session.terminate()
    session.wait(30)


@pytest.mark.parametrize("kind", ["human", "json"])
def test_each_level_has_what_it_is_for(opted_in: Sandbox, kind: str) -> None:
    run(opted_in, f'level = "debug"\nformat = "{kind}"')
    assert any(": reading: " in text and " bytes in " in text for text in texts(opted_in, "DEBUG"))
    for event in ("monitoring_started", "restart_initiated", "state_captured", "state_restored"):
        assert any(f": {event} " in text for text in texts(opted_in, "INFO")), event
    assert any(": memory_warning " in text for text in texts(opted_in, "WARNING"))
    raw = (opted_in.state / "memguard.log").read_text().splitlines()
    assert [line for line in raw if line.startswith("{") != (kind == "json")] == []
    assert all(line.isprintable() for line in raw)


def test_a_person_who_wants_errors_alone_gets_no_line_of_a_session_that_goes_well(opted_in: Sandbox) -> None:
    opted_in.config('[log]\nlevel = "error"\n')
    session = opted_in.start("--steps", "1")
    session.wait(30)
    wait_until(lambda: opted_in.events("monitoring_stopped"), "its end")
    assert opted_in.memguard("log").stdout == ""


@pytest.mark.parametrize(
    ("event", "fields", "level"),
    [
        ("monitoring_started", {}, "INFO"),
        ("restart_initiated", {"strategy": "resume"}, "INFO"),
        ("memory_warning", {"state": "WARNING"}, "WARNING"),
        ("memory_threshold_exceeded", {"state": "CRITICAL"}, "WARNING"),
        ("degradation_changed", {"mode": "READ_ONLY"}, "WARNING"),
        ("health_warning", {"of": "snapshots"}, "WARNING"),
        ("restart_failed", {"why": "x"}, "ERROR"),
        ("memory_threshold_exceeded", {"state": "EMERGENCY"}, "CRITICAL"),
        ("degradation_changed", {"mode": "EMERGENCY"}, "CRITICAL"),
    ],
)
def test_an_event_has_the_level_of_its_kind(rig: GuardRig, event: str, fields: dict[str, object], level: str) -> None:
    assert level_of(event, fields) == level
    rig.session.journal.event(event, **fields)
    (line,) = rig.log().splitlines()
    assert line.split()[1] == level
    assert f"watchdog {rig.session.guard_id}: {event}" in line


def test_a_failed_hook_is_an_error(opted_in: Sandbox) -> None:
    compiled = opted_in.state_folder / "compiled"
    text = compiled.read_text()
    compiled.write_text("".join(line for line in text.splitlines(keepends=True) if not line.startswith("runtime=")))
    opted_in.hook("stop", b'{"session_id":"11111111-2222-3333-4444-555555555555"}')
    assert any("hook Stop: KeyError" in text for text in texts(opted_in, "ERROR"))


def test_a_watchdog_that_dies_is_critical(opted_in: Sandbox) -> None:
    from memguard.watchdog import loop

    guard = opted_in.runtime / "memguard" / "guards" / "g1"
    guard.mkdir(parents=True)
    key = opted_in.state_folder.name
    (opted_in.state_folder / "compiled").write_text("torn\n")
    assert loop.main([str(guard), str(opted_in.state), key]) == 1
    assert any("watchdog g1 died" in text for text in texts(opted_in, "CRITICAL"))
    shutil.rmtree(guard)


def test_the_level_of_a_running_guard_follows_its_compiled_file(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig(log_level="CRITICAL")
    rig.session.journal.event("restart_failed", why="x")
    assert rig.log() == ""
    rig.compile({"log_level": "INFO", "mode": "observe"})
    rig.look()
    rig.session.journal.event("restart_failed", why="x")
    assert [line.split()[1] for line in rig.log().splitlines()] == ["ERROR"]
    assert set(LEVELS) == {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
