"""`/proc` keeps processes from its reader: by `hidepid`, by refusing files. What is there never counts as nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memguard.core.reading import ESTIMATED, MEASURED, UNREADABLE
from memguard.host import linux, linux_fallback
from memguard.host.confirm import pss_bytes
from memguard.testing.fake_host import FakeHost
from tests.unit.host.workshop import Workshop

ROOT = Path(__file__).parents[2]
KB = 1024
MB = 1024 * KB
NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may be another user, or mount")

# Mounts a `/proc` of its own, becomes nobody, starts one child that may be looked at and one that may not, as
# programs with secrets ask for (ssh-agent). Prints what is read of itself and of the second child.
READER = """
import ctypes, json, os, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from memguard.core import reading
from memguard.host import linux, linux_fallback, linux_facts
mount = sys.argv[2]
subprocess.run(["mount", "-t", "proc", "-o", "hidepid=" + sys.argv[3], "proc", mount], check=True)
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
ready, say = os.pipe()
hold, release = os.pipe()
def child(is_dumpable):
    pid = os.fork()
    if not pid:
        ctypes.CDLL(None).prctl(4, is_dumpable, 0, 0, 0)
        os.write(say, b"x")
        os.close(release)
        os.read(hold, 1)
        os._exit(0)
    return pid
shown, hidden = child(1), child(0)
os.read(ready, 1), os.read(ready, 1)
def facts(tree):
    return {"pids": [each.pid for each in tree.processes], "qualities": [each.quality for each in tree.processes],
            "hidden": tree.hidden, "unreadable": tree.unreadable, "is_blind": tree.is_blind}
print(json.dumps({
    "own": [os.getpid(), shown], "tree": facts(linux.read_tree(os.getpid(), mount)),
    "of_hidden": facts(linux.read_tree(hidden, mount)), "walk": len(linux.walk(os.getpid(), mount)),
    "table": sorted(linux_facts.scan(mount)), "is_process": linux.read_process(hidden, mount) is not None,
}))
os.close(release)
os.wait(), os.wait()
print(json.dumps(facts(linux.read_tree(hidden, mount))))
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that nobody may enter: pytest's own are root's alone."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def _has_private_options() -> bool:
    """Before Linux 5.8 `hidepid` held for every `/proc` of the pid namespace: the test would change its host."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int("".join(filter(str.isdigit, minor)))) >= (5, 8)


@needs_root
@pytest.mark.skipif(not _has_private_options(), reason="hidepid is not of one mount alone before Linux 5.8")
@pytest.mark.parametrize("hidepid", ["1", "2"])
def test_a_child_that_hidepid_hides_is_counted(open_folder: Path, hidepid: str) -> None:
    """1 refuses its files, 2 hides its folder too."""
    command = ["unshare", "--mount", sys.executable, "-I", "-S", "-c", READER, str(ROOT), str(open_folder), hidepid]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no /proc can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    alive, ended = map(json.loads, done.stdout.splitlines())
    assert alive["tree"] == {
        "pids": alive["own"],
        "qualities": [MEASURED, MEASURED],
        "hidden": 1,
        "unreadable": 1,
        "is_blind": False,
    }
    assert alive["table"] == sorted(alive["own"])
    assert alive["walk"] == 2
    assert alive["of_hidden"] == {"pids": [], "qualities": [], "hidden": 1, "unreadable": 1, "is_blind": True}
    assert not alive["is_process"]
    assert ended == {"pids": [], "qualities": [], "hidden": 0, "unreadable": 0, "is_blind": False}


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Without the rights of root, which no file refuses anything."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.fixture
def fake(open_folder: Path) -> FakeHost:
    """A client and its child, which can be measured in three ways, each with a size of its own."""
    assert linux_fallback  # loaded before the rights to load it are given up
    fake = FakeHost(str(open_folder / "proc"))
    fake.add(10, 1, anon_kb=5, children={10: [20]})
    fake.add(20, 10, anon_kb=7)
    fake.write("20/smaps_rollup", "[rollup]\nAnonymous: 70 kB\nPss_Anon: 70 kB\n")
    fake.write("20/statm", "900 12 2 0 0 0 0\n")
    return fake


def _refuse(fake: FakeHost, *paths: str) -> None:
    for path in paths:
        os.chmod(f"{fake.root}/{path}", 0)


def _read(fake: FakeHost) -> tuple[int, str, int]:
    """Bytes and quality of the child, and how many are hidden."""
    with _as_nobody():
        tree = linux.read_tree(10, fake.root)
    assert tree.processes[0].footprint_bytes == 5 * KB
    child = tree.processes[1] if len(tree.processes) > 1 else None
    return (child.footprint_bytes, child.quality, tree.hidden) if child else (-1, "", tree.hidden)


def test_file_after_file_is_refused(fake: FakeHost) -> None:
    assert _read(fake) == (7 * KB, MEASURED, 0)
    _refuse(fake, "20/status")
    assert _read(fake) == (70 * KB, MEASURED, 0)
    _refuse(fake, "20/smaps_rollup")
    assert _read(fake) == (10 * os.sysconf("SC_PAGE_SIZE"), ESTIMATED, 0)
    _refuse(fake, "20/statm")
    assert _read(fake) == (0, UNREADABLE, 0)
    _refuse(fake, "20/stat")
    assert _read(fake) == (-1, "", 1)


def test_a_folder_is_refused(fake: FakeHost) -> None:
    _refuse(fake, "20")
    assert _read(fake) == (-1, "", 1)


def test_the_whole_of_proc_is_refused(fake: FakeHost) -> None:
    _refuse(fake, "")
    with _as_nobody():
        tree = linux.read_tree(10, fake.root)
    os.chmod(fake.root, 0o755)
    assert (tree.processes, tree.is_blind) == ([], True)


@needs_root
def test_another_users_process_has_a_footprint_but_no_share(workshop: Workshop) -> None:
    """Real: the kernel shows sizes to everybody, what is shared only to who may debug."""
    who = workshop.ready("import time; held = bytearray(50 * 1024 * 1024); print('ready', flush=True); time.sleep(600)")
    with _as_nobody():
        reading, share_bytes = linux.read_process(who.pid), pss_bytes(who.pid)
    assert reading is not None
    assert reading.footprint_bytes > 50 * MB
    assert reading.quality == MEASURED
    assert share_bytes is None


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    shop = Workshop()
    yield shop
    shop.close()
