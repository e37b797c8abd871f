"""The record of what is stopped, and whoever comes after a watchdog that wrote it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.host.frozen_record import frozen_of, thaw_left
from memguard.host.identity import identify
from memguard.host.run_state import is_stopped
from memguard.watchdog.frozen import FrozenRecord
from tests.unit.host.workshop import Workshop, until

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
ONE, TWO = ProcessId(7, 1, "boot", "1"), ProcessId(8, 2, "boot", "1")


@pytest.fixture
def record(tmp_path: Path) -> FrozenRecord:
    return FrozenRecord(str(tmp_path))


@pytest.fixture
def shop() -> Iterator[Workshop]:
    shop = Workshop()
    yield shop
    shop.close()


def stopped(shop: Workshop) -> ProcessId:
    who = shop.ready(SLEEPER)
    os.kill(who.pid, signal.SIGSTOP)
    until(lambda: is_stopped(who.pid))
    return who


def test_it_is_there_only_while_something_is_stopped(record: FrozenRecord, tmp_path: Path) -> None:
    assert frozen_of(str(tmp_path)) == []
    record.add([ONE])
    record.add([TWO])
    assert frozen_of(str(tmp_path)) == [ONE, TWO]
    assert (tmp_path / "frozen").stat().st_mode & 0o777 == 0o600
    record.clear()
    assert list(tmp_path.iterdir()) == []
    record.clear()


def test_what_was_left_stopped_goes_on(record: FrozenRecord, shop: Workshop, tmp_path: Path) -> None:
    found = [stopped(shop) for _ in range(2)]
    record.add(found)
    assert thaw_left(str(tmp_path)) == found
    until(lambda: not any(is_stopped(who.pid) for who in found))
    assert not (tmp_path / "frozen").exists()
    assert thaw_left(str(tmp_path)) == []


def test_a_pid_that_was_given_away_is_not_let_go_on(record: FrozenRecord, shop: Workshop, tmp_path: Path) -> None:
    who, other = stopped(shop), stopped(shop)
    record.add([ProcessId(who.pid, who.start_ticks - 5, who.boot_id, who.pid_namespace), other])
    thaw_left(str(tmp_path))
    until(lambda: not is_stopped(other.pid))
    assert is_stopped(who.pid)


@pytest.mark.parametrize(
    "torn",
    ["7:1:boot", "7:1:boot:1:9", "x:1:boot:1", "", ":::", "7:one:boot:1", "\x00\x00", "-"],
)
def test_a_torn_line_is_nobody_and_the_others_count(record: FrozenRecord, tmp_path: Path, torn: str) -> None:
    record.add([ONE])
    with (tmp_path / "frozen").open("a") as file:
        file.write(f"{torn}\n{TWO.to_text()}\n")
    assert frozen_of(str(tmp_path)) == [ONE, TWO]


def test_a_record_that_is_cut_anywhere_names_nobody_else_here(shop: Workshop, tmp_path: Path) -> None:
    """A full disk: the last line may be cut in the middle of a number, and then name another process."""
    who = stopped(shop)
    own = identify(os.getpid())
    assert own is not None
    whole = f"{who.to_text()}\n{own.to_text()}\n".encode()
    for length in range(len(whole)):
        (tmp_path / "frozen").write_bytes(whole[:length])
        found = frozen_of(str(tmp_path))
        real = [one for one in found if identify(one.pid) == one]
        assert set(real) <= {who, own}
        assert (who in found) == (length >= len(who.to_text()))


def test_a_record_that_can_be_neither_read_nor_removed_stops_nothing(record: FrozenRecord, tmp_path: Path) -> None:
    (tmp_path / "frozen").mkdir()
    assert thaw_left(str(tmp_path)) == []
    record.clear()
    with pytest.raises(IsADirectoryError):
        record.add([ONE])
