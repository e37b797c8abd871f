"""Who is spared also where the person has said yes."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.core.session_clients import add_client
from memguard.host import current
from memguard.host.identity import process_id
from memguard.host.session_life import SessionLife
from memguard.host.sparing import ANOTHER_USER, LIVING, OURS, ByConsent
from memguard.testing.fake_host import FakeHost

from .leftover_proc import DEAD_CLIENT, LIVING_CLIENT, OVER, LeftoverProc

TTY = 34817
LAUNCHER = f"python\0-I\0-S\0{Path(__file__).parents[3]}/memguard/launcher/__main__.py\0"


@pytest.fixture
def left(fake: FakeHost, tmp_path: Path) -> LeftoverProc:
    """100 is a tmux server of a session that is over; 101 and 104 are its panes, 101 has 102, that has 103."""
    left = LeftoverProc(fake, tmp_path)
    left.add(100, session=OVER)
    left.add(101, 100, terminal=TTY)
    left.add(102, 101, terminal=TTY)
    left.add(103, 102)
    left.add(104, 100, terminal=TTY + 1)
    return left


def spared(left: LeftoverProc, *family: int) -> dict[int, str]:
    table = current.scan(left.fake.root)
    return ByConsent(SessionLife(left.runtime, table), left.fake.root).spare(set(family), table)


def test_terminals_count_for_nothing(left: LeftoverProc) -> None:
    assert spared(left, 100, 101, 102, 103, 104) == {}


def test_a_living_client_stays_with_all_above_and_below_it(left: LeftoverProc) -> None:
    add_client(left.runtime, "nested", process_id(102, 1000))
    assert spared(left, 100, 101, 102, 103, 104) == dict.fromkeys((100, 101, 102, 103), LIVING)


def test_also_what_is_above_one_that_is_not_of_the_family_nor_its_launcher(left: LeftoverProc) -> None:
    """Neither is among what a session has left, so that the server above them stands there alone."""
    left.add(101, 100, command=LAUNCHER, terminal=TTY)
    add_client(left.runtime, "nested", process_id(102, 1000))
    assert spared(left, 100, 103, 104) == {100: LIVING, 103: LIVING}


def test_so_is_what_is_above_a_launcher_between_two_clients(left: LeftoverProc) -> None:
    left.add(101, 100, command=LAUNCHER, terminal=TTY)
    left.guard("g1", client=process_id(DEAD_CLIENT, 400), launcher=process_id(101, 1000))
    assert spared(left, 100, 102, 103, 104) == {100: LIVING}


def test_clients_elsewhere_and_those_that_are_gone_spare_nobody(left: LeftoverProc) -> None:
    add_client(left.runtime, "reused", process_id(102, 999))
    left.add(LIVING_CLIENT, 1, name="claude", start_ticks=500, state="Z")
    left.add(104, LIVING_CLIENT)
    assert spared(left, 100, 101, 102, 103, 104) == {}


def test_memguards_own_and_another_users_stay_alone(left: LeftoverProc) -> None:
    left.add(102, 101, command="python\0-m\0memguard.cli\0")
    left.add(104, 100, uid=12345)
    assert spared(left, 100, 101, 102, 103, 104) == {102: OURS, 104: ANOTHER_USER}
