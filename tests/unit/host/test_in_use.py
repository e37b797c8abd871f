"""Whether others use a process: by whom the connections that it accepted are held at the other end."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from memguard.host.in_use import SHOWN, UNTOLD, USED, Connections
from memguard.testing.fake_host import FakeHost

from .workshop import Workshop

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LOOP, LOOP6 = "0100007F", "0000000000000000FFFF00000100007F"
LISTEN, ESTABLISHED = "0A", "01"

TCP_SERVER = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
held = [server.accept() for _ in range(int(sys.argv[1]))]
print("accepted", flush=True)
sys.stdin.read()
"""
TCP_USER = """
import socket, sys
held = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("connected", flush=True)
sys.stdin.read()
"""
UNIX_SERVER = """
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1]); server.listen()
print("listening", flush=True)
held = server.accept()
print("accepted", flush=True)
sys.stdin.read()
"""
UNIX_USER = """
import socket, sys
held = socket.socket(socket.AF_UNIX); held.connect(sys.argv[1])
print("connected", flush=True)
sys.stdin.read()
"""


def _sockets(fake: FakeHost, pid: int, *inodes: int) -> None:
    os.makedirs(f"{fake.root}/{pid}/fd")
    for number, inode in enumerate(inodes):
        os.symlink(f"socket:[{inode}]", f"{fake.root}/{pid}/fd/{number}")
    os.makedirs(f"{fake.root}/{pid}/ns")
    os.symlink("net:[1]", f"{fake.root}/{pid}/ns/net")


def _tcp(fake: FakeHost, pid: int, *rows: tuple[str, str, str, int], name: str = "tcp") -> None:
    lines = [
        f"  {n}: {local} {remote} {state} 0:0 00:0 0  0  0 {inode} 1 0 20\n"
        for n, (local, remote, state, inode) in enumerate(rows)
    ]
    fake.write(f"{pid}/net/{name}", HEAD + "".join(lines))


def _server_and_user(fake: FakeHost) -> None:
    """Process 10 listens on port 8080 by socket 1 and has accepted 2, whose other end is 3 of process 20."""
    _sockets(fake, 10, 1, 2)
    _sockets(fake, 20, 3)
    rows = [
        (f"{LOOP}:1F90", "00000000:0000", LISTEN, 1),
        (f"{LOOP}:1F90", f"{LOOP}:C000", ESTABLISHED, 2),
        (f"{LOOP}:C000", f"{LOOP}:1F90", ESTABLISHED, 3),
    ]
    for pid in (10, 20):
        _tcp(fake, pid, *rows)


def test_a_server_is_used_by_who_stays_and_not_by_who_goes_with_it(fake: FakeHost) -> None:
    _server_and_user(fake)
    connections = Connections({10, 20}, fake.root)
    assert connections.users({10, 20}) == {}
    assert connections.users({10}) == {10: USED}
    assert connections.users({20}) == {}
    assert Connections({20}, fake.root).users({20}) == {}


def test_a_connection_that_waits_to_be_accepted_counts(fake: FakeHost) -> None:
    _sockets(fake, 10, 1)
    rows = [
        (f"{LOOP}:1F90", "00000000:0000", LISTEN, 1),
        (f"{LOOP}:1F90", f"{LOOP}:C000", ESTABLISHED, 0),
        (f"{LOOP}:C000", f"{LOOP}:1F90", ESTABLISHED, 3),
    ]
    _tcp(fake, 10, *rows)
    assert Connections({10}, fake.root).users({10}) == {10: USED}


def test_a_server_of_both_families_knows_its_users_of_the_older_one(fake: FakeHost) -> None:
    _sockets(fake, 10, 1, 2)
    _sockets(fake, 20, 3)
    _tcp(fake, 10, (f"{LOOP}:C000", f"{LOOP}:1F90", ESTABLISHED, 3))
    six = [
        (f"{'0' * 32}:1F90", f"{'0' * 32}:0000", LISTEN, 1),
        (f"{LOOP6}:1F90", f"{LOOP6}:C000", ESTABLISHED, 2),
    ]
    _tcp(fake, 10, *six, name="tcp6")
    connections = Connections({10, 20}, fake.root)
    assert connections.users({10, 20}) == {}
    assert connections.users({10}) == {10: USED}


