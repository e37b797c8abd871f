"""Sizes and durations as people write them."""

import pytest

from memguard.core.errors import ConfigError
from memguard.core.units import format_age, format_size, parse_duration, parse_size

GIB = 1024**3


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("4GB", 4 * GIB), ("1.5g", 3 * GIB // 2), ("512 MiB", GIB // 2), ("4096", 4096), ("1TB", 1024 * GIB), ("7b", 7)],
)
def test_a_size_means_binary_multiples(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "GB", "0", "-4GB", "4 GB of it", "4XB", "1.2.3GB", "NaN", "1e9"])
def test_what_is_not_a_size_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_size(text)
    assert "512MB" in caught.value.next_step


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("45s", 45), ("2h", 7200), ("90", 90), ("1.5m", 90)])
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-1s", "0", "3w"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_duration(text)


@pytest.mark.parametrize(
    ("size_bytes", "shown"), [(0, "0 B"), (999, "999 B"), (231 * 1024**2, "231 MB"), (int(4.2 * GIB), "4.2 GB")]
)
def test_a_size_is_shown_with_three_digits_at_most(size_bytes: int, shown: str) -> None:
    assert format_size(size_bytes) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (12.4, "12 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (259_200, "3 d")],
)
def test_an_age_is_told_in_its_largest_sensible_unit(seconds: float, text: str) -> None:
    assert format_age(seconds) == text
