"""What a resume is predicted to take, and when it is better left."""

from __future__ import annotations

import pytest

from memguard.core.thresholds import Thresholds
from memguard.guard.resume_footprint import Room, Start, judge, kept, most_explained_bytes, predict
from memguard.guard.victim import IDLE_CLIENT_BYTES

MB = 1024 * 1024
GB = 1024 * MB
LIMITS = Thresholds(12 * GB, 15 * GB, 18 * GB)


def _start(transcript_mb: float, settled_mb: float, peak_mb: float = 0) -> Start:
    return Start(int(transcript_mb * MB), int((peak_mb or settled_mb) * MB), int(settled_mb * MB))


def _room(critical_mb: int, emergency_mb: int = 100_000, left_mb: int = -1, held_mb: int = 100_000) -> Room:
    limits = Thresholds(critical_mb * MB // 2, critical_mb * MB, emergency_mb * MB)
    return Room(limits, left_mb * MB if left_mb >= 0 else -1, held_mb * MB)


def test_where_nothing_is_known_what_users_saw_counts() -> None:
    found = predict(100 * MB, [])
    assert found.settled_bytes - IDLE_CLIENT_BYTES == 900 * MB
    assert found.peak_bytes - IDLE_CLIENT_BYTES == 1400 * MB


def test_an_empty_conversation_takes_an_idle_client() -> None:
    assert predict(0, []).settled_bytes == predict(0, []).peak_bytes == IDLE_CLIENT_BYTES


def test_it_follows_what_the_last_starts_took() -> None:
    """One that took 3 times its 60 MB beside an idle client of 150: 100 MB will take 450."""
    starts = [_start(0.1, 150), _start(60, 330, peak_mb=750)]
    found = predict(100 * MB, starts)
    assert (found.idle_bytes, found.settled_bytes, found.peak_bytes) == (150 * MB, 450 * MB, 1150 * MB)


def test_one_odd_start_among_four_moves_nothing() -> None:
    starts = [_start(20, 130 + 20 * factor) for factor in (2, 2, 2, 2)]
    assert predict(50 * MB, [*starts, _start(20, 4000)]).settled_bytes == predict(50 * MB, starts).settled_bytes


def test_with_few_starts_the_larger_counts() -> None:
    small, large = _start(20, 130 + 40), _start(20, 130 + 120)
    alone = predict(50 * MB, [large]).settled_bytes
    assert predict(50 * MB, [small, large]).settled_bytes == predict(50 * MB, [large, small]).settled_bytes == alone


def test_only_the_last_eight_count() -> None:
    """A new client that takes half of what the old one did is believed after a while."""
    old, new = [_start(20, 130 + 20 * 8)] * 20, [_start(20, 130 + 20 * 4)] * 8
    assert predict(20 * MB, [*old, *new]).settled_bytes == (130 + 80) * MB


def test_a_short_conversation_tells_nothing_of_the_factor() -> None:
    """What the client itself holds more or less would be taken for 20 times its size."""
    assert predict(60 * MB, [_start(5, 230)]).settled_bytes == predict(60 * MB, []).settled_bytes


@pytest.mark.parametrize("settled_mb", [0, 1, 1 << 40])
def test_a_row_of_something_else_moves_it_within_bounds(settled_mb: int) -> None:
    found = predict(10 * MB, [_start(10, settled_mb)])
    assert IDLE_CLIENT_BYTES <= found.settled_bytes <= IDLE_CLIENT_BYTES + 400 * MB
    assert found.peak_bytes >= found.settled_bytes


def test_a_resume_that_fits_is_resumed() -> None:
    found = judge(predict(60 * MB, []), Room(LIMITS, 20 * GB, 16 * GB))
    assert (found.limit, found.text()) == ("", "")
    assert found.predicted_bytes == IDLE_CLIENT_BYTES + 540 * MB


def test_over_the_critical_limit_again_it_is_not() -> None:
    found = judge(predict(60 * MB, []), _room(400))
    assert (found.limit, found.limit_bytes) == ("critical", 400 * MB)
    assert found.text() == "predicted 670 MB, critical limit 400 MB"


def test_a_peak_over_the_emergency_limit_or_beyond_the_host_is_not_risked() -> None:
    prediction = predict(60 * MB, [])  # 670 MB, peak 970 MB
    assert judge(prediction, _room(700, emergency_mb=900)).limit == "emergency"
    assert judge(prediction, _room(700, left_mb=900)).limit == "host"
    assert judge(prediction, _room(700, emergency_mb=1000, left_mb=1000)).limit == ""


def test_where_a_new_session_would_be_over_the_limit_too_the_conversation_is_kept() -> None:
    assert judge(predict(60 * MB, []), _room(120, emergency_mb=125, left_mb=100)).limit == ""


def test_a_client_that_was_below_the_limit_with_its_conversation_is_resumed() -> None:
    """Something else was the culprit, or the person asked: it comes back with no more than it had."""
    assert judge(predict(60 * MB, []), _room(400, held_mb=300)).limit == ""


def test_what_comes_back_beside_it_counts() -> None:
    room = _room(400, held_mb=300)
    room.beside_bytes = 150 * MB
    assert judge(predict(60 * MB, []), room).limit == "critical"


def test_of_each_kind_the_last_eight_are_kept_in_their_order() -> None:
    starts = [_start(size, 200 + n) for n, size in enumerate([0.1, 60, 5] * 12)]
    found = kept(starts)
    assert found == [start for start in starts[12:] if start.transcript_bytes != 5 * MB]
    assert kept(found) == found


def test_what_a_starting_client_holds_is_explained_by_what_it_reads() -> None:
    assert most_explained_bytes(0) == 256 * MB
    assert most_explained_bytes(60 * MB) == 256 * MB + 840 * MB
