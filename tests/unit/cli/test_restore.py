"""`memguard restore`, and `memguard snapshots verify | prune | export | import`, as a person types them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from memguard.core.layout import project_key
from tests.sandbox import Sandbox
from tests.transcripts import SESSION, Box

PROMPT = "write the parser"
# What is launched says what it was given, instead of a client.
CLIENT = """#!/bin/sh
echo "args: $*"
echo "TZ=$TZ EVIL=$EVIL ODD=$ODD"
"""


class Person:
    """A person whose project has snapshots of one session."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.box = Box(sandbox.folder / "box")
        self.box.key = project_key(str(sandbox.project))
        self.box.state = sandbox.state
        self.box.config = sandbox.home / ".claude"

    def talk(self, text: str = PROMPT) -> str:
        """One more turn, and a snapshot of it; its id."""
        self.box.transcript.prompt(text)
        self.box.transcript.says("done")
        return self.box.take(cwd=str(self.sandbox.project))

    def damage(self, snapshot_id: str) -> Path:
        path = Path(self.box.store.path(snapshot_id, "manifest.sealed"))
        path.write_bytes(path.read_bytes()[:-1])
        return path


@pytest.fixture
def person(sandbox: Sandbox) -> Person:
    (sandbox.folder / "box").mkdir()
    found = Person(sandbox)
    found.box.transcript = type(found.box.transcript)(found.box.config / "projects" / "-p" / f"{SESSION}.jsonl")
    return found


def test_the_digest_of_the_newest(person: Person) -> None:
    person.talk()
    person.talk("and the printer")
    done = person.sandbox.memguard("restore", "--digest")
    assert '"and the printer"' in done.stdout
    assert f'"{PROMPT}"' in done.stdout
    assert done.stderr == ""


def test_the_transcript_as_a_new_file(person: Person) -> None:
    first = person.talk()
    length = person.box.transcript.path.stat().st_size
    person.talk("and the printer")
    path = person.sandbox.folder / "back.jsonl"
    assert SESSION in person.sandbox.memguard("restore", first[:19], "--transcript", str(path)).stdout
    assert path.read_bytes() == person.box.transcript.path.read_bytes()[:length]
    assert path.stat().st_mode & 0o777 == 0o600
    assert "there already" in person.sandbox.memguard("restore", "--transcript", str(path), code=1).stderr


def test_of_a_damaged_one_the_newest_good_one_before_it_is_taken_and_said(person: Person) -> None:
    first, second = person.talk(), person.talk("and the printer")
    path = person.damage(second)
    done = person.sandbox.memguard("restore", "--digest")
    assert "and the printer" not in done.stdout
    assert PROMPT in done.stdout
    assert str(path) in done.stderr
    assert "cut off" in done.stderr
    assert first in done.stderr


def test_where_none_is_good_that_is_said(person: Person) -> None:
    person.damage(person.talk())
    assert "no snapshot is good" in person.sandbox.memguard("restore", "--digest", code=1).stderr


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--digest", "--launch"],
        ["--digest", "--", "x"],
        ["--digest", "--env", "X"],
        ["--digest", "--raw"],
        ["--launch", "--raw"],
    ],
)
def test_what_it_does_has_to_be_said_once(sandbox: Sandbox, words: list[str]) -> None:
    assert sandbox.memguard("restore", *words, code=2).stdout == ""


def launched(person: Person, *words: str) -> str:
    client = person.sandbox.folder / "claude"
    client.write_text(CLIENT)
    client.chmod(0o700)
    person.sandbox.memguard("init")
    person.sandbox.config(f'client = "{client}"\n')
    return person.sandbox.memguard("restore", "--launch", *words).stdout


def test_a_session_is_launched_from_it_by_its_own_id_where_its_conversation_is_gone(person: Person) -> None:
    person.talk()
    content = person.box.transcript.path.read_bytes()
    person.box.transcript.path.unlink()
    out = launched(person, "--", "--model", "opus")
    assert f"args: --resume {SESSION} --model opus" in out
    folder = re.sub(r"[^a-zA-Z0-9]", "-", os.path.realpath(person.sandbox.project))
    placed = person.box.config / "projects" / folder / f"{SESSION}.jsonl"
    assert placed.read_bytes() == content


def test_a_second_launch_leaves_the_first_ones_conversation_alone(person: Person) -> None:
    person.talk()
    assert f"--resume {SESSION}" in launched(person)
    second = launched(person)
    assert "--resume" in second
    assert SESSION not in second


def test_a_torn_last_line_is_given_back_only_where_it_is_asked_for(person: Person) -> None:
    person.talk()
    content, torn = person.box.transcript.path.read_bytes(), b'{"parentUuid":"x","message":{"role":"assist'
    person.box.transcript.raw(torn)
    person.box.take(cwd=str(person.sandbox.project))
    path, raw = person.sandbox.folder / "back.jsonl", person.sandbox.folder / "raw.jsonl"
    assert f"{len(torn)} bytes" in person.sandbox.memguard("restore", "--transcript", str(path)).stderr
    assert path.read_bytes() == content
    assert person.sandbox.memguard("restore", "--transcript", str(raw), "--raw").stderr == ""
    assert raw.read_bytes() == content + torn
    person.box.transcript.path.unlink()
    launched(person)
    assert [found.read_bytes() for found in placed(person)] == [content]


