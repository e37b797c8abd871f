"""Reading a tree from `/proc`: fakes for what no kernel gives at will, real processes for what it does give."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memguard.core.reading import MEASURED, TreeReading
from memguard.host import linux
from memguard.testing.fake_host import FakeHost

from .workshop import Workshop, gone, until

KB = 1024
MB = 1024 * 1024
ROOT = Path(__file__).parents[3]
HOSTILE_NAMES = ["foo) Z 1", "a b c", ")", "((", ") S 7 7 7", "x\ny", "RssAnon:", ""]


def pids_of(tree: TreeReading) -> list[int]:
    return [process.pid for process in tree.processes]


def test_reads_the_client_first_and_sums_anonymous_shared_and_swapped(fake: FakeHost) -> None:
    fake.add(10, 1, anon_kb=100, shmem_kb=20, swap_kb=3, children={10: [30, 20]})
    fake.add(20, 10, anon_kb=5, children={20: [40]})
    fake.add(30, 10, start_ticks=77)
    fake.add(40, 20, swap_kb=7)
    tree = linux.read_tree(10, fake.root)
    assert pids_of(tree) == [10, 30, 20, 40]
    assert tree.client_bytes == 123 * KB
    assert tree.footprint_bytes == 135 * KB
    assert (tree.processes[1].parent_pid, tree.processes[1].start_ticks) == (10, 77)


def test_children_of_every_thread_count(fake: FakeHost) -> None:
    fake.add(10, 1, children={10: [20], 11: [], 12: [21, 22]})
    for pid in (20, 21, 22):
        fake.add(pid, 10)
    assert sorted(pids_of(linux.read_tree(10, fake.root))) == [10, 20, 21, 22]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_moves_no_field(fake: FakeHost, name: str) -> None:
    fake.add(10, 1, name=name, start_ticks=4242, children={10: [20]})
    fake.add(20, 10, name=name)
    assert pids_of(linux.read_tree(10, fake.root)) == [10, 20]
    assert linux.start_ticks(10, fake.root) == 4242
    assert linux.parent_pid(20, fake.root) == 10
    assert not linux.is_zombie(10, fake.root)


def test_a_process_that_renamed_itself_is_still_found(workshop: Workshop) -> None:
    code = "import ctypes,sys; ctypes.CDLL(None).prctl(15, b'foo) Z 1', 0, 0, 0); print('ready', flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        workshop.line(process)
        assert linux.start_ticks(process.pid) > 0
        assert linux.parent_pid(process.pid) == os.getpid()
        assert not linux.is_zombie(process.pid)
    finally:
        process.communicate("")


def test_who_vanished_is_absent(fake: FakeHost) -> None:
    fake.add(10, 1, children={10: [20, 30]})
    tree = linux.read_tree(10, fake.root)
    assert pids_of(tree) == [10]
    assert tree.unreadable == 0


def test_no_client_no_tree(fake: FakeHost) -> None:
    assert linux.read_tree(10, fake.root).processes == []
    assert linux.read_process(10, fake.root) is None
    assert linux.start_ticks(10, fake.root) == 0
    assert linux.parent_pid(10, fake.root) == 0
    assert not linux.is_zombie(10, fake.root)


def test_a_torn_stat_is_a_vanished_process(fake: FakeHost) -> None:
    fake.write("10/stat", "10 (tool) S 1 2")
    assert linux.read_tree(10, fake.root).processes == []
    assert linux.start_ticks(10, fake.root) == 0


def test_a_zombie_client_is_gone_but_a_zombie_child_is_a_process_without_memory(fake: FakeHost) -> None:
    fake.add(10, 1, children={10: [20]})
    fake.add(20, 10, state="Z", has_memory=False)
    tree = linux.read_tree(10, fake.root)
    assert [process.footprint_bytes for process in tree.processes] == [0, 0]
    assert linux.read_tree(20, fake.root).processes == []


def test_a_first_thread_that_ended_before_the_others_is_no_zombie(fake: FakeHost) -> None:
    fake.add(10, 1, state="Z", children={10: [], 11: [20]})
    fake.add(20, 10)
    assert not linux.is_zombie(10, fake.root)
    assert pids_of(linux.read_tree(10, fake.root)) == [10, 20]


def test_the_hook_and_what_it_started_are_left_out(fake: FakeHost) -> None:
    fake.add(10, 1, children={10: [20, 30]})
    fake.add(20, 10, children={20: [21]})
    fake.add(21, 20)
    fake.add(30, 10)
    assert pids_of(linux.read_tree(10, fake.root, leave_out=20)) == [10, 30]


@pytest.mark.parametrize("with_children", [True, False])
def test_loops_end(tmp_path: Path, with_children: bool) -> None:
    fake = FakeHost(str(tmp_path / "loop"), with_children)
    fake.add(10, 30, children={10: [10, 20]})
    fake.add(20, 10, children={20: [30, 10]})
    fake.add(30, 20, children={30: [10, 20, 30]})
    assert sorted(pids_of(linux.read_tree(10, fake.root))) == [10, 20, 30]


def test_a_pid_given_to_a_stranger_meanwhile_is_not_of_the_tree(fake: FakeHost) -> None:
    fake.add(10, 1, children={10: [20, 30]})
    fake.add(20, 10)
    fake.add(30, 1, anon_kb=999)
    assert pids_of(linux.read_tree(10, fake.root)) == [10, 20]


def test_a_kernel_without_children_files_gives_the_same_tree(tmp_path: Path) -> None:
    trees = []
    for with_children in (True, False):
        fake = FakeHost(str(tmp_path / str(with_children)), with_children)
        fake.add(10, 1, children={10: [20], 11: [30]})
        fake.add(20, 10, children={20: [40]})
        fake.add(30, 10)
        fake.add(40, 20)
        fake.add(50, 1)
        trees.append(sorted(pids_of(linux.read_tree(10, fake.root))))
    assert trees == [[10, 20, 30, 40]] * 2


def test_a_member_of_thousands_of_groups_has_a_footprint(fake: FakeHost) -> None:
    fake.add(10, 1, anon_kb=8, groups=" ".join(str(4_000_000_000 + group) for group in range(20_000)))
    assert linux.read_tree(10, fake.root).footprint_bytes == 8 * KB


def test_ten_thousand_processes_take_ten_times_what_a_thousand_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quadratic walk would take a hundred times as long. From memory: a disk takes half a minute for the files."""
    times_s = [_best_time_s(monkeypatch, count) for count in (1_000, 10_000)]
    assert times_s[1] < times_s[0] * 30


