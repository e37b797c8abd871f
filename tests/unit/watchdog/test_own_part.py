"""What a guard tells the others of its session."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from memguard.core.layout import COMPILED, PAUSE, PROTECTION, private_dir, write_pairs
from memguard.core.reading import Pressure, ProcessReading, TreeReading
from memguard.guard.moment import Moment, now
from memguard.guard.protection import RestartProtection
from memguard.guard.victim import IDLE_CLIENT_BYTES
from memguard.host import identity
from memguard.watchdog import own_part
from memguard.watchdog.own_part import OwnPart

from .several import MB, settings

if TYPE_CHECKING:
    from pathlib import Path

    from memguard.guard.victim import Candidate
    from memguard.watchdog.guarded_session import GuardedSession


class Session:
    """As much of a guarded session as its part is made of."""

    def __init__(self, folder: Path) -> None:
        client = identity.identify(os.getpid())
        assert client
        self.guard_id = "one"
        self.guard_dir = private_dir(str(folder / "runtime" / "guards" / "one"))
        self.state_dir = str(folder)
        self.project_dir = private_dir(str(folder / "project"))
        write_pairs(f"{self.project_dir}/{COMPILED}", {})
        self.facts = {"restartable": "1", "print": "0"}
        self.settings = settings(1000)
        self.generation = 0
        self.held_mb = 500
        self.is_boundary = True
        self.asked = self.protection_asked = 0
        self.is_agreed = True
        self.later_s = 0.0
        self.shortage = SimpleNamespace(reading=Pressure(1000 * MB, 900 * MB))
        tree = TreeReading([ProcessReading(client.pid, 1, client.start_ticks, 400 * MB), ProcessReading(7, 1, 1, 9)])
        self.subject = SimpleNamespace(
            client=client,
            reading=tree,
            is_starting=False,
            held_bytes=lambda: self.held_mb * MB,
            is_stopped=lambda: False,
        )
        self.activity = SimpleNamespace(
            at_boundary=lambda: self.is_boundary, resumed_bytes=0, transcript_bytes=lambda: 5 * MB
        )
        self.neighbours = SimpleNamespace(
            runtime_dir=str(folder / "runtime"),
            publish=lambda _: None,
            agree=self.agree,
        )

    def protection(self) -> RestartProtection:
        self.protection_asked += 1
        path = f"{self.state_dir}/{PROTECTION}"
        return RestartProtection(path, "one", self.settings.restart, lambda: _later(self.later_s))

    def agree(self, *_: object) -> bool:
        self.asked += 1
        return self.is_agreed


def _later(seconds: float) -> Moment:
    moment = now()
    return Moment(moment.utc_s + seconds, moment.boot_id, moment.uptime_s + seconds)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def _part(session: Session) -> OwnPart:
    return OwnPart(cast("GuardedSession", session))


def _told(session: Session) -> Candidate:
    return _part(session).neighbour().candidate


def test_an_idle_session_that_may_be_restarted_is_told_as_that(session: Session) -> None:
    told = _told(session)
    assert (told.footprint_bytes, told.is_idle, told.may_restart, told.is_nested) == (500 * MB, True, True, False)
    assert _part(session).neighbour().outside_bytes == 9  # what has left the client's tree


@pytest.mark.parametrize(
    ("facts", "mode"),
    [({"restartable": "0"}, "guard"), ({"restartable": "1", "print": "1"}, "guard"), ({"restartable": "1"}, "observe")],
)
def test_one_that_its_watchdog_would_not_restart_is_told_as_that(
    session: Session, facts: dict[str, str], mode: str
) -> None:
    session.facts, session.settings.mode = facts, mode
    assert not _told(session).may_restart


def test_a_stopped_client_and_an_opted_out_project_are_told(session: Session) -> None:
    session.subject.is_stopped = lambda: True
    assert not _told(session).is_restartable
    session.subject.is_stopped = lambda: False
    os.unlink(f"{session.project_dir}/{COMPILED}")
    assert not _told(session).is_restartable


def test_a_pause_is_told(session: Session) -> None:
    write_pairs(f"{session.project_dir}/{PAUSE}", {"until_utc": "for ever"})
    assert _told(session).is_paused


def test_protection_is_asked_again_only_when_its_record_or_the_time_has_changed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = _part(session)
    assert not part.neighbour().candidate.is_spent
    session.protection().record_attempt(success=True, reason="test")
    assert part.neighbour().candidate.is_spent
    session.protection().reset()
    assert not part.neighbour().candidate.is_spent
    asked = session.protection_asked
    assert not part.neighbour().candidate.is_spent
    assert session.protection_asked == asked
    session.protection().record_attempt(success=True, reason="test")
    assert part.neighbour().candidate.is_spent
    monkeypatch.setattr(own_part, "_SPENT_AGAIN_S", 0.0)
    session.later_s = 100
    assert not part.neighbour().candidate.is_spent  # the cool-down is over


def test_a_first_client_would_come_back_as_an_idle_one_with_its_conversation(session: Session) -> None:
    assert _told(session).resumed_bytes == IDLE_CLIENT_BYTES + 5 * MB


def test_a_restarted_one_comes_back_with_what_it_held_at_the_least(session: Session) -> None:
    session.generation = 1
    part = _part(session)
    session.subject.is_starting, session.held_mb = True, 90
    part.neighbour()  # before the peak of its start
    session.subject.is_starting = False
    for held_mb in (300, 260, 700):
        session.held_mb = held_mb
        told = part.neighbour().candidate
    assert told.resumed_bytes == 260 * MB


def test_the_others_are_asked_no_more_often_than_they_change_but_a_yes_each_time(session: Session) -> None:
    part = _part(session)
    assert not part.is_victim()  # before the first reading there is nothing to tell
    part.update()
    assert part.is_victim()
    assert part.is_victim()
    assert session.asked == 2
    session.is_agreed = False
    assert not part.is_victim()
    assert not part.is_victim()
    assert session.asked == 3
