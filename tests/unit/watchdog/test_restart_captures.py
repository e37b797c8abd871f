"""The snapshots of one restart: what was said after the first one is taken in, too, and nothing is taken in vain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from memguard.core.identity import ProcessId
from memguard.core.ticket import FRESH, Ticket
from memguard.watchdog import restart_captures
from memguard.watchdog.restart_captures import RestartCaptures

SAID = b'{"parentUuid":null,"type":"user","message":{"content":"%s"}}\n'


class Case:
    """A conversation of one message, and captures that succeed until `fails` is set."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.transcript = folder / "t.jsonl"
        self.transcript.write_bytes(SAID % b"first")
        self.taken: list[str] = []
        self.fails = False
        self.logged: list[str] = []
        journal = SimpleNamespace(event=lambda *_, **__: None, log=self.logged.append)
        activity = SimpleNamespace(
            transcript=str(self.transcript), transcript_bytes=lambda: self.transcript.stat().st_size
        )
        session: Any = SimpleNamespace(activity=activity, journal=journal)
        monkeypatch.setattr(restart_captures, "capture", self._capture)
        self.ticket = Ticket("t1", ProcessId(1, 2, "b", "3"), "s1", FRESH)
        self.captures = RestartCaptures(session, "a test")

    def _capture(self, _: object, reason: str, deadline: Callable[[], float], ticket_id: str) -> tuple[str, str]:
        assert (reason, ticket_id) == ("a test", "t1")
        assert deadline() > 0
        if self.fails:
            return "", "no room"
        self.taken.append(f"snapshot-{len(self.taken) + 1}")
        return self.taken[-1], ""

    def say(self, line: bytes) -> None:
        with self.transcript.open("ab") as file:
            file.write(line)

    def take(self) -> bool:
        return self.captures.take(self.ticket, lambda: 60.0)


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    return Case(tmp_path, monkeypatch)


def test_what_was_said_after_the_first_snapshot_is_in_a_second(case: Case) -> None:
    assert case.take()
    case.say(SAID % b"and now this")
    case.captures.take_rest(case.ticket)
    assert (case.taken, case.ticket.snapshot) == (["snapshot-1", "snapshot-2"], "snapshot-2")
    case.captures.take_rest(case.ticket)
    assert len(case.taken) == 2


def test_what_a_client_notes_at_its_end_is_not_worth_one(case: Case) -> None:
    case.take()
    case.say(b'{"type":"cost-state","totalCostUSD":0}\n{"type":"last-prompt","lastPrompt":"first"}\n')
    case.captures.take_rest(case.ticket)
    assert case.taken == ["snapshot-1"]


def test_where_an_emergency_left_no_time_for_one_it_is_taken_once_the_client_is_gone(case: Case) -> None:
    case.fails = True
    assert not case.take()
    assert (case.captures.error, case.ticket.snapshot) == ("no room", "")
    case.fails = False
    case.captures.take_rest(case.ticket)
    assert (case.captures.error, case.ticket.snapshot) == ("", "snapshot-1")


def test_one_that_fails_leaves_the_first_in_force(case: Case) -> None:
    case.take()
    case.say(SAID % b"and now this")
    case.fails = True
    case.captures.take_rest(case.ticket)
    assert (case.captures.error, case.ticket.snapshot) == ("", "snapshot-1")
    assert case.logged == ["what was said last before the restart is in no snapshot"]
