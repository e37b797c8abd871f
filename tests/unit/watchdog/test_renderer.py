"""A client killed while it was starting its renderer."""

import json
from pathlib import Path

import pytest

from memguard.watchdog.renderer import is_boot_pending


def test_the_clients_own_state_says_so(tmp_path: Path) -> None:
    state = {"fullscreenBootPending": {"4242": {"startedAt": 1}}}
    (tmp_path / ".claude.json").write_text(json.dumps(state))
    assert is_boot_pending(str(tmp_path / ".claude"), 4242)
    assert not is_boot_pending(str(tmp_path / ".claude"), 4243)


def test_a_moved_configuration_is_looked_at_first(tmp_path: Path) -> None:
    (tmp_path / ".claude.json").write_text("{}")
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / ".claude.json").write_text('{"fullscreenBootPending":{"7":{}}}')
    assert is_boot_pending(str(tmp_path / "moved"), 7)


@pytest.mark.parametrize("text", ["", "[]", '{"fullscreenBootPending":7}', '{"fullscreenBootPending":null}', "{"])
def test_whatever_else_stands_there_counts_as_no(tmp_path: Path, text: str) -> None:
    (tmp_path / ".claude.json").write_text(text)
    assert not is_boot_pending(str(tmp_path / ".claude"), 7)
