"""What is said to become of a session is what will."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from memguard.core.layout import PAUSE, PROTECTION, project_dir, write_pairs
from memguard.core.settings import RestartLimits
from memguard.gate import Event
from memguard.gate.event import Payload
from memguard.gate.outlook import outlook
from memguard.guard.protection import RestartProtection
from tests.unit.guard.limits import PAIRS

GB = 1024**3


@pytest.fixture
def event(tmp_path: Path) -> Event:
    """An event of a session that `memguard run` started."""
    event = Event("PostToolUse", str(tmp_path), "key", Payload(b"{}", b"{}", 2))
    event.guard_id, event.guard_dir = "aa", str(tmp_path / "aa")
    for folder in (event.guard_dir, project_dir(str(tmp_path), "key")):
        Path(folder).mkdir()
    sizes = {"warning_bytes": f"{GB}", "critical_bytes": f"{2 * GB}", "emergency_bytes": f"{3 * GB}"}
    event.pairs = {**PAIRS, **sizes, "mode": "guard"}
    write_pairs(f"{event.guard_dir}/guard", {"restartable": 1, "why": ""})
    return event


def test_a_session_that_will_be_restarted_is_told_when(event: Event) -> None:
    text = outlook(event)
    assert "At 2.0 GB the session is snapshotted and restarted" in text
    assert "at 3.0 GB at once" in text


def test_a_session_that_can_not_be_restarted_is_told_why(event: Event) -> None:
    write_pairs(f"{event.guard_dir}/guard", {"restartable": 0, "why": "--no-session-persistence"})
    assert outlook(event) == "It is not restarted: --no-session-persistence."
    write_pairs(f"{event.guard_dir}/guard", {})
    assert outlook(event) == "It is not restarted: not started by `memguard run`."


def test_observe_mode_is_said(event: Event) -> None:
    event.pairs["mode"] = "observe"
    assert outlook(event) == "It is not restarted: memguard is in observe mode."


def test_a_pause_is_said(event: Event) -> None:
    write_pairs(f"{event.guard_dir}/{PAUSE}", {"until_utc": time.time() + 60})
    assert outlook(event) == "It is not restarted: memguard is paused."


def test_spent_protection_is_said(event: Event) -> None:
    limits = RestartLimits(event.pairs)
    protection = RestartProtection(f"{event.state_dir}/{PROTECTION}", event.guard_id, limits)
    for _ in range(limits.max_attempts):
        protection.record_attempt(success=True, reason="test")
    assert outlook(event).startswith(f"It is not restarted: {limits.max_attempts} restarts in")
