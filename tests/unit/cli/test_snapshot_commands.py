"""`memguard snapshot` and `memguard snapshots`, as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from memguard.core.layout import project_key
from memguard.host import identity
from tests.sandbox import Sandbox
from tests.transcripts import SESSION, Transcript
from tests.unit.state.test_redact import LETTERS, SECRETS


@pytest.fixture
def guarded(sandbox: Sandbox) -> Iterator[Sandbox]:
    """A project with a living client that has a guard and a conversation."""
    transcript = Transcript(sandbox.home / ".claude" / "projects" / "-p" / f"{SESSION}.jsonl")
    transcript.prompt("write the parser with " + SECRETS["github-token"])
    transcript.calls("TodoWrite", {"todos": [{"content": "test it\x1b[31m", "status": "pending"}]})
    program = "import time; print('up', flush=True); time.sleep(100)"
    command = [sys.executable, "-c", program, "--api-key", LETTERS]
    with subprocess.Popen(command, env=sandbox.environment, stdout=subprocess.PIPE) as client:
        assert client.stdout
        client.stdout.readline()
        who = identity.identify(client.pid)
        assert who
        guard = sandbox.runtime / "memguard" / "guards" / "00000000000000aa"
        (guard / "sessions").mkdir(parents=True)
        pairs = {"kind": "plain", "project_key": project_key(str(sandbox.project)), "state": str(sandbox.state)}
        (guard / "guard").write_text("".join(f"{name}={value}\n" for name, value in pairs.items()))
        (guard / "client").write_text(f"id={who.to_text()}\ngeneration=0\n")
        (guard / "sessions" / SESSION).write_text(f"transcript={transcript.path}\ncwd={sandbox.project}\n")
        yield sandbox
        client.kill()


def test_a_snapshot_of_the_live_session_ends_in_its_id(guarded: Sandbox) -> None:
    done = guarded.memguard("snapshot", "--reason", "before lunch")
    snapshot_id = done.stdout.splitlines()[-1]
    listed = guarded.memguard("snapshots", "list").stdout
    assert snapshot_id in listed
    assert "before lunch" in listed
    shown = guarded.memguard("snapshots", "show", snapshot_id[:18]).stdout
    for wanted in (snapshot_id, SESSION, "before lunch", "write the parser", "test it", "branch unknown", "2 lines"):
        assert wanted in shown, wanted
    assert LETTERS not in shown
    assert "\x1b" not in shown
    assert guarded.memguard("snapshots", "show", "latest").stdout == shown


def test_json_is_one_document_each(guarded: Sandbox) -> None:
    taken = json.loads(guarded.memguard("snapshot", "--session", SESSION[:8], "--json").stdout)
    listed = json.loads(guarded.memguard("snapshots", "list", "--json").stdout)
    shown = json.loads(guarded.memguard("snapshots", "show", "latest", "--json").stdout)
    assert taken["id"] == listed[0]["id"] == shown["id"]
    assert listed[0]["is_whole"] is True
    assert shown["conversation"]["todos"] == [{"text": "test it\x1b[31m", "status": "pending"}]
    assert LETTERS not in json.dumps(shown)


def test_without_a_live_session_it_is_one_line_and_a_next_step(sandbox: Sandbox) -> None:
    done = sandbox.memguard("snapshot", code=1)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 2
    assert "memguard run" in done.stderr
    assert not (sandbox.state_folder / "snapshots").exists()


def test_no_snapshot_yet(sandbox: Sandbox) -> None:
    assert "memguard snapshot" in sandbox.memguard("snapshots", "list").stdout
    assert sandbox.memguard("snapshots", "list", "--json").stdout == "[]\n"
    assert "no snapshot yet" in sandbox.memguard("snapshots", "show", "latest", code=1).stderr


def test_a_damaged_snapshot_is_listed_as_such_and_named_when_opened(guarded: Sandbox) -> None:
    snapshot_id = guarded.memguard("snapshot").stdout.splitlines()[-1]
    path = guarded.state_folder / "snapshots" / snapshot_id / "manifest.sealed"
    path.write_bytes(path.read_bytes()[:-1])
    assert "DAMAGED" in guarded.memguard("snapshots", "list").stdout
    assert "cut off" in guarded.memguard("snapshots", "show", snapshot_id, code=1).stderr
