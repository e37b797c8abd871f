"""A test that leaves a daemon: no child of the run any more, in a process session of its own, and held all the same."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.faults.measured_program import MB, command, facts_of

# Twice forked, so that it is a child of init; it says its pid, and ends with the pipe that the run holds.
DAEMON = """
wait, let_go = os.pipe()
says, say_pid = os.pipe()
def daemonise(megabytes):
    child = os.fork()
    if not child:
        os.setsid()
        if os.fork(): os._exit(0)
        os.close(let_go)
        held = hold(megabytes)
        os.write(say_pid, b"%8d" % os.getpid())
        os.read(wait, 1)
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(says, 8))
def parent_of(pid):
    with open(f"/proc/{pid}/stat") as file: return int(file.read().rpartition(")")[2].split()[1])
"""
ENDS = """
watch.end()
os.close(let_go)
say(told=told, daemon=daemon, parent=parent, me=os.getpid(), **facts)
"""


def test_a_daemon_counts_for_the_test_that_left_it() -> None:
    code = """
watch.enter_test("leaves", 50 * MB)
daemon = daemonise(80)
parent = parent_of(daemon)
memory = watch.leave_test()
watch.enter_test("next", 50 * MB)
after = watch.leave_test()
facts = dict(added=memory.end_bytes - memory.start_bytes, next=after.end_bytes - after.start_bytes)
"""
    [facts] = facts_of(command(DAEMON + code + ENDS))
    assert facts["parent"] != facts["me"]
    [[growth, is_run, largest]] = facts["told"]
    assert not is_run
    assert growth > 50 * MB
    assert facts["daemon"] in largest
    assert facts["added"] > 75 * MB
    assert abs(facts["next"]) < 10 * MB


def test_the_thread_finds_a_daemon_that_it_never_saw_as_a_child() -> None:
    """For the run's limit, in a test without one of its own."""
    code = """
watch._run_limit_bytes = watch.reading() + 50 * MB
watch.enter_test("leaves")
daemon = daemonise(80)
parent = parent_of(daemon)
wait_until(lambda: told, "being told")
watch.leave_test()
facts = {}
"""
    [facts] = facts_of(command(DAEMON + code + ENDS))
    assert facts["told"][0][1]
    assert facts["daemon"] in facts["told"][0][2]


def test_a_program_that_daemonises_itself_is_found_by_its_environment() -> None:
    code = """
watch.enter_test("leaves", 50 * MB)
program = f'''
import os, sys
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
held = bytearray(80 * 1024 * 1024)
for offset in range(0, len(held), 4096): held[offset] = 1
os.write({say_pid}, b"%8d" % os.getpid())
os.read({wait}, 1)
'''
subprocess.run([sys.executable, "-I", "-S", "-c", program], pass_fds=(wait, say_pid))
daemon = int(os.read(says, 8))
parent = parent_of(daemon)
memory = watch.leave_test()
facts = dict(added=memory.end_bytes - memory.start_bytes)
"""
    [facts] = facts_of(command(DAEMON + code + ENDS))
    assert facts["parent"] != facts["me"]
    assert facts["daemon"] in facts["told"][0][2]
    assert facts["added"] > 75 * MB


def test_when_the_daemon_has_ended_nothing_of_it_is_held() -> None:
    code = """
watch.enter_test("leaves")
daemon = daemonise(60)
parent = parent_of(daemon)
with_it = watch.reading()
os.kill(daemon, signal.SIGKILL)
wait_until(lambda: watch.reading() < with_it - 55 * MB, "its end")
facts = {}
watch.leave_test()
"""
    [facts] = facts_of(command(DAEMON + code + ENDS))
    assert facts["parent"] != facts["me"]


def test_a_daemon_is_found_while_tests_of_nothing_follow() -> None:
    """Borders come so close to each other that the thread reads nothing, and there are no children."""
    code = """
watch._run_limit_bytes = watch.reading() + 50 * MB
watch.enter_test("leaves")
daemon = daemonise(80)
parent = parent_of(daemon)
deadline_s = time.monotonic() + 20
while not told and time.monotonic() < deadline_s: watch.leave_test()
facts = {}
"""
    [facts] = facts_of(command(DAEMON + code + ENDS))
    assert facts["parent"] != facts["me"]
    [[_, is_run, largest]] = facts["told"]
    assert is_run
    assert facts["daemon"] in largest


def test_a_run_beside_this_one_is_not_taken_for_a_daemon_of_it() -> None:
    """Both are children of this test, with the same environment; the one starts 80 MB while the other watches."""
    beside = """
import sys
held = bytearray(80 * 1024 * 1024)
for offset in range(0, len(held), 4096): held[offset] = 1
print("ready", flush=True)
sys.stdin.read()
"""
    code = """
watch.enter_test("alone", 40 * MB)
print("begun", flush=True)
sys.stdin.readline()
memory = watch.leave_test()
watch.end()
say(told=told)
"""
    with subprocess.Popen(command(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "begun\n"
        words = [sys.executable, "-I", "-S", "-c", beside]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            said, _ = watching.communicate("go on\n", 60)
            process.communicate()
    assert json.loads(said) == {"told": []}
