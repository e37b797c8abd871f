"""A scope of the user's systemd: asked for by a stand-in `busctl`, and of a real user manager where one can be run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memguard.host.containment import systemd_scope
from memguard.host.containment.choice import record, take_up
from memguard.host.identity import identify
from tests.sandbox import ROOT, wait_until
from tests.unit.host.workshop import Workshop, gone

from .places import needs_v2

SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"
V2 = Path("/sys/fs/cgroup/unified" if Path("/sys/fs/cgroup/unified").is_dir() else "/sys/fs/cgroup")
# Answers as systemd does: makes the unit's group, and moves the process there.
BUSCTL = f"""#!{sys.executable} -IS
import os, sys
words = sys.argv[1:]
with open(os.environ["XDG_RUNTIME_DIR"] + "/calls", "a") as file:
    file.write(" ".join(words) + "\\n")
if "StartTransientUnit" in words:
    unit, pid = words[words.index("StartTransientUnit") + 2], words[words.index("au") + 2]
    os.makedirs("{V2}/" + unit, exist_ok=True)
    open("{V2}/" + unit + "/cgroup.procs", "w").write(pid)
"""


def _busctl(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    program = folder / "busctl"
    program.write_text(text)
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))


@needs_v2
def test_the_client_is_moved_by_systemd_and_then_into_a_leaf_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workshop: Workshop
) -> None:
    _busctl(tmp_path, monkeypatch, BUSCTL)
    name = f"scope{os.getpid()}"
    scope = systemd_scope.make(name, 0, "/proc", "/sys/fs/cgroup")
    first = workshop.ready(SLEEPS)
    try:
        assert scope.place(first), scope.why
        assert scope.held.pids() == [first.pid]
        assert scope.above.folder == f"{V2}/memguard-{name}.scope"
        second = workshop.ready(SLEEPS)
        assert scope.place(second), "a scope that is there takes another in"
        calls = (tmp_path / "calls").read_text()
        assert calls.count("StartTransientUnit") == 1
        assert "Delegate b true" in calls
        assert scope.end_all() == []
        assert gone(first)
        assert gone(second)
    finally:
        scope.end_all()
        scope.above.remove()


@needs_v2
def test_another_watchdog_finds_the_scope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workshop: Workshop) -> None:
    _busctl(tmp_path, monkeypatch, BUSCTL)
    guard = tmp_path / f"again{os.getpid()}"
    guard.mkdir()
    scope = systemd_scope.make(guard.name, 0, "/proc", "/sys/fs/cgroup")
    who = workshop.ready(SLEEPS)
    try:
        scope.place(who)
        record(str(guard), scope)
        found = take_up(str(guard), "auto", identify(os.getpid()))
        assert found.to_pairs() == scope.to_pairs()
        assert found.roots() == [who.pid]
    finally:
        scope.end_all()
        scope.above.remove()


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\nexec sleep 600\n"], ids=["refuses", "hangs"])
def test_a_systemd_that_does_not_answer_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    _busctl(tmp_path, monkeypatch, text)
    with pytest.raises(OSError, match="no systemd"):
        systemd_scope.make("aa", 0, "/proc", "/sys/fs/cgroup")


def test_a_client_that_systemd_does_not_move_starts_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workshop: Workshop
) -> None:
    _busctl(tmp_path, monkeypatch, "#!/bin/sh\nexit 0\n")
    scope = systemd_scope.make("aa", 0, "/proc", "/sys/fs/cgroup")
    assert not scope.place(workshop.ready(SLEEPS))
    assert "did not move" in scope.why


# Runs with a /run of its own, where a user manager believes that systemd has booted the machine.
REAL = """
import json, os, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from memguard.host.containment import systemd_scope
from memguard.host.identity import identify
def ran(*words):
    subprocess.run(words, check=True)
ran("mount", "-t", "tmpfs", "run", "/run")
os.makedirs("/run/systemd/system")
os.makedirs("/run/user/0", 0o700)
os.environ |= {"XDG_RUNTIME_DIR": "/run/user/0", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/0/bus"}
for folder in sys.argv[2:]:
    open(folder + "/cgroup.procs", "w").write("0")
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--address=unix:path=/run/user/0/bus"], **quiet)
manager = subprocess.Popen(["/usr/lib/systemd/systemd", "--user"], **quiet)
client = subprocess.Popen(["sleep", "600"])
try:
    deadline = time.monotonic() + 20
    while not systemd_scope.busctl(*systemd_scope._VERSION):
        assert time.monotonic() < deadline, "no user manager"
        time.sleep(0.05)
    begun = time.monotonic()
    scope = systemd_scope.make("real", 0, "/proc", "/sys/fs/cgroup")
    made = scope.place(identify(client.pid))
    took = time.monotonic() - begun
    found = {"made": made, "why": scope.why, "folder": scope.held.folder, "pids": scope.held.pids() == [client.pid]}
    found["left"] = scope.end_all()
    found["status"] = client.wait(10)
    print(json.dumps(found))
    print(f"{took * 1000:.0f} ms", file=sys.stderr)
finally:
    for process in (client, manager, bus):
        process.kill()
        process.wait()
"""


def _can_run_a_user_manager() -> bool:
    programs = all(shutil.which(name) for name in ("unshare", "dbus-daemon", "busctl"))
    is_hybrid = os.access("/sys/fs/cgroup/systemd/cgroup.procs", os.W_OK) and V2.name == "unified"
    is_booted = Path("/run/systemd/system").exists()
    return programs and is_hybrid and not is_booted and os.geteuid() == 0 and Path("/usr/lib/systemd/systemd").exists()


@pytest.mark.skipif(not _can_run_a_user_manager(), reason="no user manager of systemd's can be run here")
def test_a_real_user_manager_makes_a_scope_for_a_running_process() -> None:
    """The hybrid layout of systemd, in which v2 has no memory control."""
    folders = [f"/sys/fs/cgroup/{name}/user-manager-{os.getpid()}" for name in ("systemd", "unified")]
    for folder in folders:
        os.mkdir(folder)
    try:
        done = subprocess.run(
            ["unshare", "--mount", sys.executable, "-c", REAL, str(ROOT), *folders],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["made"], found["why"]
        assert found["folder"].endswith("/memguard-real.scope/session")
        assert (found["pids"], found["left"], found["status"]) == (True, [], -9)
    finally:
        _remove(folders)


def _remove(folders: list[str]) -> None:
    """End what the manager has started in them, which is in the same place of both hierarchies."""
    Path(folders[1], "cgroup.kill").write_text("1")
    wait_until(lambda: "populated 0" in Path(folders[1], "cgroup.events").read_text(), "nobody is left")
    for folder in folders:
        for below, _, _ in os.walk(folder, topdown=False):
            os.rmdir(below)
