"""Permission modes never widen."""

import pytest

from memguard.core.permission import narrower


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ("bypassPermissions", "default", "default"),
        ("default", "bypassPermissions", "default"),
        ("acceptEdits", "plan", "plan"),
        ("auto", "", "auto"),
        ("", "", ""),
        ("root", "default", "default"),
    ],
)
def test_of_two_modes_the_narrower_counts(one: str, other: str, result: str) -> None:
    assert narrower(one, other) == result
