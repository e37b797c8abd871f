"""A terminal binds who sits at it, unless its other side is held by the same tool, which serves nobody by it."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.core.part import TOOL
from memguard.host import current, terminal_master
from memguard.host.family import endable
from memguard.host.linux import read_tree
from memguard.host.linux_facts import terminal_number
from memguard.host.sparing import TERMINAL, Rule
from memguard.host.sweep import end_all
from memguard.host.terminal_master import pts_index, watched
from memguard.testing.fake_host import FakeHost
from memguard.watchdog.part_action import ENDED
from tests.guard_rig import HOLD, MB, GuardRig
from tests.sandbox import wait_until
from tests.tmux_server import TmuxServer

from .workshop import Workshop, gone, until

OWN_TERMINAL = 34816  # /dev/pts/0
AT_1, AT_2, AT_300 = 34817, 34818, 34816 + (300 & 0xFF) + ((300 >> 8) << 20)
NOBODY = frozenset[int]()

# Does what it is told to, then has a child at a terminal of its own that holds 30 MB; with a second order, another
# process below it follows that and does so.
TERMINAL_TOOL = """
import os, pty, socket, sys, time
exec(sys.argv[1])
if sys.argv[2:]:
    if os.fork(): time.sleep(600)
    exec(sys.argv[2])
pid, master = pty.fork()
if not pid:
    held = bytearray(30 << 20)
    held[::4096] = b"x" * (30 << 8)
    print("ready", flush=True)
    time.sleep(600)
os.read(master, 5)
print(os.getpid(), pid, flush=True)
time.sleep(600)
"""
LISTENS = "s = socket.socket(socket.AF_UNIX); s.bind(''); s.listen()"
SERVING = {
    "unix": LISTENS,
    "tcp": "s = socket.create_server(('127.0.0.1', 0))",
    "datagrams": "s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0))",
    "fifo": "os.mkfifo('{tmp}/in'); f = os.open('{tmp}/in', os.O_RDONLY | os.O_NONBLOCK)",
}
SERVING_NOBODY = {
    "nothing": "",
    "a file": "f = open('{tmp}/log', 'w')",
    "a pair, as standard input may be": "s = socket.socketpair()",
    "a connection of its own": "s = socket.create_connection(('127.0.0.1', {port}))",
    "datagrams to one alone": "s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9))",
}
# Sits down at the terminal that is its standard input.
SITTER = """
import fcntl, termios, time
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
print("ready", flush=True)
time.sleep(600)
"""


def of(*roots: ProcessId) -> set[int]:
    """Who may be stopped of some processes and what is below them; the rule of a sweep has to say the same."""
    free = {who.pid for who in endable({root.pid for root in roots}, 0, NOBODY)}
    table = current.scan()
    family = {process.pid for root in roots for process in read_tree(root.pid).processes}
    spared = Rule().spare(family, table)
    assert set(spared.values()) <= {TERMINAL}
    assert family - spared.keys() == free
    return free


@pytest.fixture
def started(workshop: Workshop) -> Callable[..., tuple[ProcessId, ...]]:
    """Starts a tool: it, who holds the terminal, and who sits at it."""

    def start(code: str, *words: str) -> tuple[ProcessId, ...]:
        process = workshop.start(TERMINAL_TOOL, code, *words)
        pids = [process.pid, *map(int, workshop.line(process).split())]
        tool, holder, inner = (workshop.adopt(pid) for pid in pids)
        until(lambda: terminal_number(inner.pid) != 0)
        return tool, holder, inner

    return start


@pytest.mark.parametrize("what", SERVING_NOBODY)
def test_a_tools_own_terminal_goes_with_it(
    started: Callable[..., tuple[ProcessId, ...]], listener: int, tmp_path: Path, what: str
) -> None:
    tool, _, inner = started(SERVING_NOBODY[what].format(tmp=tmp_path, port=listener))
    assert of(tool) == {tool.pid, inner.pid}


@pytest.fixture
def listener() -> Iterator[int]:
    """The port of a server outside."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("what", SERVING)
def test_who_serves_by_it_is_left_alone_with_all(
    started: Callable[..., tuple[ProcessId, ...]], tmp_path: Path, what: str
) -> None:
    tool, *_ = started(SERVING[what].format(tmp=tmp_path))
    assert of(tool) == set()


def test_who_shows_a_window_is_left_alone_with_all(started: Callable[..., tuple[ProcessId, ...]]) -> None:
    """A terminal emulator that a tool has started."""
    name = f"/tmp/.X11-unix/X{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as display:
        display.bind(f"\0{name}")
        display.listen()
        tool, *_ = started(f"s = socket.socket(socket.AF_UNIX); s.connect('\\0{name}')")
        with display.accept()[0]:
            assert of(tool) == set()


