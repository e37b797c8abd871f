"""What a session's start says to the person, with or without a handoff: one document."""

from __future__ import annotations

import pytest

from memguard.gate.session_start import _with_line

HANDOFF = {"systemMessage": "restarted", "hookSpecificOutput": {"hookEventName": "SessionStart"}}


@pytest.mark.parametrize(
    ("answer", "line", "expected"),
    [
        ({}, "", {}),
        ({}, "left", {"systemMessage": "left"}),
        (HANDOFF, "", HANDOFF),
        (HANDOFF, "left", HANDOFF | {"systemMessage": "restarted. left"}),
        ({"systemMessage": 7}, "left", {"systemMessage": "left"}),
    ],
)
def test_both_are_said_in_one_document(answer: dict[str, object], line: str, expected: dict[str, object]) -> None:
    assert _with_line(answer, line) == expected
