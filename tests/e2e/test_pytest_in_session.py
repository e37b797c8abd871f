"""A test suite that leaks, run by the real client in a guarded session: it stops itself, and the model reads why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from memguard.test_run import STOPPED_EXIT_CODE

from .api_stand_in import ApiStandIn, Request, Script, bash, text
from .guarded import MB, Guarded
from .harness import is_alive, wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

BUDGET_MB = 600
# 100 MB/s in all processes together, and 800 MB at the most.
SUITE = """\
import os, pathlib, time
import pytest

kept = []
workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))

@pytest.fixture(scope="session", autouse=True)
def server():
    pathlib.Path("server").write_text("up")
    yield
    pathlib.Path("server").write_text("down")

def test_that_keeps_nothing():
    bytearray(1 << 20)

@pytest.mark.parametrize("number", range(80 * workers))
def test_that_leaks(number):
    kept.append(b"x" * ((10 << 20) // workers))
    time.sleep(0.1)
"""


@pytest.fixture
def suite(guarded: Guarded) -> Path:
    """The project's tests, and a budget for `pytest` alone; nothing of memguard is asked for."""
    path = guarded.project / "test_shop.py"
    path.write_text(SUITE)
    guarded.config(f'[tools]\ndefault = 3000\n"Bash(pytest*)" = {BUDGET_MB}\n')
    return path


def run(guarded: Guarded, api: ApiStandIn, command: str) -> Request:
    """Have the model run a command; the request by which it reads what came of it."""
    api.reply = Script({"run the tests": [[bash(command)], [text("so be it")]]})
    with guarded.open() as terminal:
        client = guarded.ready(terminal)
        terminal.send("run the tests")
        terminal.wait_for("so be it", 90)
        assert guarded.client_pid() == client
        assert is_alive(client)
    return api.turns[-1]


def result(request: Request) -> str:
    """What the model is told that the command printed."""
    (block,) = request.tool_results()
    return str(block["content"])


@pytest.mark.parametrize("command", ["pytest -q", "cd . && pytest -q -n 2"])
def test_the_run_stops_itself_before_memguard_must(
    guarded: Guarded, api: ApiStandIn, suite: Path, command: str
) -> None:
    read = result(run(guarded, api, command))
    acted = [event for event in guarded.events() if event["event"].startswith(("part_", "restart_"))]
    assert acted == [], f"{acted}\n{read}"
    assert f"Exit code {STOPPED_EXIT_CODE}" in read
    assert "STOPPED" in read
    assert "Bash(pytest*)" in read
    assert f"{suite.name}::test_that_leaks" in read
    assert (guarded.project / "server").read_text() == "down", "its fixtures were torn down"


def test_without_the_plugin_memguard_ends_the_same_run(guarded: Guarded, api: ApiStandIn, suite: Path) -> None:
    """So it was the plugin that has stopped it."""
    request = run(guarded, api, "pytest -q -p no:memguard")
    (ended,) = wait_until(lambda: guarded.events("part_ended"), "its end", 30)
    assert ended["footprint_bytes"] >= BUDGET_MB * MB
    assert "STOPPED" not in result(request)
    assert "the budget of Bash(pytest*)" in "\n".join(request.texts("system"))
    assert (guarded.project / "server").read_text() == "up", "nobody has torn anything down"
    assert suite.exists()


def test_a_run_that_stays_below_its_budget_is_as_quiet_as_ever(guarded: Guarded, api: ApiStandIn, suite: Path) -> None:
    suite.write_text("def test_that_keeps_nothing():\n    bytearray(1 << 20)\n")
    read = result(run(guarded, api, "pytest -q"))
    assert "1 passed" in read
    assert "memguard" not in read
