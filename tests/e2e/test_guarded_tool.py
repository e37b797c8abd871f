"""A tool that leaks is ended instead of the session, and the model reads why: with the real client."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from .api_stand_in import ApiStandIn, Script, bash, text, tool_use
from .guarded import MB, Guarded
from .harness import PROGRAMS, is_alive, wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

BUDGET_MB = 500
# 100 MB/s, in blocks of 4 MB, 1,200 MB at the most; how far it has come goes into a file.
LEAK = """\
import os, sys, time
log, own_session = sys.argv[1], sys.argv[2] == "setsid"
if own_session and os.fork():
    os.wait()
    sys.exit()
if own_session:
    os.setsid()
held, begun = [], time.monotonic()
with open(log, "w") as file:
    file.write(f"{os.getpid()}\\n")
    for size_mb in range(4, 1200, 4):
        held.append(bytearray(4 << 20))
        held[-1][::4096] = b"x" * 1024
        file.write(f"{size_mb}\\n")
        file.flush()
        time.sleep(max(0, begun + size_mb / 100 - time.monotonic()))
time.sleep(30)
"""


class Leak:
    """The leaking program, and what it got to."""

    def __init__(self, folder: Path, how: str) -> None:
        self._program, self._log = folder / "leak.py", folder / "leak.log"
        self._program.write_text(LEAK)
        self.command = shlex.join([sys.executable, "-I", "-S", str(self._program), str(self._log), how])

    def lines(self) -> list[int]:
        """Its pid, and then each size in MB that it came to."""
        return [int(line) for line in self._log.read_text().split()] if self._log.exists() else []


@pytest.mark.parametrize("how", ["plain", "setsid"])
def test_a_leaking_call_is_ended_at_its_budget_and_the_model_reads_why(
    guarded: Guarded, api: ApiStandIn, tmp_path: Path, how: str
) -> None:
    """Also when the leak sits in a process session of its own."""
    guarded.config(f"[tools]\ndefault = {BUDGET_MB}\n")
    leak = Leak(tmp_path, how)
    api.reply = Script({"leak please": [[bash(leak.command)], [text("so be it")]]})
    with guarded.open() as terminal:
        client = guarded.ready(terminal)
        terminal.send("leak please")
        terminal.wait_for("so be it", 60)
        # The model reads the note as soon as its call is over; whether nothing is left is looked at afterwards.
        (ended,) = wait_until(lambda: guarded.events("part_ended"), "the event", 30)
        pid, *sizes_mb = leak.lines()
        assert not is_alive(pid)
        assert max(sizes_mb) < BUDGET_MB + 100
        assert BUDGET_MB * MB <= ended["footprint_bytes"] < (BUDGET_MB + 100) * MB
        assert guarded.client_pid() == client
        assert is_alive(client)
        assert not guarded.events("restart_initiated")
        read = "\n".join(api.turns[-1].texts("system"))
        assert "the default budget" in read
        assert "500 MB" in read
        assert "leak.py" in read
        assert ended["snapshot"] in guarded.memguard("snapshots", "list", "--json")
        wait_until(lambda: guarded.says(client) == "idle", "the end of the turn")
        assert ended["snapshot"] in terminal.history(), "the person is told, too"


def test_a_leaking_mcp_server_is_ended_and_named(guarded: Guarded, api: ApiStandIn, tmp_path: Path) -> None:
    guarded.config("[tools]\nmcp__mcp_server = 300\n")
    servers = {"probe": {"command": sys.executable, "args": ["-I", "-S", str(PROGRAMS / "mcp_server.py")]}}
    settings = tmp_path / "mcp.json"
    settings.write_text(json.dumps({"mcpServers": servers}))
    steps = {"leak please": [[tool_use("mcp__probe__leak", {})], [text("it leaks")]], "and now": [[text("it is gone")]]}
    api.reply = Script(steps)
    words = ("--mcp-config", str(settings), "--strict-mcp-config", "--allowedTools", "mcp__probe")
    with guarded.open(*words) as terminal:
        client = guarded.ready(terminal)
        terminal.send("leak please")
        terminal.wait_for("it leaks")
        (ended,) = wait_until(lambda: guarded.events("part_ended"), "the end of the server", 30)
        assert (ended["kind"], ended["name_of_part"], ended["limit"]) == (
            "mcp",
            "mcp_server.py",
            "the budget of mcp__mcp_server",
        )
        terminal.send("and now?")
        terminal.wait_for("it is gone")
        assert "mcp_server.py" in "\n".join(api.turns[-1].texts("system"))
        assert guarded.client_pid() == client
        assert not guarded.events("restart_initiated")
