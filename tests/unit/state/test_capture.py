"""The capture worker, as hook and watchdog start it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.core.errors import StateError
from memguard.host import identity
from memguard.state.note import read_note
from memguard.state.request import parse_request
from tests.transcripts import SESSION, Box
from tests.unit.state.redact.conftest import needs_library
from tests.unit.state.test_redact import LETTERS, SECRETS


@contextlib.contextmanager
def client_of(box: Box) -> Iterator[str]:
    """A process with the client's variables; its ProcessId as text."""
    environment = {"CLAUDE_CONFIG_DIR": str(box.config), "PATH": os.environ["PATH"], "MARK": "of the client"}
    program = "import time; print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE) as client:
        assert client.stdout
        client.stdout.readline()
        who = identity.identify(client.pid)
        assert who
        yield who.to_text()
        client.kill()


def test_the_whole_record(box: Box) -> None:
    box.compile(redaction_rules="own")
    box.transcript.prompt("write the parser")
    box.transcript.calls("Bash", {"command": "make"})
    snapshot = box.read(box.capture(reason="session start"))
    assert (snapshot["session_id"], snapshot["project_key"], snapshot["version"]) == (SESSION, "-work-x", 2)
    assert (snapshot["restart"]["reason"], snapshot["restart"]["attempts"]) == ("session start", [])
    assert snapshot["conversation"]["requests"][0]["text"] == "write the parser"
    assert snapshot["conversation"]["in_flight"][0]["what"] == "make"
    [main] = snapshot["transcripts"]
    assert (main["name"], main["is_sealed"], snapshot["privacy"]) == ("main", True, "redacted")
    assert main["size_bytes"] == box.transcript.path.stat().st_size
    assert snapshot["project"]["cwd"] == str(box.cwd)
    assert snapshot["missing"] == ["the client: it was not running any more, or not named"]


def test_the_last_line_of_stdout_is_the_id_and_stderr_is_quiet(box: Box) -> None:
    done = box.run()
    assert (done.returncode, done.stderr, done.stdout.splitlines()) == (0, "", box.store.ids())


def test_a_living_client_is_in_it(box: Box) -> None:
    box.compile(redaction_rules="own")
    with client_of(box) as client:
        snapshot = box.read(box.capture(client=client))
    assert snapshot["process"]["id"] == client
    assert snapshot["process"]["command"][0] == sys.executable
    assert snapshot["missing"] == []


@needs_library
def test_that_the_librarys_rules_were_not_used_is_in_the_record_and_in_the_log(box: Box) -> None:
    snapshot = box.read(box.capture())
    assert snapshot["missing"][-1].startswith("the library's search for secrets: kingfisher's rules are not compiled")
    assert "capture: secret rules: kingfisher's rules are not compiled" in (box.state / "memguard.log").read_text()
    for pairs in ({"redaction_rules": "own"}, {"privacy": "exact"}):
        box.compile(**pairs)
        assert "secrets" not in " ".join(box.read(box.capture())["missing"])


def test_the_clients_own_folder_counts_not_the_workers(box: Box, tmp_path: Path) -> None:
    box.transcript.prompt("hello")
    with client_of(box) as client:
        other = {**box.environment(), "CLAUDE_CONFIG_DIR": str(tmp_path / "other")}
        command = box.command(client=client)
        done = subprocess.run(command, env=other, capture_output=True, text=True, check=True, timeout=60)
    assert box.main(done.stdout.strip())["is_sealed"]


@pytest.mark.parametrize("kind", ["", "absent", "outside", "link", "folder"])
def test_without_a_readable_transcript_the_rest_is_captured_and_it_is_said(box: Box, tmp_path: Path, kind: str) -> None:
    outside = tmp_path / f"{SESSION}.jsonl"
    outside.write_text('{"secret":1}\n')
    link = box.transcript.path.with_name("link.jsonl")
    link.symlink_to(outside)
    path = {
        "": "", "absent": f"{box.transcript.path}x", "outside": str(outside), "link": str(link),
        "folder": str(box.transcript.path.parent),
    }[kind]  # fmt: skip
    snapshot_id = box.capture(transcript=path)
    snapshot = box.read(snapshot_id)
    assert not snapshot["transcripts"][0]["is_sealed"]
    assert snapshot["missing"][0].startswith("the conversation: ")
    assert snapshot["project"]["cwd"] == str(box.cwd)
    with pytest.raises(StateError, match="no transcript"):
        box.told()
    assert box.store.is_whole(snapshot_id)


