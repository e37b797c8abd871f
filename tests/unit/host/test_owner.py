"""Who owns a client, from what it was started with and what it says of itself."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.host import owner
from memguard.host.client_process import ClientProcess
from memguard.host.owner import owner_of
from memguard.host.tmux import is_own_socket, pane_of
from memguard.testing.fake_host import FakeHost


def _client(variables: dict[str, str] | None = None, registry: dict[str, object] | None = None) -> ClientProcess:
    client = ClientProcess(ProcessId(500, 1000, "boot", "1"))
    client.environment = variables or {}
    client.registry = registry or {}
    client.line = [500, 400, 1]
    return client


@pytest.fixture
def proc(tmp_path: Path) -> str:
    """Without a terminal."""
    fake = FakeHost(str(tmp_path / "proc"))
    fake.add(500, 400)
    return fake.root


@pytest.mark.parametrize(
    ("entrypoint", "kind"),
    [
        ("claude-vscode", owner.VSCODE),
        ("sdk-ts", owner.SDK),
        ("sdk-py", owner.SDK),
        ("sdk-go", owner.SDK),
        ("claude-desktop", owner.DESKTOP),
        ("claude-desktop-3p", owner.DESKTOP),
        ("local-agent", owner.DESKTOP),
        ("claude-coworker-terminal", owner.DESKTOP),
        ("remote", owner.REMOTE),
        ("remote_mobile", owner.REMOTE),
        ("mcp", owner.PROGRAM),
        ("claude-vscode\n", owner.PROGRAM),
        ("x" * 100_000, owner.PROGRAM),
    ],
)
def test_a_host_names_itself_in_the_clients_variables(proc: str, entrypoint: str, kind: str) -> None:
    assert owner_of(_client({"CLAUDE_CODE_ENTRYPOINT": entrypoint}), proc).kind == kind


def test_the_clients_own_word_counts_before_a_variable_that_it_inherited(proc: str) -> None:
    client = _client({"CLAUDE_CODE_ENTRYPOINT": "claude-vscode"}, {"entrypoint": "sdk-cli"})
    assert owner_of(client, proc).kind == owner.PROGRAM


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_remote_comes_before_all(proc: str, value: str) -> None:
    client = _client({"CLAUDE_CODE_REMOTE": value, "CLAUDE_CODE_ENTRYPOINT": "sdk-ts"}, {"kind": "bg"})
    assert owner_of(client, proc).kind == owner.REMOTE
    client.environment["CLAUDE_CODE_REMOTE"] = "0"
    assert owner_of(client, proc).kind == owner.BACKGROUND


@pytest.mark.parametrize(
    ("variables", "registry", "job"),
    [
        ({"CLAUDE_CODE_SESSION_KIND": "bg"}, {}, ""),
        ({}, {"kind": "bg", "jobId": "74f334a0"}, "74f334a0"),
        ({}, {"kind": "daemon-worker", "jobId": "--all"}, ""),
        ({}, {"kind": "bg", "jobId": 7}, ""),
        ({}, {"kind": "bg", "jobId": "a\nb"}, ""),
    ],
)
def test_a_background_session_and_its_job(
    proc: str, variables: dict[str, str], registry: dict[str, object], job: str
) -> None:
    found = owner_of(_client(variables, registry), proc)
    assert (found.kind, found.job) == (owner.BACKGROUND, job)


def test_without_a_terminal_some_program_has_started_it(proc: str) -> None:
    assert owner_of(_client(), proc).kind == owner.PROGRAM
    assert owner_of(_client({}, {"kind": {}, "entrypoint": 3}), proc).kind == owner.PROGRAM


@pytest.mark.parametrize(
    ("tmux", "pane", "why"),
    [
        ("", "", ""),
        ("/tmp/s,400,0", "", "are not as tmux sets them"),
        ("/tmp/s,400,0", "%1;kill-server", "are not as tmux sets them"),
        ("/tmp/s,400,0", "1", "are not as tmux sets them"),
        ("s,400,0", "%1", "are not as tmux sets them"),
        ("/tmp/s,-1,0", "%1", "are not as tmux sets them"),
        ("/tmp/s,99999999999999999999,0", "%1", "are not as tmux sets them"),
        ("/tmp/s,²,0", "%1", "are not as tmux sets them"),
        (",,", "%1", "are not as tmux sets them"),
        ("/tmp/s,77,0", "%1", "is not where this client runs"),  # not an ancestor
        ("/tmp/s,500,0", "%1", "is not where this client runs"),  # the client itself
        ("/tmp/s,1,0", "%1", "is not"),  # an ancestor, and either another user's or with a socket that is none
    ],
)
def test_tmux_is_believed_only_of_the_clients_own_server(tmux: str, pane: str, why: str) -> None:
    found, doubt = pane_of(_client({"TMUX": tmux, "TMUX_PANE": pane}))
    assert found is None
    assert why in doubt


def test_a_socket_is_our_own_only_where_nobody_else_can_have_put_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert not is_own_socket(str(path))
    path.write_text("a plain file")
    assert not is_own_socket(str(path))
    path.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        tmp_path.chmod(0o700)
        assert is_own_socket(str(path))
        (tmp_path / "link").symlink_to(path)
        assert not is_own_socket(str(tmp_path / "link"))
        tmp_path.chmod(0o777)
        assert not is_own_socket(str(path))
        tmp_path.chmod(0o1777)
        assert is_own_socket(str(path))
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
        assert not is_own_socket(str(path))
