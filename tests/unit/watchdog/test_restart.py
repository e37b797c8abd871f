"""Which calls a restart takes for cut off."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from memguard.core.call import call_fingerprint
from memguard.core.layout import IN_FLIGHT
from memguard.guard import ruleset
from memguard.host import identity
from memguard.watchdog import restart
from memguard.watchdog.restart import Restart
from memguard.watchdog.tool_call import ToolCall

if TYPE_CHECKING:
    from pathlib import Path


def _transcript(path: Path, calls: dict[str, str]) -> str:
    blocks = [
        {"type": "tool_use", "id": call, "name": "Bash", "input": {"command": word}} for call, word in calls.items()
    ]
    path.write_text("".join(json.dumps({"message": {"content": [block]}}) + "\n" for block in blocks))
    return str(path)


def test_a_call_that_began_between_the_last_look_and_the_signal_is_cut_off_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is one whose Post hook has come, and whose result the client had no time to write."""
    transcript = _transcript(tmp_path / "t.jsonl", {"toolu_1": "make", "toolu_2": "deploy", "toolu_3": "publish"})
    activity = SimpleNamespace(
        session_id="", in_flight={"toolu_1": ToolCall("toolu_1", "Bash")}, transcript=transcript, status="busy",
        config_dir="", has_conversation=lambda: True,
        just_over={"toolu_3": ToolCall("toolu_3", "Bash"), "toolu_0": ToolCall("toolu_0", "Bash")},
    )  # fmt: skip
    activity.update = lambda: activity.in_flight.update(toolu_2=ToolCall("toolu_2", "Bash"))
    session = SimpleNamespace(
        neighbours=SimpleNamespace(victim_s=0.0),
        subject=SimpleNamespace(client=identity.identify(os.getpid())), activity=activity, guard_dir=str(tmp_path),
        settings=SimpleNamespace(restart=None, python="/bin/true"), next_strategy="resume", relauncher=None,
        resumption=SimpleNamespace(is_open=True),
    )  # fmt: skip
    attempt = Restart(session, ruleset.Decision(ruleset.RESTART, "test"))  # type: ignore[arg-type]
    attempt._note_cut_off()
    monkeypatch.setattr(restart, "sweep", lambda _: None)
    monkeypatch.setattr(Restart, "_facts", lambda *_: {})
    (tmp_path / "handoff").mkdir()
    attempt.settle_up()
    expected = {call_fingerprint("Bash", {"command": word}) for word in ("make", "deploy", "publish")}
    assert set(os.listdir(tmp_path / IN_FLIGHT)) == expected
