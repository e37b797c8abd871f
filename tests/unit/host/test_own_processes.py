"""Which command lines are memguard's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.host.own_processes import is_own_process
from memguard.testing.fake_host import FakeHost

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("words", "is_own"),
    [
        (["python", "-I", "-S", f"{ROOT}/memguard/watchdog/__main__.py", "guard"], True),
        (["python", "-I", "-S", f"{ROOT}/memguard/launcher/__main__.py", "guard"], True),
        (["python", "-I", "-S", f"{ROOT}/claude_hooks/stop.py", "state"], True),
        (["python", "-I", "-m", "memguard.state.capture"], True),
        (["python", "/home/me/.local/bin/memguard", "reap"], True),
        (["python", "-I", "-S", f"{ROOT}/memguard/demo/leaky_client.py"], False),
        (["python", "-m", "memguarded"], False),
        (["python", "a", "b", "c", "d", "e", "f", "g", "-m", "memguard"], False),
        (["vim", "memguard.py"], False),
        ([""], False),
    ],
)
def test_by_its_first_words(fake: FakeHost, words: list[str], is_own: bool) -> None:
    fake.write("10/cmdline", "\0".join(words) + "\0")
    assert is_own_process(10, fake.root) == is_own


def test_who_is_gone_is_nobodys(fake: FakeHost) -> None:
    assert not is_own_process(10, fake.root)