def placed(person: Person) -> list[Path]:
    """What is in the client's folder of the project."""
    folder = re.sub(r"[^a-zA-Z0-9]", "-", os.path.realpath(person.sandbox.project))
    return [path for path in (person.box.config / "projects" / folder).rglob("*") if path.is_file()]


@pytest.mark.parametrize("obstacle", ["not opted in", "no client"])
def test_where_no_session_can_be_launched_no_conversation_is_left_in_plain_text(person: Person, obstacle: str) -> None:
    person.talk()
    if obstacle == "no client":
        person.sandbox.memguard("init")
        person.sandbox.config('client = "/nowhere/claude"\n')
    done = person.sandbox.memguard("restore", "--launch", code=1)
    assert ("not opted in" if obstacle == "not opted in" else "not a program") in done.stderr
    assert placed(person) == []


def test_only_the_variables_of_the_list_and_those_named_come_back(person: Person) -> None:
    environment = {"TZ": "Asia/Tokyo", "EVIL": "1", "ODD": "2"}
    snapshot = person.box.read(person.talk())
    snapshot["process"]["environment"] = environment
    with person.box.store.draft(bytes.fromhex(_public(person)), snapshot["session_id"]) as draft:
        draft.commit({**snapshot, "id": draft.id})
    assert "TZ=Asia/Tokyo EVIL= ODD=2" in launched(person, "--env", "ODD")


def _public(person: Person) -> str:
    keys = json.loads(person.sandbox.memguard("key", "status", "--json").stdout)
    return str(keys[0]["public"] if isinstance(keys, list) else keys["keys"][0]["public"])


def test_verify_names_each_damaged_file_and_says_which_are_good(person: Person) -> None:
    good, bad = person.talk(), person.talk("more")
    assert "2 of 2 are good" in person.sandbox.memguard("snapshots", "verify").stdout
    path = person.damage(bad)
    done = person.sandbox.memguard("snapshots", "verify", code=1)
    assert f"{good}  good" in done.stdout
    assert f"{bad}  DAMAGED" in done.stdout
    assert str(path) in done.stdout
    assert "1 of 2 are good" in done.stdout
    found = {
        entry["id"]: entry
        for entry in json.loads(person.sandbox.memguard("snapshots", "verify", "--json", code=1).stdout)
    }
    assert found[good] == {"id": good, "is_good": True, "faults": []}
    assert found[bad]["faults"][0]["path"] == str(path)
    assert person.sandbox.memguard("snapshots", "verify", good).stdout.endswith("1 of 1 are good\n")


def test_verify_and_prune_of_nothing(sandbox: Sandbox) -> None:
    assert "no snapshot yet" in sandbox.memguard("snapshots", "verify").stdout
    assert "no snapshot yet" in sandbox.memguard("snapshots", "prune").stdout


def test_prune_keeps_what_the_settings_say(person: Person) -> None:
    ids = [person.talk(f"turn {number}") for number in range(4)]
    person.box.compile(retention_count=2)
    assert person.sandbox.memguard("snapshots", "prune").stdout.startswith("removed 2 snapshots, ")
    assert person.box.store.ids() == ids[:1:-1]


def test_a_snapshot_goes_to_another_machine(person: Person, tmp_path: Path) -> None:
    person.talk()
    (tmp_path / "machine").mkdir()
    there = Sandbox(tmp_path / "machine")
    there.memguard("key", "rotate")
    (key,) = re.findall(r"\b[0-9a-f]{64}\b", there.memguard("key", "status").stdout)[:1]
    path = str(tmp_path / "taken-along")
    assert person.sandbox.memguard("snapshots", "export", "latest", path, "--for", key).stdout.endswith(f"{path}\n")
    snapshot_id = there.memguard("snapshots", "import", path).stdout.splitlines()[-1]
    assert "1 of 1 are good" in there.memguard("snapshots", "verify").stdout
    assert PROMPT in there.memguard("snapshots", "show", snapshot_id).stdout
    assert f'"{PROMPT}"' in there.memguard("restore", "--digest").stdout
    assert "not among yours" in person.sandbox.memguard("snapshots", "import", path, code=1).stderr


@pytest.mark.parametrize("key", ["abc", "x" * 64, "00" * 31])
def test_what_is_no_key_is_refused(person: Person, key: str) -> None:
    person.talk()
    done = person.sandbox.memguard("snapshots", "export", "latest", "out", "--for", key, code=2)
    assert "64 hexadecimal digits" in done.stderr
    assert not (person.sandbox.project / "out").exists()
