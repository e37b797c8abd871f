"""A capture at the end of a turn waits until the client has written it down, and not for ever."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memguard.core.capture_mark import NO_TURN, claim
from memguard.core.identity import ProcessId
from memguard.host import identity
from memguard.state.request import CaptureRequest
from memguard.state.turn_end import TurnEnd
from tests.transcripts import Transcript

LATE_S = 0.3
SOON_S = 0.2


class Turn:
    """A transcript, the mark of a capture of it, and a client."""

    def __init__(self, folder: Path, client: ProcessId) -> None:
        self.transcript = Transcript(folder / "s.jsonl")
        self.transcript.prompt("hello")
        self.mark = folder / "mark"
        self.client = client

    def wanted(self, turn_bytes: int) -> TurnEnd:
        """What the worker makes of the mark."""
        os.close(claim(str(self.mark), turn_bytes, lambda _: True))
        names = {"--wanted": str(self.mark), "--transcript": str(self.transcript.path)}
        fixed = {"--state": "/s", "--project-key": "k", "--client": self.client.to_text()}
        return TurnEnd(CaptureRequest(names | fixed))

    def wanted_now(self) -> TurnEnd:
        """A turn has ended with the transcript as it is."""
        return self.wanted(self.transcript.path.stat().st_size)

    def write_end(self) -> None:
        """What the client writes at the end."""
        self.transcript.says("done")
        self.transcript.entry(type="system", subtype="turn_duration", durationMs=1562)


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[Turn]:
    with subprocess.Popen(["sleep", "60"]) as client:
        who = identity.identify(client.pid)
        assert who
        yield Turn(tmp_path, who)
        client.kill()


def _took_s(wait: Callable[[], object]) -> float:
    begun_s = time.monotonic()
    wait()
    return time.monotonic() - begun_s


def _late(action: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(LATE_S, action)
    timer.start()
    return timer


def test_it_waits_for_the_line_that_ends_the_turn(turn: Turn) -> None:
    timer = _late(turn.write_end)
    assert _took_s(turn.wanted_now().wait) >= LATE_S
    assert turn.transcript.path.read_text().endswith('"durationMs":1562}\n')
    timer.join()


def test_a_line_that_is_there_already_is_not_waited_for(turn: Turn) -> None:
    end = turn.wanted_now()
    turn.write_end()
    assert _took_s(end.wait) < SOON_S


def test_the_end_of_an_earlier_turn_is_not_taken_for_this_ones(turn: Turn) -> None:
    turn.write_end()
    assert _took_s(lambda: turn.wanted_now().wait(LATE_S)) >= LATE_S


def test_an_answer_that_quotes_the_line_is_not_taken_for_it(turn: Turn) -> None:
    end = turn.wanted_now()
    turn.transcript.says('{"type":"system","subtype":"turn_duration"}')
    assert _took_s(lambda: end.wait(LATE_S)) >= LATE_S


def test_a_line_behind_a_long_answer_is_found(turn: Turn) -> None:
    end = turn.wanted_now()
    turn.transcript.says("x" * 3_000_000)
    turn.write_end()
    assert _took_s(end.wait) < SOON_S


def test_a_client_that_is_gone_is_not_waited_for(turn: Turn) -> None:
    end = turn.wanted_now()
    timer = _late(lambda: os.kill(turn.client.pid, 9))
    assert LATE_S <= _took_s(end.wait) < 3
    timer.join()


def test_where_no_turn_has_ended_nothing_is_waited_for(turn: Turn) -> None:
    assert _took_s(turn.wanted(NO_TURN).wait) < SOON_S


def test_without_a_mark_nothing_is_waited_for_and_nothing_taken(turn: Turn) -> None:
    end = turn.wanted_now()
    turn.mark.unlink()
    assert _took_s(end.wait) < SOON_S
    end.take()


def test_a_turn_that_ended_while_the_store_was_waited_for_is_waited_for_too(turn: Turn) -> None:
    """The mark stays until then: a hook that comes meanwhile starts no other worker."""
    end = turn.wanted_now()
    turn.write_end()
    end.wait()
    assert claim(str(turn.mark), turn.transcript.path.stat().st_size, lambda _: True) == -1
    timer = _late(turn.write_end)
    assert _took_s(end.take) >= LATE_S
    assert not turn.mark.exists()
    assert turn.transcript.path.read_text().count("turn_duration") == 2
    timer.join()


def test_with_the_store_in_hand_it_waits_half_a_second_at_most(turn: Turn) -> None:
    end = turn.wanted_now()
    assert 0.5 <= _took_s(end.take) < 3
    assert not turn.mark.exists()


def test_a_turn_that_was_given_up_is_not_waited_for_again_with_the_store_in_hand(turn: Turn) -> None:
    """Every turn of a client that writes no such line."""
    end = turn.wanted_now()
    end.wait(LATE_S)
    assert _took_s(end.take) < SOON_S


@pytest.mark.parametrize("kind", ["missing", "fifo", "folder", "link"])
def test_a_transcript_that_is_no_plain_file_is_not_read(turn: Turn, kind: str) -> None:
    """And holds nobody up for longer than one that never gets the line."""
    path = turn.transcript.path
    end = turn.wanted(0)
    turn.write_end()
    moved = path.rename(path.with_name("moved"))
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(moved)
    assert LATE_S <= _took_s(lambda: end.wait(LATE_S)) < 3
