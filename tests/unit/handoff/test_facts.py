"""Facts are read with doubt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memguard.handoff.facts import Facts, read_facts, whole_number


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100000, b'{"a":NaN'])
def test_a_torn_file_gives_no_facts(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "facts").write_bytes(content)
    assert not read_facts(str(tmp_path / "facts")).is_known
    assert not read_facts(str(tmp_path / "none")).is_known


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text('{"reason":"x"}')
    (tmp_path / "facts").symlink_to(tmp_path / "real")
    assert not read_facts(str(tmp_path / "facts")).is_known


@pytest.mark.parametrize("value", [None, "7", -1, float("nan"), float("inf"), [], True])
def test_what_is_no_number_counts_nothing(value: object) -> None:
    assert whole_number(value) == 0


def test_everything_of_the_wrong_kind_is_empty() -> None:
    names = ("reason", "limit_bytes", "t_utc", "ended", "spared", "in_flight", "snapshot", "forced", "attempt")
    for wrong in (None, 7, "x", [1, None], {"a": 1}):
        facts = Facts(dict.fromkeys(names, wrong))
        assert (facts.ended, facts.spared, facts.in_flight, facts.is_forced) == ([], [], [], False)
    assert Facts(json.loads('{"reason":"a\\nb\\u001b"}')).reason == "a?b?"
