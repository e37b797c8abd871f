"""What a person is told of the snapshot that `memguard restore` takes, and of those that went meanwhile."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard.cli import restore
from memguard.cli.main import main
from memguard.state.compiled import SnapshotSettings
from memguard.state.retention import prune
from memguard.state.verify import Verifier
from tests.sandbox import Sandbox
from tests.transcripts import SESSION

from .test_restore import PROMPT, Person

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="person")
def a_person(sandbox: Sandbox) -> Person:
    (sandbox.folder / "box").mkdir()
    found = Person(sandbox)
    found.box.transcript = type(found.box.transcript)(found.box.config / "projects" / "-p" / f"{SESSION}.jsonl")
    return found


@pytest.fixture
def typed(person: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """A command in this process, so that something can happen meanwhile: exit code, stdout, stderr."""
    for name, value in person.sandbox.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.chdir(person.sandbox.project)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        return main(words), *capsys.readouterr()

    return run


def test_a_conversation_that_was_lost_is_given_back_from_the_snapshot_before(person: Person, typed: Typed) -> None:
    full, path = person.talk(), person.sandbox.folder / "back.jsonl"
    content = person.box.transcript.path.read_bytes()
    person.box.transcript.path.unlink()
    after = person.box.take(cwd=str(person.sandbox.project))
    code, _, said = typed("restore", "--transcript", str(path))
    assert (code, path.read_bytes()) == (0, content)
    assert f"passed over: snapshot {after}: it holds no conversation" in said
    assert f"taken: snapshot {full}" in said
    code, _, said = typed("restore", "--digest")
    assert f"the older snapshot {full} holds " in said


def test_of_a_conversation_that_was_cut_the_fuller_snapshot_is_named(person: Person, typed: Typed) -> None:
    person.box.transcript.fill(20_000)
    full, path = person.talk(), person.sandbox.folder / "back.jsonl"
    content = person.box.transcript.path.read_bytes()
    person.box.transcript.path.write_bytes(content[: content.index(b"\n") + 1])
    person.talk("go on")
    code, _, said = typed("restore", "--transcript", str(path))
    assert code == 0
    assert path.read_bytes() == person.box.transcript.path.read_bytes()
    assert f"the older snapshot {full} holds " in said
    path.unlink()
    code, _, said = typed("restore", full, "--transcript", str(path))
    assert (code, said, path.read_bytes()) == (0, "", content)


def test_a_digest_needs_no_segment_and_nothing_needs_the_plain_facts(person: Person, typed: Typed) -> None:
    snapshot_id, path = person.talk(), person.sandbox.folder / "back.jsonl"
    about = Path(person.box.store.path(snapshot_id, "about"))
    about.write_bytes(about.read_bytes().replace(b"reason=a test", b"reason=a tesu"))
    code, _, said = typed("restore", "--transcript", str(path))
    assert (code, path.read_bytes()) == (0, person.box.transcript.path.read_bytes())
    assert f"{about}: it does not say what the sealed record says; it was not needed" in said
    for segment in person.box.cursor().parent.glob("*.sealed"):
        segment.write_bytes(segment.read_bytes()[:-1])
    code, out, _ = typed("restore", "--digest")
    assert code == 0
    assert f'"{PROMPT}"' in out


def a_turn_ends(person: Person) -> None:
    """A capture of the living session, which removes all but its own."""
    person.talk("meanwhile")
    prune(person.box.store, SnapshotSettings()._replace(retention_count=1), SESSION)


def test_a_snapshot_that_goes_before_it_is_rebuilt_costs_one_more_round(
    person: Person, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, path = person.talk(), person.sandbox.folder / "back.jsonl"
    given: list[str] = []
    give_back = restore._give_back  # what comes between the choice and the rebuilding is in here

    def later(store: object, snapshot: object, *more: object) -> int:
        if not given:
            a_turn_ends(person)
        given.append(str(snapshot["id"]))  # type: ignore[index]
        return give_back(store, snapshot, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(restore, "_give_back", later)
    code, _, said = typed("restore", "--transcript", str(path))
    assert code == 0, said
    assert path.read_bytes() == person.box.transcript.path.read_bytes()
    assert given == [first, person.box.store.ids()[0]]
    assert f"snapshot {first} was removed just now" in said


def test_what_retention_removes_while_all_are_verified_is_not_called_damaged(
    person: Person, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [person.talk(f"turn {number}") for number in range(3)][::-1]
    verified: list[str] = []
    verify = Verifier.verify

    def slowly(verifier: Verifier, snapshot_id: str) -> object:
        found = verify(verifier, snapshot_id)
        if not verified:
            a_turn_ends(person)
        verified.append(snapshot_id)
        return found

    monkeypatch.setattr(Verifier, "verify", slowly)
    code, out, _ = typed("snapshots", "verify")
    assert (code, verified) == (0, ids)
    assert "DAMAGED" not in out
    assert out.splitlines() == [
        f"{ids[1]}  removed meanwhile", f"{ids[2]}  removed meanwhile", f"{ids[0]}  good", "1 of 1 are good",
    ]  # fmt: skip
    verified.clear()
    person.talk("one more")
    code, out, _ = typed("snapshots", "verify", "--json")
    assert (code, [entry["is_good"] for entry in json.loads(out)]) == (0, [True])


def test_a_list_that_is_damaged_is_said_when_snapshots_are_pruned(person: Person, typed: Typed) -> None:
    os.truncate(person.box.store.path(first := person.talk(), "segments"), 5)
    person.talk()
    code, out, _ = typed("snapshots", "prune")
    assert code == 0
    assert f"/{first}/segments is damaged" in out
