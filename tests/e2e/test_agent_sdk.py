"""A program of the Agent SDK under `MemoryAwareRunner`, with the real client: it grows, and the program finishes."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import pytest

from memguard import (
    MemoryAwareRunner,
    MemoryGuardianConfig,
    MemoryThresholds,
    RestartPolicy,
    RestartProtection,
    StateManager,
)
from memguard.core.spawn import MARKERS

from .api_stand_in import bash, text
from .guarded import MB, HungryTool
from .harness import PROGRAMS, client_path, is_alive, processes_of

if TYPE_CHECKING:
    from pathlib import Path

    from .api_stand_in import ApiStandIn, Request, Step
    from .harness import Client

pytestmark = pytest.mark.e2e

# The program and its client peak at 300 MB when they start; with the tool that the client runs, they hold 600 MB.
CRITICAL_MB = 450
TOOL_BYTES = 350 * MB
WORK = "then do the work"


class Worker:
    """A model that does the work by a hungry program, the first time; asked again, it needs none."""

    def __init__(self, tool: HungryTool) -> None:
        self._tool = tool
        self.turns: list[Request] = []

    def __call__(self, request: Request) -> Step:
        self.turns.append(request)
        asked = request.texts("user")[-1]
        is_first = sum(turn.texts("user")[-1] == WORK for turn in self.turns) == 1
        return [bash(self._tool.command)] if asked == WORK and is_first else [text(f"answered: {asked}")]


@pytest.fixture
def runner(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryAwareRunner:
    """The program as a person would have it guarded, on the test's own machine."""
    for name in MARKERS:  # of a session that runs these tests
        monkeypatch.delenv(name, raising=False)
    config = MemoryGuardianConfig(
        thresholds=MemoryThresholds(critical=CRITICAL_MB, emergency=4000),
        restart_policy=RestartPolicy(graceful_timeout=10),
        process_command=[sys.executable, str(PROGRAMS / "agent_program.py")],
        process_args=[str(client_path()), str(tmp_path / "done.txt")],
        process_env=client.environment,
        working_directory=str(client.project),
    )
    states = StateManager(tmp_path / "state", project=client.project)
    return MemoryAwareRunner(config, states, RestartProtection(config.restart_policy, path=str(tmp_path / "record")))


def test_an_agent_sdk_program_is_restarted_once_and_finishes_its_work(
    runner: MemoryAwareRunner, client: Client, api: ApiStandIn, tmp_path: Path
) -> None:
    tool = HungryTool(tmp_path, TOOL_BYTES)
    api.reply = model = Worker(tool)
    events: list[dict[str, Any]] = []
    runner.on("*", events.append)
    assert runner.run() == 0
    names = [event["event"] for event in events]
    assert names.count("restart_initiated") == 1, names
    assert names.count("restart_completed") == 1, names
    assert (tmp_path / "done.txt").read_text().splitlines() == [
        "first plan the work", WORK, "at last say what was done"
    ]  # fmt: skip
    (tool_pid,) = tool.pids()
    assert not is_alive(tool_pid), "what the client had started is ended with it"
    assert "answered: first plan the work" in model.turns[-1], "the conversation goes on: it was resumed"
    state = asyncio.run(runner.guardian.state_manager.load_state())
    assert state
    assert state.conversation.recent_context[-1] == WORK, "its snapshot is of the conversation"
    assert runner.get_statistics()["restarts"] == 1
    assert processes_of(client.home) == [], "nothing is left running"
