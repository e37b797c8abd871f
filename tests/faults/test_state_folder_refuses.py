"""The state folder is full, or can't be written: the session goes on, and nothing is left half done."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox import Sandbox

TIGHT = "[thresholds]\nwarning = 60\ncritical = 90\nemergency = 2000\n[restart_policy]\nboundary_timeout = 1\n"


@pytest.fixture
def small_disk(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The state folder on a file system of 1 MB, opted in, then filled to the last byte."""
    sandbox.state.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(sandbox.state)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        sandbox.memguard("init")
        _fill(sandbox.state / "filler")
        yield sandbox
    finally:
        sandbox.clean_up()
        subprocess.run(["umount", str(sandbox.state)], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size_bytes in (65536, 512, 1):
            try:
                while file.write(b"x" * size_bytes):
                    pass
            except OSError:
                continue


def _steps(sandbox: Sandbox) -> list[int]:
    return [int(line) for line in (sandbox.project / "steps.txt").read_text().split()]


def test_a_full_disk_costs_the_snapshot_and_the_restart_but_not_the_session(small_disk: Sandbox) -> None:
    small_disk.config(TIGHT)
    session = small_disk.start("--steps", "6", "--leak-mb", "30", "--step-s", "0.6", "count")
    output, _ = session.communicate(timeout=60)
    assert session.returncode == 0, output
    assert b"nothing lasting can be written" in output
    assert _steps(small_disk) == [1, 2, 3, 4, 5, 6]


def test_hooks_on_a_full_disk_exit_zero_and_say_nothing(small_disk: Sandbox) -> None:
    done = small_disk.hook("post_tool_use", b'{"session_id":"s1","tool_name":"Bash"}')
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_hooks_that_may_not_write_the_state_exit_zero_and_leave_it_alone(opted_in: Sandbox) -> None:
    """Root ignores mode bits, so the hook runs without the capability that lets it."""
    for path in [*opted_in.state.rglob("*"), opted_in.state]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = _changed(opted_in.state)
    script = str(Path(__file__).parents[2] / "claude_hooks" / "stop.py")
    without = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    command = [*without, sys.executable, "-I", "-S", script, str(opted_in.state)]
    environment = opted_in.environment | {"CLAUDE_PROJECT_DIR": str(opted_in.project)}
    done = subprocess.run(command, input=b'{"session_id":"s1"}', env=environment, capture_output=True, check=False)
    for path in [opted_in.state, *opted_in.state.rglob("*")]:
        path.chmod(0o700)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert _changed(opted_in.state) == before


def _changed(state: Path) -> dict[Path, int]:
    """When each file was; but byte code, which `init` has made by a process that may go on."""
    return {path: path.stat().st_mtime_ns for path in state.rglob("*") if "pycache" not in path.parts}
