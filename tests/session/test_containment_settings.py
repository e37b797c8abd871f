"""What the person's `[containment]` changes, with a real session."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.sandbox import Sandbox, wait_until

NOTE_PID = "import os, sys, time; open(sys.argv[1], 'w').write(f'{os.getpid()} '); time.sleep(60)"


def start(sandbox: Sandbox, settings: str, log: Path) -> int:
    """A session whose tool call waits; the tool's pid."""
    sandbox.config(f"[containment]\n{settings}\n")
    sandbox.memguard("init")
    program = sandbox.folder / "tool.py"
    program.write_text(NOTE_PID)
    sandbox.start("--steps=1", "--hold", f"--tool={sys.executable} -I -S {program} {log}")
    wait_until(lambda: log.exists() and log.read_text().endswith(" "), "the tool")
    return int(log.read_text())


@pytest.mark.parametrize(("settings", "expected"), [("", 300), ("tool_oom_score_adj = 700", 700)])
def test_the_kernel_is_told_to_take_a_tool_before_its_session(
    sandbox: Sandbox, tmp_path: Path, settings: str, expected: int
) -> None:
    pid = start(sandbox, settings, tmp_path / "pid")

    def adjustment(of: int) -> int:
        return int(Path(f"/proc/{of}/oom_score_adj").read_text())

    own = adjustment(sandbox.client_pid())
    wait_until(lambda: adjustment(pid) == expected, f"an adjustment of {expected}")
    assert adjustment(sandbox.client_pid()) == own, "the client's own stays as it was"


def test_without_a_control_group_the_launcher_holds_the_session(sandbox: Sandbox, tmp_path: Path) -> None:
    start(sandbox, 'mechanism = "process-tree"', tmp_path / "pid")
    (guard,) = json.loads(sandbox.memguard("status", "--json").stdout)
    assert guard["mechanism"] == "subreaper"
    assert "memguard-" not in Path(f"/proc/{sandbox.client_pid()}/cgroup").read_text()
