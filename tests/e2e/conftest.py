"""Fixtures around the real client. Whatever a test leaves running under its own home is ended after it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .api_stand_in import ApiStandIn, Script
from .guarded import Guarded
from .harness import Client, Home, RecordingHooks, WaitingTool, client_path


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    """What is missing is a failure with the command that mends it, never a skip: silence would read as success."""
    if shutil.which("tmux") is None:
        pytest.fail("tmux is not installed: the tests drive the real client in it", pytrace=False)
    try:
        client_path()
    except FileNotFoundError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder that the client trusts."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path: Path, project: Path) -> Iterator[Home]:
    """A home of the test's own; what still runs under it afterwards is ended, orphaned tools included."""
    home = Home(tmp_path / "home")
    home.seed(project)
    yield home
    home.end_processes()


@pytest.fixture
def api() -> Iterator[ApiStandIn]:
    """The Messages API stand-in; a test sets `api.reply` to what its model is to do."""
    with ApiStandIn(Script({})) as api:
        yield api


@pytest.fixture
def client(home: Home, project: Path, api: ApiStandIn) -> Client:
    """The real client, in that home and project, speaking to that stand-in."""
    return Client(home, project, api.url)


@pytest.fixture
def tool(tmp_path: Path) -> WaitingTool:
    """A program that waits inside a Bash call until the test lets it go."""
    return WaitingTool(tmp_path)


@pytest.fixture
def hooks(project: Path, tmp_path: Path) -> RecordingHooks:
    """Recording hooks for all events, registered in the project."""
    return RecordingHooks(project, tmp_path / "hooks")


@pytest.fixture
def guarded(client: Client, tmp_path: Path) -> Guarded:
    """The real client, opted in."""
    guarded = Guarded(client, tmp_path / "runtime")
    guarded.memguard("init")
    return guarded
