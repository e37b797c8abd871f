"""Limits as people type them."""

from __future__ import annotations

import pytest

from memguard.core.errors import UsageError
from memguard.host.capacity import capacity_bytes
from memguard.test_run.size import above_the_host, parse_limit, parse_mark


@pytest.mark.parametrize(
    ("text", "limit_bytes"),
    [("4G", 4 << 30), ("300M", 300 << 20), ("512 MiB", 512 << 20), (" 1.5gb ", 3 << 29), ("64k", 65536), ("1B", 1)],
)
def test_sizes(text: str, limit_bytes: int) -> None:
    assert parse_limit(text) == limit_bytes


@pytest.mark.parametrize(
    "text", ["", " ", "lots", "4096", "4.5", "0G", "-4G", "4X", "G", "1e3G", "∞", "٤G", "9" * 999 + "G"]
)
def test_what_is_no_size_is_told_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_limit(text)
    assert "\n" not in caught.value.what
    assert len(caught.value.what) < 100
    assert caught.value.next_step.startswith("write a size")


def test_a_limit_at_the_hosts_capacity_can_be_reached_and_one_above_it_cannot() -> None:
    assert above_the_host(capacity_bytes()) == ""
    assert "more than this host has" in above_the_host(capacity_bytes() + 1)


def test_what_a_marker_is_given() -> None:
    assert parse_mark(("200MB",), {}) == parse_mark((), {"limit": "200MB"}) == 200 << 20


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), (("1G", "2G"), {}), (("1G",), {"limit": "1G"}), ((), {"size": "1G"}), ((5,), {})]
)
def test_what_no_marker_can_be_given(args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        parse_mark(args, kwargs)