def _best_time_s(monkeypatch: pytest.MonkeyPatch, count: int) -> float:
    """Each process has ten children as long as there are any, all listed; the first is the client."""
    files: dict[str, bytes] = {}
    children: dict[str, list[int]] = {}
    for pid in range(1, count + 1):
        files[f"/proc/{pid}/stat"] = b"%d (x) S %d %s1 0 %d" % (pid, (pid + 8) // 10, b"0 " * 15, pid)
        files[f"/proc/{pid}/status"] = b"Name:\tx\nRssAnon:\t 1 kB\n"
        children[f"/proc/{pid}/task/{pid}/children"] = list(range(10 * pid - 8, min(10 * pid + 1, count) + 1))
    monkeypatch.setattr(linux, "_has_children_file", lambda *_: True)
    monkeypatch.setattr(linux, "read_bytes", lambda path, _: files[path])
    monkeypatch.setattr(linux, "_pids_in", lambda path: children[path])
    times_s = []
    for _ in range(3):
        begin_s = time.perf_counter()
        tree = linux.read_tree(1)
        times_s.append(time.perf_counter() - begin_s)
        assert tree.footprint_bytes == count * KB
    return min(times_s)


HOLDER = """
import sys, time
held = bytearray(int(sys.argv[1]) * 1024 * 1024)
for offset in range(0, len(held), 4096): held[offset] = 1
print("ready", flush=True)
time.sleep(600)
"""


def test_the_order_of_sizes_does_not_matter(fake: FakeHost) -> None:
    """Linux has always written them in one order, which is read faster; another is read too."""
    names = ["RssAnon", "RssFile", "RssShmem", "VmData", "VmStk", "VmExe", "VmLib", "VmPTE", "VmSwap"]
    for order in (names, names[::-1]):
        lines = [f"{name}:\t{4 ** names.index(name):8} kB\n" for name in order]
        fake.write("10/status", "Name:\ttool\n" + "".join(lines) + "HugetlbPages:\t  77 kB\n")
        assert linux.footprint_bytes(10, fake.root) == (1 + 4**2 + 4**8) * KB


@pytest.mark.parametrize("text", ["", "Name:\tx\nVmRSS:\t 9 kB\n"])
def test_a_status_that_says_too_little_is_no_footprint(fake: FakeHost, text: str) -> None:
    fake.write("10/status", text)
    assert linux.footprint_bytes(10, fake.root) == -1
    assert linux.footprint_bytes(11, fake.root) == -1


HOLDER_WITHOUT_A_FIRST_THREAD = """
import ctypes, threading, time
def hold():
    held = bytearray(50 * 1024 * 1024)
    for offset in range(0, len(held), 4096): held[offset] = 1
    while "Z" not in open("/proc/self/stat").read().rpartition(")")[2]: time.sleep(0.01)
    print("ready", flush=True)
    time.sleep(600)
threading.Thread(target=hold).start()
ctypes.CDLL(None).syscall(%d, 0)  # exit of this thread alone
"""
EXIT_CALLS = {"x86_64": 60, "aarch64": 93}


@pytest.mark.skipif(os.uname().machine not in EXIT_CALLS, reason="the number of the exit call is not known here")
def test_what_a_process_holds_whose_first_thread_has_ended(workshop: Workshop) -> None:
    """The kernel shows no sizes for the process then, only for its other threads."""
    who = workshop.ready(HOLDER_WITHOUT_A_FIRST_THREAD % EXIT_CALLS[os.uname().machine])
    assert linux.footprint_bytes(who.pid) == 0
    reading = linux.read_process(who.pid)
    assert reading is not None
    assert 50 * MB < reading.footprint_bytes < 80 * MB
    assert reading.quality == MEASURED
    assert linux.read_tree(who.pid).client_bytes > 50 * MB
    assert [size_bytes > 50 * MB for *_, size_bytes in linux.walk(who.pid)] == [True]


def test_the_footprint_is_what_a_process_holds(workshop: Workshop) -> None:
    bare, full = (linux.read_process(workshop.ready(HOLDER, size).pid) for size in ("0", "50"))
    assert bare is not None
    assert full is not None
    assert abs(full.footprint_bytes - bare.footprint_bytes - 50 * MB) < 2 * MB


STARTER = """
import subprocess, sys, threading, time
tools = []
def tool():
    tools.append(subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]))
    time.sleep(600)
for _ in range(3): threading.Thread(target=tool, daemon=True).start()
while len(tools) < 3: time.sleep(0.01)
print(*[tool.pid for tool in tools], flush=True)
sys.stdin.read()
"""


def test_what_the_threads_of_a_real_process_started_is_in_its_tree(workshop: Workshop) -> None:
    client = workshop.start(STARTER)
    tools = {int(word) for word in workshop.line(client).split()}
    known = [workshop.adopt(pid) for pid in tools]
    assert set(pids_of(linux.read_tree(client.pid))) == {client.pid, *tools}
    client.kill()
    client.wait()
    assert linux.read_tree(client.pid).processes == []
    assert not all(gone(who) for who in known)


def test_a_real_zombie_is_one(workshop: Workshop) -> None:
    process = workshop.start("pass")
    until(lambda: linux.is_zombie(process.pid))
    assert linux.start_ticks(process.pid) > 0


def test_more_children_than_a_page_of_the_kernel_lists(workshop: Workshop) -> None:
    """The kernel hands `children` out in pieces of a page: 700 pids of up to 8 characters need two."""
    code = """
import os, time
pids = []
for _ in range(900):
    pid = os.fork()
    if not pid: os._exit(0)  # stays as a zombie: costs nothing and keeps its place in the list
    pids.append(pid)
print("ready", flush=True)
time.sleep(600)
"""
    who = workshop.ready(code)
    assert len(linux.read_tree(who.pid).processes) == 901


def test_imports_nothing_but_os() -> None:
    code = (
        "import os, sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1]); import memguard.host.linux;"
        "print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert loaded == ["memguard", "memguard.host", "memguard.host.linux"]
