"""In the client's own cloud sessions a hook does nothing at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox import ROOT, Sandbox

EVENT = json.dumps({"session_id": "11111111-2222-3333-4444-555555555555", "tool_name": "Bash"}).encode()


def files(*folders: Path) -> dict[str, int]:
    paths = [os.path.join(parent, name) for folder in folders for parent, _, names in os.walk(folder) for name in names]
    return {path: os.stat(path).st_mtime_ns for path in paths}


@pytest.mark.parametrize("value", ["true", "1"])
@pytest.mark.parametrize("script", sorted(path.stem for path in (ROOT / "claude_hooks").glob("[a-z]*.py")))
def test_a_cloud_session_is_left_alone(opted_in: Sandbox, script: str, value: str) -> None:
    before = files(opted_in.folder)
    done = opted_in.hook(script, EVENT, CLAUDE_CODE_REMOTE=value)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert files(opted_in.folder) == before


def test_nothing_is_read_of_stdin(opted_in: Sandbox) -> None:
    reader, writer = os.pipe()
    os.write(writer, EVENT)
    os.close(writer)
    command = [sys.executable, "-I", "-S", str(ROOT / "claude_hooks" / "stop.py"), str(opted_in.state)]
    environment = opted_in.environment | {"CLAUDE_CODE_REMOTE": "true", "CLAUDE_PROJECT_DIR": str(opted_in.project)}
    subprocess.run(command, stdin=reader, env=environment, cwd=opted_in.project, check=True, timeout=30)
    assert os.read(reader, 65536) == EVENT
    os.close(reader)


@pytest.mark.parametrize("value", ["", "false", "0"])
def test_any_other_session_is_not(opted_in: Sandbox, value: str) -> None:
    opted_in.hook("post_tool_use", EVENT, CLAUDE_CODE_REMOTE=value)
    assert len(opted_in.spool()) == 1
