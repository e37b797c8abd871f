"""A test that ends the process, or is ended by the kernel: at once, as without a watch, and nothing hangs."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from tests.faults.measured_program import MB, command, facts_of

HELD = """
watch.enter_test("ends")
held = hold(30)
"""


@pytest.mark.parametrize(
    ("how", "exit_code"),
    [
        ("os._exit(7)", 7),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.abort()", -signal.SIGABRT),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("sys.exit(5)", 5),
        ("os.execv('/bin/sh', ['sh', '-c', 'exit 9'])", 9),
    ],
)
def test_the_process_ends_as_it_would_without_a_watch(how: str, exit_code: int) -> None:
    code = f"{HELD}\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n{how}"
    assert facts_of(command(code), exit_code) == []


def test_it_ends_while_the_thread_is_telling() -> None:
    """In the middle of `on_over`, with the watch's lock taken."""
    code = """
gate = threading.Event()
def tell(excess, is_run):
    gate.set()
    time.sleep(60)
watch._on_over = tell
watch.enter_test("ends", MB)
held = hold(30)
gate.wait()
os._exit(7)
"""
    assert facts_of(command(code), 7) == []


def test_a_program_that_the_kernel_kills_is_measured_until_then() -> None:
    """As its out-of-memory killer does it: no word, no handler."""
    code = '''
program = """
held = bytearray(80 << 20)
for offset in range(0, len(held), 4096): held[offset] = 1
print(1, flush=True)
input()
"""
start = [sys.executable, "-I", "-S", "-c", program]
before = watch.reading()
watch.enter_test("is killed")
process = subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
process.stdout.readline()
wait_until(lambda: watch.peak_bytes > before + 80 * MB, "a look")
process.kill()
unreaped = watch.reading()
process.wait()
memory = watch.leave_test()
watch.end()
say(most=memory.peak_bytes - memory.start_bytes, added=memory.end_bytes - memory.start_bytes, code=process.returncode)
'''
    [facts] = facts_of(command(code))
    assert facts["most"] > 78 * MB
    assert facts["added"] < 5 * MB
    assert facts["code"] == -signal.SIGKILL


def test_a_worker_that_is_killed_is_gone_from_its_controllers_tree() -> None:
    """The worker watches itself, and is a child of who watches both."""
    worker = command('watch.enter_test("a")\nheld = hold(60)\nsay(ready=1)\ntime.sleep(60)')
    code = """
process = subprocess.Popen(json.loads(sys.argv[1]), stdout=subprocess.PIPE)
process.stdout.readline()
with_it = watch.reading()
process.kill()
process.wait()
facts = dict(given_back=with_it - watch.reading())
watch.end()
say(**facts)
"""
    [facts] = facts_of(command(code, json.dumps(worker)))
    assert facts["given_back"] > 60 * MB


def test_a_stopped_process_can_be_ended() -> None:
    """Nothing of the watch keeps it."""
    with subprocess.Popen(command(f"{HELD}\nsay(ready=1)\ntime.sleep(60)"), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        process.kill()
        assert process.wait(20) == -signal.SIGKILL
