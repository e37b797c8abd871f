"""The client as a process: its own command line and environment, without its secrets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from memguard.core.identity import ProcessId
from memguard.host import identity
from memguard.state.process import client_environment, empty_process, snapshot_process

PROGRAM = (
    "import subprocess, sys; child = subprocess.Popen(['sleep', '60']); print(child.pid, flush=True); child.wait()"
)


@pytest.fixture
def client() -> Iterator[ProcessId]:
    """A process that looks a little like a client, with a child."""
    environment = {"PATH": os.environ["PATH"], "MY_TOKEN": "plain-secret", "COLOUR": "blue"}
    command = [sys.executable, "-c", PROGRAM, "--api-key", "another-secret", "--model", "m"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        found = identity.identify(process.pid)
        assert found
        yield found
        os.kill(child, 9)
        process.kill()


def test_it_is_the_clients_own_and_redacted(client: ProcessId) -> None:
    environment = client_environment(client)
    assert environment["MY_TOKEN"] == "plain-secret"
    found = snapshot_process(client, environment)
    assert (found["pid"], found["id"]) == (client.pid, client.to_text())
    assert found["command"][-2:] == ["--model", "m"]
    assert found["environment"]["COLOUR"] == "blue"
    assert "secret" not in str(found)
    assert abs(found["started_utc"] - time.time()) < 30


def test_the_tree_is_there_with_sizes(client: ProcessId) -> None:
    found = snapshot_process(client, {})
    assert [process["name"] for process in found["tree"] if process["pid"] != client.pid] == ["sleep"]
    assert found["footprint_bytes"] == sum(process["footprint_bytes"] for process in found["tree"]) > 1000000


def test_a_pid_that_was_given_away_is_not_taken_for_the_client(client: ProcessId) -> None:
    former = ProcessId(client.pid, client.start_ticks - 1, client.boot_id, client.pid_namespace)
    assert client_environment(former) == {}
    assert snapshot_process(former, {}) == empty_process()
    assert snapshot_process(None, {}) == empty_process()
