"""The launcher's own files can't be written, or vanish: the person's session goes on, and its end is its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.sandbox import ROOT, Sandbox, wait_until

if TYPE_CHECKING:
    from pathlib import Path

# A launcher with a defect right behind its client's start.
DEFECT = """
import sys
sys.path.insert(0, sys.argv[1])
from memguard.launcher import session
def defect(*_): raise RuntimeError("a defect")
session.identity.identify = defect
guard, state, *words = sys.argv[2:]
sys.exit(session.run_to_the_end(session.Session(guard, state, "key", words), state))
"""


def _program(sandbox: Sandbox, text: str) -> str:
    path = sandbox.folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def _run(sandbox: Sandbox, command: list[str], stdin: bytes = b"") -> tuple[int, bytes]:
    done = subprocess.run(
        command, input=stdin, cwd=sandbox.project, env=sandbox.environment, capture_output=True, timeout=30, check=False
    )
    return done.returncode, done.stdout


def test_print_mode_gets_its_input_where_no_client_can_be_recorded(opted_in: Sandbox) -> None:
    (opted_in.runtime / "memguard").mkdir(exist_ok=True)
    (opted_in.runtime / "memguard" / "clients").write_text("a file in its place")
    command = opted_in.command("run", "--client", _program(opted_in, "cat; exit 7"), "--", "-p", "x")
    assert _run(opted_in, command, b"hello") == (7, b"hello")
    assert any("client's record" in line for line in opted_in.log())


def test_a_guard_folder_that_vanishes_costs_neither_the_session_nor_its_exit_code(opted_in: Sandbox) -> None:
    session = opted_in.start("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")
    wait_until(lambda: any(line["event"] == "Stop" for line in opted_in.spool()), "the turn is over")
    client = opted_in.client_pid()
    os.kill(opted_in.watchdog_pid(), signal.SIGKILL)
    for guard in opted_in.guards():
        shutil.rmtree(guard)
    os.kill(client, signal.SIGTERM)
    output, _ = session.communicate(timeout=20)
    assert session.returncode == 143
    assert b"defect" not in output


def _with_defect(sandbox: Sandbox, folder: Path, program: str, stdin: bytes = b"") -> tuple[int, bytes]:
    guard = folder / "guard"
    guard.mkdir(mode=0o700)
    shutil.copy(sandbox.state_folder / "compiled", guard / "compiled")
    command = [sys.executable, "-c", DEFECT, str(ROOT), str(guard), str(sandbox.state), _program(sandbox, program)]
    return _run(sandbox, [*command, "-p", "--output-format", "stream-json"], stdin)


def test_after_a_defect_the_streams_are_served_to_the_clients_end(opted_in: Sandbox, tmp_path: Path) -> None:
    text = b"x" * 300_000 + b"\n"
    assert _with_defect(opted_in, tmp_path, "cat; exit 7", text) == (7, text)
    assert any("a defect" in line for line in opted_in.log())


def test_after_a_defect_a_signal_is_still_told_as_a_shell_tells_it(opted_in: Sandbox, tmp_path: Path) -> None:
    assert _with_defect(opted_in, tmp_path, "kill -KILL $$") == (137, b"")


def test_what_a_client_left_holding_its_stdout_does_not_hold_the_launcher(opted_in: Sandbox) -> None:
    program = _program(opted_in, """echo '{"type":"result"}'; sleep 300 2>/dev/null & exit 3""")
    command = opted_in.command("run", "--client", program, "--", "-p", "--output-format", "stream-json", "x")
    assert _run(opted_in, command) == (3, b'{"type":"result"}\n')
