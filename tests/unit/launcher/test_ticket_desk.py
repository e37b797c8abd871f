"""When a client that ended by itself is followed by another: it had been told to resume, and refused."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.core.layout import PROTECTION_RESET, write_pairs
from memguard.core.settings import RestartLimits
from memguard.core.ticket import FRESH, RESUME, STRATEGIES, Ticket
from memguard.core.uptime import uptime_s
from memguard.launcher import ticket_desk
from memguard.launcher.ticket_desk import TicketDesk
from tests.unit.guard.limits import PAIRS

CLIENT = ProcessId(1234, 5, "boot", "1")


class Desk:
    """A desk in a guard's folder in which a hook has noted one session."""

    def __init__(self, folder: Path, *words: str, **limits: str) -> None:
        self.sessions = folder / "sessions"
        self.sessions.mkdir()
        self.note("s1")
        self.desk = TicketDesk(str(folder), list(words), RestartLimits({**PAIRS, **limits}))

    def note(self, session: str) -> None:
        path = self.sessions / f"{session}.new"
        path.write_text("transcript=/x\n")
        path.replace(self.sessions / session)

    def start(self, strategy: str = RESUME) -> None:
        self.desk.client_started(Ticket("t1", CLIENT, "s1", strategy))

    def instead(self, code: int = 1) -> Ticket | None:
        return self.desk.ticket_instead(code << 8)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_one_that_ends_with_an_error_before_its_first_hook_has_refused(desk: Desk) -> None:
    desk.start()
    ticket = desk.instead()
    assert ticket is not None
    assert (ticket.strategy, ticket.ticket_id, ticket.session_id) == (FRESH, "t1", "s1")


def test_the_new_session_is_tried_once(desk: Desk) -> None:
    desk.start()
    ticket = desk.instead()
    desk.desk.client_started(ticket)
    assert desk.instead() is None


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != RESUME])
def test_one_that_was_to_resume_nothing_refuses_nothing(desk: Desk, strategy: str) -> None:
    desk.start(strategy)
    assert desk.instead() is None
    desk.desk.client_started(None)
    assert desk.instead() is None


@pytest.mark.parametrize("code", [0, 130, 143])
def test_an_end_in_order_or_by_a_key_is_the_persons(desk: Desk, code: int) -> None:
    desk.start()
    assert desk.instead(code) is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_one_that_was_killed_has_not_refused(desk: Desk, number: int) -> None:
    desk.start()
    assert desk.desk.ticket_instead(number) is None


def test_one_whose_hook_has_come_had_taken_it_up(desk: Desk) -> None:
    desk.start()
    desk.note("s1")
    assert desk.instead() is None
    desk.start()
    desk.note("s2")
    assert desk.instead() is None


def test_where_no_hook_ever_comes_nothing_is_known(desk: Desk) -> None:
    os.unlink(desk.sessions / "s1")
    desk.start()
    assert desk.instead() is None


def test_one_that_lived_for_a_while_has_not_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.start()
    monkeypatch.setattr(ticket_desk, "_REFUSES_S", 0.0)
    assert desk.instead() is None


def test_restarts_are_counted_before(tmp_path: Path) -> None:
    desk = Desk(tmp_path, max_attempts="1")
    desk.start()
    desk.desk.count_relaunch()
    assert desk.instead() is None


def test_whoever_reads_a_stream_has_been_given_the_refusal(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "-p", "--output-format", "stream-json", "--verbose")
    desk.start()
    assert desk.instead() is None


def test_what_the_person_had_forgotten_is_not_counted_and_what_comes_after_is(tmp_path: Path) -> None:
    desk = Desk(tmp_path, max_attempts="1")
    desk.start()
    desk.desk.count_relaunch()
    write_pairs(f"{desk.desk._guard_dir}/{PROTECTION_RESET}", {"uptime_s": f"{uptime_s() + 1000:.3f}"})
    assert not desk.desk._may_relaunch(), "a time to come forgives nothing"
    write_pairs(f"{desk.desk._guard_dir}/{PROTECTION_RESET}", {"uptime_s": f"{uptime_s():.6f}"})
    assert desk.desk._may_relaunch()
    desk.desk.count_relaunch()
    assert not desk.desk._may_relaunch()


def test_a_restart_that_protection_allowed_is_never_one_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts from before its snapshot there, and from its end here, up to 100 s later."""
    desk = Desk(tmp_path, max_attempts="1", attempt_window_s="1000")
    begun_s = uptime_s()
    desk.desk.count_relaunch()
    monkeypatch.setattr(ticket_desk, "uptime_s", lambda: begun_s + 890)
    assert not desk.desk._may_relaunch()
    monkeypatch.setattr(ticket_desk, "uptime_s", lambda: begun_s + 905)
    assert desk.desk._may_relaunch()
