"""The registry of sessions and their clients: nothing is lost, and what can't be believed ends nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.core.session_clients import (
    Left,
    add_client,
    add_left,
    add_told,
    drop_session,
    read_session,
    session_ids,
)

SESSION = "11111111-2222-3333-4444-555555555555"


def _who(pid: int, boot: str = "boot") -> ProcessId:
    return ProcessId(pid, 100 + pid, boot, "4026531836")


@pytest.fixture
def runtime(tmp_path: Path) -> str:
    (tmp_path / "runtime").mkdir(mode=0o700)
    return str(tmp_path / "runtime")


def _path(runtime: str, session_id: str = SESSION) -> Path:
    return Path(runtime) / "sessions" / session_id


def test_the_clients_of_an_id(runtime: str) -> None:
    add_client(runtime, SESSION, _who(1))
    add_client(runtime, SESSION, _who(2))
    add_client(runtime, SESSION, _who(1))
    add_client(runtime, "after-clear", _who(1))
    record = read_session(runtime, SESSION)
    assert (record.clients, record.is_whole) == ([_who(1), _who(2)], True)
    assert session_ids(runtime) == [SESSION, "after-clear"]


def test_what_is_left_and_told_is_kept_beside_the_clients(runtime: str) -> None:
    add_client(runtime, SESSION, _who(1))
    for _ in range(2):
        add_left(runtime, SESSION, Left(_who(5), _who(1), "mcp__a b\n=c"))
    add_told(runtime, SESSION, _who(6))
    record = read_session(runtime, SESSION)
    assert record.is_whole
    assert [(left.who, left.client, left.tool) for left in record.left] == [(_who(5), _who(1), "mcp__a_b__c")]
    assert record.told == {_who(6).to_text()}


def test_an_earlier_boots_clients_go_when_another_comes(runtime: str) -> None:
    add_client(runtime, SESSION, _who(1, "before"))
    add_client(runtime, SESSION, _who(2))
    assert read_session(runtime, SESSION).clients == [_who(2)]


TORN = (
    "",
    "client=1:2:boot",
    "client=1:2:b:n",
    "client=x:2:b:n\n",
    "nonsense\n",
    "client=1:2:b:n extra\n",
    "left=1:2:b:n\n",
)


@pytest.mark.parametrize("text", TORN)
def test_what_is_torn_is_not_whole(runtime: str, text: str) -> None:
    add_client(runtime, SESSION, _who(1))
    _path(runtime).write_text(text)
    assert not read_session(runtime, SESSION).is_whole


def test_a_file_that_is_too_long_says_nothing(runtime: str) -> None:
    add_client(runtime, SESSION, _who(1))
    _path(runtime).write_text(f"client={_who(1).to_text()}\n" * 10_000)
    assert (read_session(runtime, SESSION).clients, read_session(runtime, SESSION).is_whole) == ([], False)


def _make_link(path: Path) -> None:
    target = path.parent.parent / "planted"
    target.write_text(f"client={_who(9).to_text()}\n")
    path.symlink_to(target)


@pytest.mark.parametrize("plant", [_make_link, os.mkfifo, os.mkdir], ids=["link", "fifo", "folder"])
def test_what_is_no_plain_file_is_not_believed(runtime: str, plant: Callable[[Path], None]) -> None:
    add_client(runtime, SESSION, _who(1))
    _path(runtime).unlink()
    plant(_path(runtime))
    record = read_session(runtime, SESSION)
    assert (record.clients, record.is_whole) == ([], False)


def test_what_others_may_write_to_is_not_believed(runtime: str) -> None:
    add_client(runtime, SESSION, _who(1))
    _path(runtime).chmod(0o666)
    assert not read_session(runtime, SESSION).is_whole


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_not_believed(runtime: str) -> None:
    add_client(runtime, SESSION, _who(1))
    os.chown(_path(runtime), 12345, 12345)
    assert not read_session(runtime, SESSION).is_whole


def test_no_link_is_written_through(runtime: str, tmp_path: Path) -> None:
    add_client(runtime, "other", _who(1))
    target = tmp_path / "target"
    target.write_text("mine")
    _path(runtime).symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        add_client(runtime, SESSION, _who(1))
    assert target.read_text() == "mine"


@pytest.mark.parametrize("session_id", ["../../x", "", "a" * 65, "-x"])
def test_an_id_that_is_no_plain_one_names_no_file(runtime: str, session_id: str) -> None:
    with pytest.raises(ValueError, match="session id"):
        add_client(runtime, session_id, _who(1))
    assert not read_session(runtime, session_id).is_whole


def test_dropping_asks_last_of_all(runtime: str) -> None:
    """A client that came between the question and the drop is not lost."""
    add_client(runtime, SESSION, _who(1))
    assert not drop_session(runtime, SESSION, lambda record: _who(1) not in record.clients)
    assert read_session(runtime, SESSION).clients == [_who(1)]

    def late(_: object) -> bool:
        add_client(runtime, SESSION, _who(2))
        return True

    assert drop_session(runtime, SESSION, late)
    assert read_session(runtime, SESSION).clients == [_who(2)]
    assert sorted(os.listdir(f"{runtime}/sessions")) == [SESSION]


RESUMING = """
import sys
from memguard.core.identity import ProcessId
from memguard.core.session_clients import add_client
for n in range(100):
    add_client(sys.argv[1], sys.argv[2], ProcessId(int(sys.argv[3]) * 1000 + n, 1, "b", "n"))
"""


def test_of_many_that_resume_at_once_none_is_lost(runtime: str) -> None:
    """While another drops the file again and again: every client that is told of is there in the end."""
    started = [subprocess.Popen([sys.executable, "-c", RESUMING, runtime, SESSION, str(n)]) for n in range(4)]
    drops = 0
    while any(process.poll() is None for process in started):
        drop_session(runtime, SESSION, lambda _: False)
        drops += 1
    assert [process.returncode for process in started] == [0] * 4
    assert drops > 0
    expected = {n * 1000 + i for n in range(4) for i in range(100)}
    assert {client.pid for client in read_session(runtime, SESSION).clients} == expected