def test_who_is_connected_from_elsewhere_is_somebody(fake: FakeHost) -> None:
    _sockets(fake, 10, 1, 2)
    rows = [("00000000:1F90", "00000000:0000", LISTEN, 1), ("0A00000A:1F90", "0B00000A:C000", ESTABLISHED, 2)]
    _tcp(fake, 10, *rows)
    assert Connections({10}, fake.root).users({10}) == {10: USED}


def test_a_connection_that_it_made_itself_is_no_use_of_it(fake: FakeHost) -> None:
    _sockets(fake, 10, 2)
    _tcp(fake, 10, ("0A00000A:C000", "0B00000A:01BB", ESTABLISHED, 2))
    assert Connections({10}, fake.root).users({10}) == {}


def test_a_unix_connection_whose_other_end_cant_be_told_is_somebodys(fake: FakeHost) -> None:
    _sockets(fake, 10, 1, 2)
    rows = [
        "0: 00000002 00000000 00010000 0001 01 1 /run/build.sock\n",
        "0: 00000003 00000000 00000000 0001 03 2 /run/build.sock\n",
        "0: 00000003 00000000 00000000 0001 03 3\n",
    ]
    fake.write("10/net/unix", "Num RefCount Protocol Flags Type St Inode Path\n" + "".join(rows))
    assert Connections({10}, fake.root).users({10}) == {10: UNTOLD}


@pytest.mark.parametrize("table", ["", "nonsense\n", HEAD + "  0: x\n  1: a b c d e f g h i j k\n"])
def test_torn_tables_are_no_use_of_anybody(fake: FakeHost, table: str) -> None:
    _sockets(fake, 10, 1)
    for name in ("tcp", "tcp6", "unix"):
        fake.write(f"10/net/{name}", table)
    assert Connections({10, 99}, fake.root).users({10, 99}) == {}


def test_a_process_whose_connections_may_not_be_read_may_be_in_use(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> list[str]:
        raise PermissionError

    monkeypatch.setattr(os, "listdir", refuse)
    assert Connections({10}, fake.root).users({10}) == {10: UNTOLD}


def test_a_real_build_daemon_and_its_real_users(workshop: Workshop) -> None:
    server = workshop.start(TCP_SERVER, "2")
    port = workshop.line(server)
    inner, outer = (workshop.start(TCP_USER, port) for _ in range(2))
    assert [workshop.line(process) for process in (inner, outer, server)] == ["connected", "connected", "accepted"]
    connections = Connections({server.pid, inner.pid, outer.pid})
    assert connections.users({server.pid, inner.pid, outer.pid}) == {}
    assert connections.users({server.pid, inner.pid}) == {server.pid: USED}
    assert Connections({inner.pid}).users({inner.pid}) == {}


def test_a_real_unix_server_and_its_real_user(workshop: Workshop, tmp_path: Path) -> None:
    server = workshop.start(UNIX_SERVER, str(tmp_path / "s"))
    workshop.line(server)
    user = workshop.start(UNIX_USER, str(tmp_path / "s"))
    assert [workshop.line(process) for process in (user, server)] == ["connected", "accepted"]
    connections = Connections({server.pid, user.pid})
    assert connections.users({server.pid, user.pid}) == {}
    assert list(connections.users({server.pid})) == [server.pid]


def test_who_shows_windows_is_in_use_while_the_display_stays(workshop: Workshop, tmp_path: Path) -> None:
    """A socket with a compositor's name: whoever is connected to it may have a window that somebody looks at."""
    with socket.socket(socket.AF_UNIX) as display:
        display.bind(str(tmp_path / "wayland-7"))
        display.listen()
        user = workshop.start(UNIX_USER, str(tmp_path / "wayland-7"))
        workshop.line(user)
        held = display.accept()
        assert Connections({user.pid}).users({user.pid}) == {user.pid: SHOWN}
        assert Connections({user.pid, os.getpid()}).users({user.pid, os.getpid()}) == {}
        held[0].close()


@pytest.mark.parametrize("name", ["x\n0 0 0 zz 0 03 7 name", "x\n0 0 0 100000000000000000 0 03 7 name", "x\n\n0 0"])
def test_a_socket_that_anybody_bound_to_a_name_with_line_breaks_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The kernel prints it as it is: such a line once ended the watchdog in the middle of a restart."""
    monkeypatch.chdir(tmp_path)  # a socket's address has 108 bytes, and the way there may need all of them
    with socket.socket(socket.AF_UNIX) as planted:
        planted.bind(name)
        planted.listen()
        assert os.getpid() not in Connections({os.getpid()}).users(set())
