"""Restarts spent and memory over the critical limit: the real client may read and not write, until memory falls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .api_stand_in import bash, text, tool_use
from .guarded import MB, Guarded, HungryTool
from .harness import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from .api_stand_in import ApiStandIn, Block, Request, Step

pytestmark = pytest.mark.e2e

CRITICAL_MB = 330


@pytest.fixture
def hungry(tmp_path: Path) -> HungryTool:
    """With the client's 130 MB and more, over the critical limit."""
    return HungryTool(tmp_path, 300 * MB)


class Writer:
    """A model that starts a hungry program, then writes, reads, and writes again when memory is back."""

    def __init__(self, guarded: Guarded, hungry: HungryTool) -> None:
        self._guarded = guarded
        self._hungry = hungry
        self.first = guarded.project / "first.txt"
        self.second = guarded.project / "second.txt"
        self.readable = guarded.project / "readable.txt"
        self.readable.write_text("what stands in the file\n")

    def __call__(self, request: Request) -> Step:
        """By how many results the conversation has; the stand-in waits where memguard has to notice something."""
        steps = (self._grow, self._write_first, self._read, self._write_second, self._end)
        return [steps[min(len(request.tool_results()), len(steps) - 1)]()]

    def _grow(self) -> Block:
        return bash(self._hungry.command, run_in_background=True)

    def _write_first(self) -> Block:
        self._hungry.wait_for_run()
        wait_until(lambda: self._guarded.mode() == "READ_ONLY", "READ_ONLY", 40, lambda: str(self._guarded.events()))
        return tool_use("Write", {"file_path": str(self.first), "content": "first"})

    def _read(self) -> Block:
        return tool_use("Read", {"file_path": str(self.readable)})

    def _write_second(self) -> Block:
        self._hungry.let_go()
        wait_until(lambda: self._guarded.mode() == "", "the end of it", 40, lambda: str(self._guarded.events()))
        return tool_use("Write", {"file_path": str(self.second), "content": "second"})

    def _end(self) -> Block:
        return text("all done")


def test_with_restarts_spent_writes_are_denied_reads_go_through_and_writes_again_when_memory_falls(
    guarded: Guarded, api: ApiStandIn, hungry: HungryTool
) -> None:
    model = Writer(guarded, hungry)
    api.reply = model
    # With a warning limit that the client passes by itself, no tool's end would be enough: the client is the culprit.
    guarded.config(
        "max_attempts = 1\ninitial_cooldown = 0\nboundary_timeout = 1\n"
        f"[thresholds]\nwarning = 60\ncritical = {CRITICAL_MB}\nemergency = 4000\n"
    )
    with guarded.open("--allowedTools", "Write", "Read") as terminal:
        first = guarded.ready(terminal)
        guarded.memguard("restart")  # the one that there is
        second = guarded.next_client(first)
        guarded.ready(terminal)
        wait_until(lambda: guarded.events("restart_completed"), "its outcome", 40)
        terminal.send("write it down")
        terminal.wait_for("all done", 90)
        shown = terminal.history()
    assert guarded.client_pid() in (0, second)
    _, denied, read, written = [_said(result) for result in api.turns[-1].tool_results()]
    assert "memguard (READ_ONLY): this Write call was not carried out" in denied
    assert "1 restarts in 60 min, the limit is 1" in denied
    assert "memguard restart --reset-protection" in denied
    assert not model.first.exists()
    assert "what stands in the file" in read
    assert model.second.read_text() == "second", written
    modes = [event["mode"] for event in guarded.events("degradation_changed")]
    assert modes[modes.index("READ_ONLY") :] == ["READ_ONLY", "WARNING"]
    assert "READ_ONLY" in shown, "the person is told"
    assert "Tool calls are carried out again" in "\n".join(api.turns[-1].texts("system"))


def _said(result: Block) -> str:
    content = result["content"]
    return content if isinstance(content, str) else "".join(str(block.get("text", "")) for block in content)
