"""What memguard leaves in a person's files: nothing where it was not opted in, nothing once it is opted out."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .aftermath import wait_for_nothing_left
from .api_stand_in import ApiStandIn, Script, bash, text
from .guarded import Guarded
from .harness import Client, Terminal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

HAND_FORMATTED = b"""{
    "permissions": {"allow": ["Bash(ls:*)",
                              "Read"], "deny": []},

  "hooks": { "Stop": [ {"hooks": [{"type": "command", "command": "true"}]} ] },\r
\t"env": {"A": "\\u00e4"}
}"""


@pytest.fixture
def guarded(client: Client, tmp_path: Path) -> Guarded:
    """The real client, not opted in yet."""
    return Guarded(client, tmp_path / "runtime")


def test_settings_are_byte_for_byte_what_they_were_once_opted_out(guarded: Guarded, api: ApiStandIn) -> None:
    api.reply = Script({"hello": [[bash("echo")], [text("hello yourself")]]})
    settings = guarded.project / ".claude" / "settings.local.json"
    settings.parent.mkdir()
    settings.write_bytes(HAND_FORMATTED)
    before = _everything_in(guarded.project)
    guarded.memguard("init")
    assert settings.read_bytes() != HAND_FORMATTED
    with guarded.open() as terminal:
        guarded.ready(terminal)
        terminal.send("hello")
        terminal.wait_for("hello yourself")
        guarded.ready(terminal)
        terminal.send("/exit")
        assert terminal.wait_for_exit() == 0
    assert guarded.modes()  # the hooks ran
    wait_for_nothing_left(guarded)
    guarded.memguard("uninstall")
    assert settings.read_bytes() == HAND_FORMATTED
    assert _everything_in(guarded.project) == before


def _everything_in(folder: Path) -> dict[str, bytes]:
    """Every file with what it holds, and every folder."""
    return {str(path): b"" if path.is_dir() else path.read_bytes() for path in folder.rglob("*")}


def _traces(guarded: Guarded) -> dict[str, tuple[int, int]]:
    """Every file and folder of memguard's, with its size and the time of its last change."""
    roots = (guarded.state, guarded.runtime)
    found = [path for root in roots for path in [root, *root.rglob("*")] if path.exists()]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


def _run_in(guarded: Guarded, folder: Path) -> None:
    """A `claude -p` in another folder of the same person."""
    subprocess.run(
        guarded.client.argv("-p", "hello"), cwd=folder, env=guarded.environment, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip


def test_hooks_of_another_projects_opt_in_leave_no_trace_in_this_one(
    guarded: Guarded, api: ApiStandIn, tmp_path: Path
) -> None:
    """With `--scope user`, every session on the machine runs the hooks: those of projects not opted in do nothing."""
    api.reply = Script({"hello": [[bash("echo from the tool")], [text("hello yourself")]]})
    other = tmp_path / "other"
    other.mkdir()
    subprocess.run(
        [sys.executable, "-m", "memguard.cli", "init", "--scope", "user"], cwd=other, env=guarded.environment,
        capture_output=True, check=True,
    )  # fmt: skip
    assert "session_start" in (guarded.home.claude / "settings.json").read_text()
    before = _traces(guarded)
    with Terminal(guarded.client.argv(), guarded.environment, guarded.project) as terminal:
        guarded.client.ready(terminal)
        terminal.send("hello")
        terminal.wait_for("hello yourself")
        guarded.client.ready(terminal)
        terminal.send("/exit")
        assert terminal.wait_for_exit() == 0
    wait_for_nothing_left(guarded)
    assert _traces(guarded) == before
    assert not (guarded.project / ".claude").exists()
    assert not (guarded.project / ".memguard.toml").exists()
    _run_in(guarded, other)
    wait_for_nothing_left(guarded)
    assert _traces(guarded) != before
