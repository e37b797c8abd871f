"""Which of two values gives way when they don't fall as they should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.config.chain import ConflictError, settle

RATIOS = {"high": 1.2, "middle": 1.25, "low": 1.0}


def test_what_falls_already_stays() -> None:
    values = {"high": 3.0, "middle": 2.0, "low": 1.0}
    assert settle(values, RATIOS, {"middle"}) == set()
    assert values == {"high": 3.0, "middle": 2.0, "low": 1.0}


def test_what_is_not_pinned_moves_up_out_of_the_way() -> None:
    values = {"high": 18.0, "middle": 15.0, "low": 20.0}
    assert settle(values, RATIOS, {"low"}) == {"high", "middle"}
    assert values == {"high": 30.0, "middle": 25.0, "low": 20.0}


def test_what_is_not_pinned_moves_down_out_of_the_way() -> None:
    values = {"high": 6.0, "middle": 15.0, "low": 12.0}
    assert settle(values, RATIOS, {"high"}) == {"middle", "low"}
    assert values == {"high": 6.0, "middle": 5.0, "low": 4.0}


def test_two_pinned_ones_conflict() -> None:
    with pytest.raises(ConflictError) as caught:
        settle({"high": 5.0, "middle": 9.0, "low": 1.0}, RATIOS, {"high", "middle"})
    assert (caught.value.high, caught.value.low) == ("high", "middle")


@given(
    st.lists(st.floats(1, 1e6), min_size=3, max_size=3),
    st.sets(st.sampled_from(["high", "middle", "low"])),
)
def test_the_result_falls_and_keeps_what_is_pinned(numbers: list[float], pinned: set[str]) -> None:
    values = dict(zip(RATIOS, numbers, strict=True))
    before = dict(values)
    named = [values[key] for key in RATIOS if key in pinned]
    if named != sorted(named, reverse=True):
        with pytest.raises(ConflictError):
            settle(values, RATIOS, pinned)
        return
    moved = settle(values, RATIOS, pinned)
    assert values["high"] >= values["middle"] >= values["low"]
    assert not moved & pinned
    assert all(values[key] == before[key] for key in set(RATIOS) - moved)
