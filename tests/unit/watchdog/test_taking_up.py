"""The same conversation or a new one: by what is on disk, the person's word, the last resume, and the prediction."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from memguard.core.reading import UNREADABLE, ProcessReading, TreeReading
from memguard.core.ticket import FRESH, RERUN, RESUME, Ticket
from memguard.watchdog.taking_up import TakingUp
from tests.guard_rig import GuardRig

if TYPE_CHECKING:
    from pathlib import Path

MB = 1024 * 1024
USER = b'{"type":"user","message":{"role":"user","content":"port the parser"}}\n'
TORN = b'{"type":"assistant","mess'
MakeRig = Callable[..., GuardRig]


class Case:
    """A guarded session with a conversation of so many MB, whose client held so many, under a limit of 400."""

    def __init__(self, rig: GuardRig, transcript_mb: float, held_mb: int) -> None:
        self.rig, self.session = rig, rig.session
        config = rig.folder / "client"
        self.path: Path = config / "projects" / "-x" / "s1.jsonl"
        self.path.parent.mkdir(parents=True)
        line = b'{"text":"' + b"x" * 9989 + b'"}\n'
        self.path.write_bytes(USER + line * int(transcript_mb * MB // len(line)))
        activity = self.session.activity
        activity.session_id, activity.transcript, activity.config_dir = "s1", str(self.path), str(config)
        self.hold(held_mb)

    def hold(self, size_mb: int, quality: str = "measured") -> None:
        """What the last reading said of the client."""
        client = self.session.subject.client
        reading = ProcessReading(client.pid, 1, client.start_ticks, size_mb * MB, quality)
        self.session.subject.reading = TreeReading([reading])

    def learn(self, *rows: tuple[int, int, int]) -> None:
        """What the last starts took: transcript, peak and footprint in MB."""
        lines = [f"{n}={' '.join(str(size * MB) for size in row)}\n" for n, row in enumerate(rows)]
        (self.rig.project / "starts").write_text("".join(lines))

    def strategy(self) -> str:
        return TakingUp(self.session).strategy()

    def settled(self, asked: str) -> tuple[str, TakingUp]:
        """What becomes of a ticket once the client is gone."""
        ticket, taking_up = Ticket("t1", self.session.subject.client, "s1", asked), TakingUp(self.session)
        taking_up.settle(ticket)
        return ticket.strategy, taking_up


@pytest.fixture
def make_case(make_rig: MakeRig) -> Callable[..., Case]:
    def make(transcript_mb: float = 60, held_mb: int = 5000, **settings: Any) -> Case:
        limits = {"warning_bytes": 300 * MB, "critical_bytes": 400 * MB, "emergency_bytes": 4000 * MB}
        return Case(make_rig(**limits, **settings), transcript_mb, held_mb)

    return make


def test_a_long_conversation_is_not_resumed_where_that_would_be_over_the_limit(make_case: Callable[..., Case]) -> None:
    assert make_case(60).strategy() == FRESH
    assert make_case(20).strategy() == RESUME


def test_what_the_last_starts_took_decides(make_case: Callable[..., Case]) -> None:
    case = make_case(60)
    case.learn((60, 300, 250))
    assert case.strategy() == RESUME
    case.learn((60, 900, 500))
    assert case.strategy() == FRESH


@pytest.mark.parametrize(("wanted", "transcript_mb"), [("resume", 60), ("fresh", 0)])
def test_the_persons_word_counts_before_the_prediction(
    make_case: Callable[..., Case], wanted: str, transcript_mb: int
) -> None:
    assert make_case(transcript_mb, restart_strategy=wanted).strategy() == wanted


def test_a_resume_that_came_back_over_the_limit_is_not_done_again(make_case: Callable[..., Case]) -> None:
    case = make_case(1)
    case.session.next_strategy = FRESH
    assert case.strategy() == FRESH
    case = make_case(1, restart_strategy="resume")
    case.session.next_strategy = FRESH
    assert case.strategy() == RESUME


def test_a_client_that_held_little_with_its_conversation_is_resumed(make_case: Callable[..., Case]) -> None:
    """Its tools were the culprit, or the person asked."""
    case = make_case(60, held_mb=300)
    assert case.strategy() == RESUME
    case.hold(0, UNREADABLE)  # of one that can't be read nobody knows
    assert case.strategy() == FRESH


def test_servers_come_back_with_the_client(make_case: Callable[..., Case]) -> None:
    case = make_case(60, held_mb=300)
    server = SimpleNamespace(kind="mcp", footprint_bytes=150 * MB)
    case.session.parts.now = [server]  # type: ignore[list-item]
    assert case.strategy() == FRESH


def test_a_host_with_too_little_left_for_the_peak_is_not_risked(make_case: Callable[..., Case]) -> None:
    case = make_case(20, held_mb=350)  # predicted 310 MB, with a peak of 410
    case.session.shortage.left_bytes = 50 * MB
    assert case.strategy() == FRESH
    case.session.shortage.left_bytes = 100 * MB
    assert case.strategy() == RESUME


def test_without_a_conversation_the_same_command_line_is_run_again(make_case: Callable[..., Case]) -> None:
    case = make_case(60, restart_strategy="fresh")
    case.path.write_bytes(b'{"type":"queue-operation"}\n')
    assert case.strategy() == RERUN


def test_once_the_client_is_gone_the_torn_line_is_set_aside(make_case: Callable[..., Case]) -> None:
    case = make_case(0)
    case.path.write_bytes(USER + TORN)
    strategy, taking_up = case.settled(RESUME)
    assert (strategy, taking_up.torn_bytes, case.path.read_bytes()) == (RESUME, len(TORN), USER)
    assert taking_up.facts()["torn_bytes"] == len(TORN)


def test_a_conversation_that_is_not_resumed_is_not_touched(make_case: Callable[..., Case]) -> None:
    case = make_case(0)
    case.path.write_bytes(USER + TORN)
    strategy, taking_up = case.settled(FRESH)
    assert (strategy, taking_up.torn_bytes, case.path.read_bytes()) == (FRESH, 0, USER + TORN)


def test_what_is_all_that_there_was_is_not_cut_off(make_case: Callable[..., Case]) -> None:
    """The person's only message is in the torn line: resumed without it, there would be no conversation."""
    case = make_case(0)
    case.path.write_bytes(b'{"type":"queue-operation"}\n' + USER[:-9])
    strategy, taking_up = case.settled(RESUME)
    assert (strategy, taking_up.torn_bytes) == (FRESH, 0)
    assert case.path.read_bytes() == b'{"type":"queue-operation"}\n' + USER[:-9]
    (event,) = case.rig.events("strategy_changed")
    assert event["strategy"] == FRESH


def test_a_conversation_that_was_written_late_is_resumed(make_case: Callable[..., Case]) -> None:
    assert make_case(1).settled(RERUN)[0] == RESUME


def test_where_the_next_client_runs_already_nothing_is_mended(make_case: Callable[..., Case]) -> None:
    """As with Claude Code's own background service."""
    case = make_case(0)
    case.path.write_bytes(USER + TORN)
    case.session.relauncher = SimpleNamespace(has_started_next=True)  # type: ignore[assignment]
    assert case.settled(RESUME)[0] == RESUME
    assert case.path.read_bytes() == USER + TORN