def test_so_is_who_was_started_by_one_that_serves(started: Callable[..., tuple[ProcessId, ...]]) -> None:
    """As an editor's server has its terminals held by a child."""
    tool, holder, _ = started(LISTENS, "s.close()")
    assert tool != holder
    assert of(tool) == set()


def test_a_terminal_that_is_held_outside_binds(workshop: Workshop) -> None:
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", SITTER], stdin=slave, stdout=subprocess.PIPE, start_new_session=True
    )
    who = workshop.adopt(process.pid)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        assert of(who) == set()
        assert [found.pid for found in endable({who.pid}, terminal_number(who.pid), NOBODY)] == [who.pid]
    finally:
        process.kill()
        process.communicate()
        os.close(master)
        os.close(slave)


@pytest.mark.skipif(not shutil.which("script"), reason="script is not installed here")
def test_under_script_it_is_endable_whole_and_goes(workshop: Workshop) -> None:
    inner = shlex.join([sys.executable, "-I", "-S", "-c", HOLD, "30"])
    tool = workshop.adopt(
        workshop.start(f"import os; os.execvp('script', ['script', '-qc', {inner!r}, '/dev/null'])").pid
    )
    until(lambda: any(process.footprint_bytes > 30 * MB for process in read_tree(tool.pid).processes))
    family = [workshop.adopt(process.pid) for process in read_tree(tool.pid).processes]
    assert len(family) > 1
    assert of(tool) == {who.pid for who in family}
    assert end_all([tool], 5).spared == []
    assert all(gone(who) for who in family)


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed here")
def test_a_tmux_server_that_a_tool_started_survives_with_what_runs_in_its_panes(
    workshop: Workshop, tmp_path: Path
) -> None:
    """Also what has another terminal there: the pane shows what `script` shows."""
    tool = workshop.ready("import time; print('ready', flush=True); time.sleep(600)")
    inside = ["script", "-qc", "exec sleep 61", "/dev/null"] if shutil.which("script") else ["sleep", "61"]
    tmux = TmuxServer(tmp_path / "tmux", tmp_path, {"PATH": os.environ["PATH"], "TERM": "screen"}, *inside)
    try:
        server = workshop.adopt(tmux.pid)
        until(lambda: any(_name(process.pid) == "sleep" for process in read_tree(server.pid).processes))
        family = [workshop.adopt(process.pid) for process in read_tree(server.pid).processes]
        assert of(tool, server) == {tool.pid}
        result = end_all([tool, server], 2)
        assert {pid for pid, _, _ in result.spared} == {who.pid for who in family}
        assert gone(tool)
        assert not any(gone(who) for who in family)
    finally:
        tmux.close()


def _name(pid: int) -> str:
    return current.command_name(pid).strip()


@pytest.mark.parametrize("way", ["script", "a program's own"])
def test_a_call_over_its_budget_below_a_terminal_of_its_own_is_ended(
    make_rig: Callable[..., GuardRig], way: str
) -> None:
    if way == "script" and not shutil.which("script"):
        pytest.skip("script is not installed here")
    rig = make_rig({"Bash": 20 * MB})
    rig.begin_call("toolu_1", budget_index=0)
    if way == "script":
        hog = shlex.join([sys.executable, "-I", "-S", "-c", HOLD, "30"])
        root = rig.start(TOOL, "script", "-qc", hog, "/dev/null")
    else:
        root = rig.python(TOOL, TERMINAL_TOOL, "")
    rig.look()
    excess = wait_until(lambda: (rig.look(), rig.session.culprits.find())[1], "a culprit")
    assert excess is not None
    family = [process.pid for process in excess.part.processes]
    assert len(family) > 1
    assert rig.end(excess)[0] == ENDED
    assert gone(root)
    assert not set(family) & set(rig.pids())
    assert rig.notes()["toolu_1"]["limit"] == "the budget of Bash"


