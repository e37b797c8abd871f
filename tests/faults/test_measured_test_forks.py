"""A test that forks: what its children share isn't held twice, and what they take is held."""

from __future__ import annotations

import pytest

from tests.faults.measured_program import MB, command, facts_of

# Each child says how it is, and waits for the end of a pipe.
FORKS = """
def fork(work=lambda: None):
    pid = os.fork()
    if pid: return pid
    try:
        os.close(let_go)
        held = work()
        os.write(say_ready, b"x")
        os.read(wait, 1)
    finally:
        os._exit(0)
wait, let_go = os.pipe()
ready, say_ready = os.pipe()
before = hold(60)
watch.enter_test("forks", 100 * MB)
"""
ENDS = """
os.close(let_go)
for pid in pids: os.waitpid(pid, 0)
memory = watch.leave_test()
watch.end()
say(told=told, added=memory.end_bytes - memory.start_bytes, most=memory.peak_bytes - memory.start_bytes, pids=pids)
"""


def test_ten_children_that_only_share_are_no_excess() -> None:
    """By their footprints they hold 600 MB."""
    code = """
pids = [fork() for _ in range(10)]
os.read(ready, 10)
wait_until(lambda: len(watch._meter.read().others.sizes) == 10, "all of them")
seen = watch.reading()
"""
    [facts] = facts_of(command(FORKS + code + ENDS))
    assert facts["told"] == []
    assert facts["most"] < 40 * MB


def test_one_child_that_takes_more_than_the_limit_is_named() -> None:
    code = """
pids = [fork(), fork(lambda: hold(130)), fork()]
wait_until(lambda: told, "being told")
"""
    [facts] = facts_of(command(FORKS + code + ENDS))
    [[growth, is_run, largest]] = facts["told"]
    assert not is_run
    assert growth > 100 * MB
    assert largest[0] == facts["pids"][1]
    assert facts["added"] < 5 * MB


def test_children_that_write_to_what_they_shared_hold_it() -> None:
    """Each has a copy of its own then: 2 x 60 MB."""
    code = """
def write():
    before[::4096] = b"2" * (60 * MB // 4096)
pids = [fork(write), fork(write)]
wait_until(lambda: told, "being told")
"""
    [facts] = facts_of(command(FORKS + code + ENDS))
    assert facts["told"][0][0] > 100 * MB


def test_a_child_of_a_child_counts() -> None:
    code = """
def grandchild():
    if not os.fork():
        held = hold(130)
        os.read(wait, 1)
        os._exit(0)
pids = [fork(grandchild)]
wait_until(lambda: told, "being told")
"""
    [facts] = facts_of(command(FORKS + code + ENDS))
    assert facts["told"][0][2][0] not in facts["pids"]


def test_a_child_that_goes_on_with_the_suite_changes_nothing_in_its_parent() -> None:
    code = """
pid = os.fork()
held = None if pid else hold(130)
memories = [watch.leave_test()]
for number in range(5):
    watch.enter_test(str(number), 1 if not pid else 50 * MB)
    memories.append(watch.leave_test())
watch.end()
if not pid:
    os._exit(len(told) + sum(memory.excess is not None for memory in memories))
_, status = os.waitpid(pid, 0)
say(child=os.waitstatus_to_exitcode(status), names=[memory.name for memory in memories])
"""
    [facts] = facts_of(command(FORKS + code))
    assert facts["child"] == 0
    assert facts["names"] == ["forks", "0", "1", "2", "3", "4"]


def test_a_child_that_ends_as_python_does_ends_without_a_word() -> None:
    """By `sys.exit`: with all that Python does at its end, and a thread that isn't there any more."""
    code = """
pid = os.fork()
if not pid: sys.exit(7)
_, status = os.waitpid(pid, 0)
watch.end()
say(child=os.waitstatus_to_exitcode(status))
"""
    assert facts_of(command(FORKS + code)) == [{"child": 7}]


def test_a_storm_of_children_that_come_and_go_while_they_are_read() -> None:
    """Each shows its parent's 60 MB, and is gone between two reads of its files."""
    code = """
deadline = time.monotonic() + 1.0
count = looks = 0
while time.monotonic() < deadline:
    pid = os.fork()
    if not pid: os._exit(0)
    looks += watch.reading() > 0
    os.waitpid(pid, 0)
    count += 1
memory = watch.leave_test()
watch.end()
say(told=told, most=memory.peak_bytes - memory.start_bytes, count=count, looks=looks)
"""
    [facts] = facts_of(command(FORKS + code))
    assert facts["told"] == []
    assert facts["count"] == facts["looks"] > 10
    assert facts["most"] < 40 * MB


@pytest.mark.parametrize("how", ["subprocess.run(['/bin/true'])", "os.system('true')", "os.popen('true').close()"])
def test_starting_programs_from_a_large_process_is_no_excess(how: str) -> None:
    """Until it is loaded, a program's process shows the memory of who starts it."""
    code = f"""
pids = []
for _ in range(30): {how}
"""
    [facts] = facts_of(command(FORKS + code + ENDS))
    assert facts["told"] == []
    assert facts["most"] < 40 * MB
