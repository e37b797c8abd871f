"""A test run where `/proc` is hidden, odd or refuses: it says what it can, and never fails a test for what it can't."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from memguard.test_run.meter import Meter
from memguard.testing.fake_host import FakeHost
from tests.faults.measured_program import BEFORE, MB, command, facts_of

TEST = """
watch.enter_test("a", 20 * MB)
held = hold(60)
memory = watch.leave_test()
watch.end()
say(told=len(told), start=memory.start_bytes, end=memory.end_bytes, over=memory.excess is not None)
"""


def test_where_there_is_no_proc_nothing_is_measured_and_nothing_fails() -> None:
    words = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh", *command(TEST)]
    done = subprocess.run([*words[:5], "true"], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    assert facts_of(words) == [{"told": 0, "start": 0, "end": 0, "over": False}]


def test_proc_that_goes_away_in_the_middle_leaves_what_was_known() -> None:
    """A test that mounts something over it: the files that are open are still the kernel's."""
    code = f"{BEFORE}\nsubprocess.run(['mount', '-t', 'tmpfs', 'none', '/proc'], check=True)\n{TEST}"
    probe = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, timeout=60, check=False)
    if probe.returncode:
        pytest.skip(f"nothing can be mounted here: {probe.stderr.strip()}")
    [facts] = facts_of(["unshare", "--mount", *command(code.removeprefix(BEFORE))])
    assert facts["over"]
    assert facts["end"] - facts["start"] > 55 * MB


def test_no_descriptor_is_left() -> None:
    """Another process can't be read then; this one is, by the files that are open."""
    code = f"""
others = []
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
watch.reading()
try:
    while True: others.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
{TEST}
"""
    [facts] = facts_of(command(code))
    assert facts["over"]
    assert facts["told"] == 1


def test_a_test_that_closes_every_descriptor_it_finds() -> None:
    [facts] = facts_of(command(f"os.closerange(3, 200)\n{TEST}"))
    assert facts["over"]


def test_a_test_that_gives_their_numbers_to_files_of_its_own() -> None:
    code = f"""
os.closerange(3, 200)
mine = [os.open("/etc/passwd", os.O_RDONLY) for _ in range(20)]
{TEST}
say(still_open=sum(os.fstat(number).st_size > 0 for number in mine))
"""
    facts, after = facts_of(command(code))
    assert facts["over"]
    assert after == {"still_open": 20}


def test_no_memory_is_left() -> None:
    """A limit on addresses: each allocation fails, the thread's own too."""
    code = f"""
resource.setrlimit(resource.RLIMIT_AS, (400 * MB, resource.RLIM_INFINITY))
blocks = []
try:
    while True: blocks.append(bytearray(MB))
except MemoryError:
    blocks.clear()
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
{TEST}
"""
    [facts] = facts_of(command(code))
    assert facts["over"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("20/status", ""),
        ("20/status", "Name:\ttool\n"),
        ("20/status", "\x00\xff" * 999),
        ("20/stat", ""),
        ("20/stat", "20 (tool"),
        ("20/smaps_rollup", "nothing of the kind"),
        ("10/task/10/children", ""),
        ("10/task/10/children", "20 20 99999 "),
        ("20/environ", "\x00" * 99),
    ],
)
def test_odd_files_of_a_child_are_no_reason_to_fail(tmp_path: Path, path: str, text: str) -> None:
    host = FakeHost(str(tmp_path / "proc"))
    host.add(10, 1, anon_kb=100, pss_kb=100, children={10: [20]})
    host.add(20, 10, anon_kb=900, pss_kb=900)
    host.write(path, text)
    meter = Meter(host.root)
    for each in (meter, meter._tree):
        each._pid = 10
    meter.begin()
    meter._tree._waitid = None
    sizes = {meter.read().size_bytes, meter.read_border(is_exact=True).size_bytes, meter.read_confirmed().size_bytes}
    meter.end()
    assert sizes <= {100 * 1024, 1000 * 1024}


def test_a_child_that_may_not_be_looked_into_counts_by_its_footprint() -> None:
    """Who gave up rights can't be dumped, nor what it forks: the kernel refuses its shares and its environment."""
    code = """
import ctypes
if os.geteuid() == 0:
    os.setgroups([])
    os.setresuid(65534, 65534, 65534)
else:
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
ready, say_ready = os.pipe()
watch.enter_test("a", 40 * MB)
pid = os.fork()
if not pid:
    held = hold(60)
    os.write(say_ready, b"x")
    time.sleep(60)
os.read(ready, 1)
memory = watch.leave_test()
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
watch.end()
say(over=memory.excess is not None, is_confirmed=memory.excess.is_confirmed, named=pid in told[0][2])
"""
    assert facts_of(command(code)) == [{"over": True, "is_confirmed": False, "named": True}]