def test_without_another_terminal_no_descriptor_is_read(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    who = workshop.ready("import time; print('ready', flush=True); time.sleep(600)")
    monkeypatch.setattr(terminal_master, "_links", None)
    assert [found.pid for found in endable({who.pid}, 0, NOBODY)] == [who.pid]


def test_a_standard_input_of_the_clients_costs_no_tables(
    started: Callable[..., tuple[ProcessId, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of TCP take 10 ms each, in which what is to be stopped grows on."""
    tool, _, inner = started(SERVING_NOBODY["a pair, as standard input may be"])
    with monkeypatch.context() as patch:
        patch.setattr(terminal_master, "_waiting", None)
        patch.setattr("memguard.host.in_use.Connections", None)
        assert of(tool) == {tool.pid, inner.pid}

    def refused() -> None:
        raise PermissionError(1, "not in this sandbox")

    monkeypatch.setattr("memguard.host.unix_diag.unix_sockets", refused)
    assert of(tool) == {tool.pid, inner.pid}, "the tables say so, too"


class Seats:
    """A family on disk, all of it below 10, which has no terminal: who sits where, and who is whose master."""

    def __init__(self, fake: FakeHost) -> None:
        self.fake = fake
        self.family: set[int] = set()
        self.add(10, 1)

    def add(self, pid: int, parent: int, terminal: int = 0, session: int = 0, **links: str) -> None:
        """A process; `links` are its descriptors, such as `_3="/dev/ptmx"`."""
        self.fake.add(pid, parent, terminal=terminal, process_session=session)
        self.family.add(pid)
        self.live_in(pid, "world")
        os.makedirs(f"{self.fake.root}/{pid}/fd")
        for name, link in links.items():
            os.symlink(link, f"{self.fake.root}/{pid}/fd/{name[1:]}")

    def live_in(self, pid: int, world: str, device: str = "") -> None:
        """Below a root of its own; `device` is where that has its `/dev/pts`."""
        folder = Path(self.fake.root).parent / world / "dev"
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / "pts").symlink_to(device) if device else (folder / "pts").mkdir()
        root = Path(f"{self.fake.root}/{pid}/root")
        root.unlink(missing_ok=True)
        root.symlink_to(folder.parent)

    def master(self, pid: int, index: object, link: str = "/dev/ptmx") -> None:
        """A descriptor of a master."""
        number = 10 + len(os.listdir(f"{self.fake.root}/{pid}/fd"))
        os.symlink(link, f"{self.fake.root}/{pid}/fd/{number}")
        self.fake.write(
            f"{pid}/fdinfo/{number}", f"pos:\t0\nflags:\t0100002\nmnt_id:\t24\nino:\t91\ntty-index:\t{index}\n"
        )

    def watched(self) -> set[int]:
        return watched(self.family, current.scan(self.fake.root), OWN_TERMINAL, self.fake.root)


@pytest.fixture
def seats(fake: FakeHost) -> Seats:
    return Seats(fake)


@pytest.mark.parametrize(("terminal", "index"), [(AT_1, 1), (AT_300, 300)])
@pytest.mark.parametrize("link", ["/dev/ptmx", "/dev/pts/ptmx"])
def test_the_number_names_the_master(seats: Seats, terminal: int, index: int, link: str) -> None:
    seats.add(11, 10, terminal)
    assert seats.watched() == {11}
    seats.master(10, index, link)
    assert seats.watched() == set()


@pytest.mark.parametrize("index", [2, "", "x", "-1", "1x", "9" * 400])
def test_another_masters_number_says_nothing(seats: Seats, index: object) -> None:
    seats.add(11, 10, AT_1)
    seats.master(10, index)
    assert seats.watched() == {11}


@pytest.mark.parametrize(
    ("number", "index"),
    [(34816, 0), (35071, 255), (35072, 256), (36863, 2047), (AT_300, 300), (1025, -1), (772, -1), (0, -1)],
)
def test_the_index_of_a_device_number(number: int, index: int) -> None:
    """Eight majors of 256, or one with minors of 20 bits; a console and a terminal of the old kind are none."""
    assert pts_index(number) == index


def test_the_largest_number_which_the_kernel_writes_as_a_negative_one() -> None:
    minor = (1 << 20) - 1
    number = (minor & 0xFF) | 136 << 8 | (minor & ~0xFF) << 12
    assert pts_index(number - (1 << 32)) == minor


def test_a_container_has_terminals_of_its_own_numbers(seats: Seats) -> None:
    """The sandbox's first terminal, and the host's."""
    seats.add(11, 10, AT_1)
    seats.add(12, 10)
    seats.master(12, 1)
    assert seats.watched() == set()
    seats.live_in(12, "sandbox", "/proc")
    assert seats.watched() == {11}
    seats.live_in(11, "sandbox")
    assert seats.watched() == set()


def test_where_it_lives_says_the_leader_of_its_process_session(seats: Seats) -> None:
    """A browser's helper doesn't let anybody look; its shell does."""
    seats.add(11, 10, AT_1)
    seats.add(12, 11, AT_1, session=11)
    seats.master(10, 1)
    os.unlink(f"{seats.fake.root}/12/root")
    assert seats.watched() == set()
    os.unlink(f"{seats.fake.root}/11/root")
    assert seats.watched() == {11, 12}
    os.unlink(f"{seats.fake.root}/10/root")
    seats.add(13, 10, AT_1)
    assert seats.watched() == {11, 12, 13}, "two that can't be told are not the same"


def test_one_copy_at_a_listeners_is_enough(seats: Seats) -> None:
    seats.add(11, 10, AT_1)
    seats.master(10, 1)
    seats.add(12, 1, _0="socket:[5]")
    seats.master(12, 1)
    serve(seats, 12, 6)
    assert seats.watched() == set()
    serve(seats, 12, 5)
    assert seats.watched() == {11}


def serve(seats: Seats, pid: int, inode: int) -> None:
    """A listening socket in the tables that a process sees."""
    head = "Num RefCount Protocol Flags Type St Inode Path\n"
    seats.fake.write(f"{pid}/net/unix", f"{head}0000: 00000002 00000000 00010000 0001 01 {inode} /run/x\n")
    os.makedirs(f"{seats.fake.root}/{pid}/ns", exist_ok=True)
    if not os.path.lexists(f"{seats.fake.root}/{pid}/ns/net"):
        os.symlink("net:[1]", f"{seats.fake.root}/{pid}/ns/net")


def test_a_copy_that_one_at_the_terminal_has_says_nothing(seats: Seats) -> None:
    """Some programs forget to close it: then it is in every process of that terminal, whoever shows it."""
    seats.add(11, 10, AT_1)
    seats.master(11, 1)
    assert seats.watched() == {11}


def test_who_holds_it_at_a_terminal_that_is_watched_shows_it_there(seats: Seats) -> None:
    seats.add(11, 10, AT_1)
    seats.master(11, 2)
    seats.add(12, 1, AT_2)  # its parent is gone: it isn't below the other any more
    assert seats.watched() == {11, 12}
    seats.master(10, 1)
    assert seats.watched() == set()


def test_two_that_hold_each_others_show_nobody_anything(seats: Seats) -> None:
    seats.add(11, 10, AT_1)
    seats.add(12, 10, AT_2)
    seats.master(11, 2)
    seats.master(12, 1)
    assert seats.watched() == set()


@pytest.mark.parametrize("way", ["vanished", "refused"])
def test_what_can_not_be_looked_into_leaves_the_binding(
    seats: Seats, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    seats.add(11, 10, AT_1)
    seats.master(10, 1)
    refused, listed = f"{seats.fake.root}/10/fd", os.listdir

    def list_others(path: str) -> list[str]:
        if path == refused:
            raise PermissionError(13, "refused") if way == "refused" else ProcessLookupError(3, "gone")
        return listed(path)

    monkeypatch.setattr(os, "listdir", list_others)
    assert seats.watched() == {11}


@pytest.mark.parametrize("missing", ["net", "ns", "fd"])
def test_a_holder_that_can_be_looked_into_in_part_alone_leaves_it_too(seats: Seats, missing: str) -> None:
    seats.add(11, 10, _0="socket:[5]")
    seats.add(12, 11, AT_1)
    seats.add(13, 11)
    seats.master(13, 1)
    serve(seats, 11, 6)
    assert seats.watched() == set()
    shutil.rmtree(f"{seats.fake.root}/11/{missing}")
    assert seats.watched() == {12}


def test_a_hostile_name_of_a_socket_can_only_bind(seats: Seats) -> None:
    """A name may hold line breaks, and so make up a line."""
    seats.add(11, 10, AT_1)
    seats.add(12, 10, _0="socket:[5]")
    seats.master(12, 1)
    serve(seats, 12, 7)
    path = Path(f"{seats.fake.root}/12/net/unix")
    plain = path.read_text()
    path.write_text(plain + "0: 2 0 00000000 0001 01 5 /a\n0: 2 0 00010000 1 1 \xff /b\n\n0: 2\n", "latin-1")
    assert seats.watched() == set()
    path.write_text(plain + "0: 2 0 00000000 0001 01 8 /a\n0: 2 0 00010000 1 1 5 /b\n")
    assert seats.watched() == {11}


def test_the_verdict_of_a_rule_stands_when_the_holder_goes_first(seats: Seats) -> None:
    seats.add(11, 10, AT_1)
    seats.master(10, 1)
    rule = Rule(OWN_TERMINAL, seats.fake.root)
    assert TERMINAL not in rule.spare(seats.family, current.scan(seats.fake.root)).values()
    shutil.rmtree(f"{seats.fake.root}/10")
    seats.add(12, 11, AT_1, session=11)
    assert TERMINAL not in rule.spare({11, 12}, current.scan(seats.fake.root)).values()
    assert TERMINAL in Rule(OWN_TERMINAL, seats.fake.root).spare({11, 12}, current.scan(seats.fake.root)).values()
