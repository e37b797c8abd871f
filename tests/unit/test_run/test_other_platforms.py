"""A watch elsewhere than on Linux: by stand-ins, since it never ran there. Trees, borders and the thread; no marks."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
MB = 1024 * 1024
# What these platforms don't have is taken away before memguard is imported; what it finds is by `memguard.host` alone.
BEFORE = f"""
import _signal, ctypes, json, mmap, os, signal, subprocess, sys, threading, time, psutil, pytest
sys.path.insert(0, {str(ROOT)!r})
sys.platform = sys.argv[1]
MB = {MB}
def take_away(module, *names):
    for name in names:
        if hasattr(module, name): delattr(module, name)
take_away(os, "waitid", "register_at_fork")
if sys.platform == "win32":
    take_away(os, "pread", "sysconf", "fork")
    for module in (signal, _signal): take_away(module, "pthread_sigmask", "pthread_kill", "SIGURG")
    sys.modules["resource"] = None
from memguard.host import current, linux
linux.read_bytes = lambda *_: b""
def hold(megabytes):
    block = mmap.mmap(-1, megabytes * MB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    block[::4096] = b"1" * (megabytes * MB // 4096)
    return block
from memguard.test_run import meter
init = meter.Meter.__init__
meter.Meter.__init__ = lambda self: init(self, "/no/proc")
from memguard.test_run.watch import Watch
told = []
watch = Watch(0, lambda excess, is_run: told.append([excess.growth_bytes, excess.is_confirmed]))
def waited(condition):
    deadline_s = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline_s: time.sleep(0.01)
"""
WINDOWS = """
from memguard.host import portable
def private(process):
    memory = process.memory_info()  # Windows has a figure for it
    return memory.rss - memory.shared, "measured"
portable._footprint = private
watch.begin()
watch.enter_test("a", 40 * MB)
held = hold(60)
waited(lambda: told)
memory = watch.leave_test()
held.close()
watch.enter_test("next", 40 * MB)
innocent = watch.leave_test()
program = "held = bytearray(50 << 20)\\nheld[::4096] = b'1' * len(held[::4096])\\nprint(1, flush=True)\\ninput()"
watch.enter_test("starts")
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
with_child = watch.reading()
child.communicate()
alone = watch.reading()
watch.leave_test()
watch.end()
print(json.dumps(dict(told=told, added=memory.end_bytes - memory.start_bytes, over=memory.excess is not None,
    innocent=innocent.excess is None, child=with_child - alone, largest=memory.excess.largest[0].pid == os.getpid())))
"""
MACOS = """
from tests.unit.host.test_darwin import StandIn
from memguard.host import darwin
library = darwin._loaded["libproc"] = StandIn()
library.add(os.getpid(), 1, 100 * MB)
watch.begin()
watch.enter_test("a", 40 * MB)
library.add(5_000_001, os.getpid(), 70 * MB)
waited(lambda: told)
memory = watch.leave_test()
del library.infos[5_000_001]
watch.enter_test("next", 40 * MB)
innocent = watch.leave_test()
watch.end()
print(json.dumps(dict(told=told, start=memory.start_bytes, end=memory.end_bytes, innocent=innocent.excess is None,
    largest=[list(each) for each in memory.excess.largest])))
"""


def facts_of(code: str, platform: str) -> dict[str, Any]:
    words = [sys.executable, "-c", BEFORE + code, platform]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_on_windows_a_tree_is_read_by_psutil() -> None:
    facts = facts_of(WINDOWS, "win32")
    assert facts["over"]
    assert facts["largest"]
    [[growth, is_confirmed]] = facts["told"]
    assert growth > 40 * MB
    assert not is_confirmed
    assert facts["added"] > 55 * MB
    assert facts["innocent"]
    assert facts["child"] == pytest.approx(54 * MB, abs=8 * MB)


def test_on_macos_a_tree_is_read_by_libproc() -> None:
    facts = facts_of(MACOS, "darwin")
    assert (facts["start"], facts["end"]) == (100 * MB, 170 * MB)
    assert facts["told"] == [[70 * MB, False]]
    assert facts["innocent"]
    assert [each[2] for each in facts["largest"]] == [100 * MB, 70 * MB]