def test_the_sealed_conversation_is_the_redacted_one_still_json(box: Box) -> None:
    for secret in SECRETS.values():
        box.transcript.prompt(f"use {secret} please")
    box.capture()
    text = box.told().decode()
    assert LETTERS not in text
    assert "hunter2" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["uuid"] for line in lines] == [
        json.loads(line)["uuid"] for line in box.transcript.path.read_text().splitlines()
    ]
    assert box.main("latest")["redactions"] == len(SECRETS)


def test_a_torn_last_line_is_kept_as_it_is(box: Box) -> None:
    box.transcript.prompt("whole")
    box.transcript.raw(b'{"type":"user","mess')
    snapshot = box.read(box.capture())
    assert snapshot["conversation"]["is_torn"]
    assert box.told().decode() == box.transcript.path.read_text()


def test_files_and_folders_are_private_and_plain_ones_hold_no_secret(box: Box) -> None:
    box.transcript.prompt("words of the person " + SECRETS["github-token"])
    box.capture(reason="because of " + SECRETS["anthropic-key"] + "\nand\x1b[31m more")
    assert {path.stat().st_mode & 0o777 for path in box.files()} == {0o600}
    folders = [path for path in box.state.rglob("*") if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    for path in box.files():
        data = path.read_bytes()
        assert b"words of the person" not in data
        assert LETTERS.encode() not in data
    assert box.store.about(box.store.ids()[0])["reason"] == "because of [redacted:anthropic-key]?and?[31m more"


def test_earlier_attempts_of_this_guard_are_in_it(box: Box, tmp_path: Path) -> None:
    box.capture()
    attempts = [{"t_utc": 5.0, "guard": "aa11", "reason": "r"}, {"t_utc": 6.0, "guard": "bb22", "reason": "other"}]
    (Path(box.store.project_dir).parent / "protection.json").write_text(
        json.dumps({"version": 1, "attempts": attempts})
    )
    snapshot = box.read(box.capture(guard=str(tmp_path / "aa11")))
    assert snapshot["restart"]["attempts"] == [{"t_utc": 5.0, "reason": "r"}]


def test_the_handoff_note_opens_with_its_one_time_key_and_holds_no_environment(box: Box, tmp_path: Path) -> None:
    box.transcript.prompt("carry on with this")
    guard = tmp_path / "guards" / "aa11"
    guard.mkdir(parents=True)
    with client_of(box) as client:
        snapshot_id = box.capture(guard=str(guard), handoff="beef", client=client)
    assert box.read(snapshot_id)["process"]["environment"]["MARK"] == "of the client"
    note = guard / "handoff" / "beef.sealed"
    record = json.loads(read_note(str(note), str(note.with_suffix(".key")), b"beef"))
    assert (record["id"], record["process"]["environment"]) == (snapshot_id, {})
    assert [part["segments"] for part in record["transcripts"]] == [[]]
    assert record["conversation"]["requests"][0]["text"] == "carry on with this"
    assert {path.stat().st_mode & 0o777 for path in note.parent.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "values",
    [
        {"state": "relative"}, {"project_key": "../x"}, {"project_key": ""}, {"session": "../../x"}, {"handoff": "a"},
        {"session": "x" * 10000}, {"client": "nonsense"}, {"unknown": "x"}, {"guard": "x"},
        {"handoff": "../a", "guard": "/x"},
    ],
)  # fmt: skip
def test_hostile_arguments_are_one_line_and_no_litter(box: Box, values: dict[str, str]) -> None:
    done = box.run(**values)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert not box.state.exists()


def test_a_project_key_that_begins_with_a_dash_is_no_option() -> None:
    assert parse_request(["--state", "/s", "--project-key", "-home-me"]).project_key == "-home-me"


def test_thirty_megabytes_stay_within_64_megabytes_of_memory(box: Box) -> None:
    box.transcript.prompt("begin")
    box.transcript.fill(28_000_000)
    box.transcript.says("one long line " * 400_000)
    program = (
        "import sys; from memguard.state.capture import main; code = main(sys.argv[1:]);"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))); sys.exit(code)"
    )
    command = [sys.executable, "-c", program, *box.arguments()]
    done = subprocess.run(command, env=box.environment(), capture_output=True, text=True, check=True, timeout=60)
    snapshot_id, peak_kb = done.stdout.split()
    assert box.read(snapshot_id)["conversation"]["requests"][0]["text"] == "begin"
    assert int(peak_kb) < 64 * 1024


def test_timings_are_printed_where_they_are_asked_for(box: Box) -> None:
    done = box.run(timings="1")
    assert "transcript" in json.loads(done.stderr)
    assert done.stdout.splitlines() == box.store.ids()
