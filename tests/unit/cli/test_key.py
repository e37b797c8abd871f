"""`memguard key`, as a person types it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard.cli.main import main
from memguard.state import envelope
from memguard.state.keys import in_passphrase, private_keys, public_key
from memguard.state.keys.in_passphrase import Cost
from tests.sandbox import ROOT, Sandbox

WORDS, OTHER = "three pears in a boat", "four plums on a raft"
Run = Callable[..., str]


@pytest.fixture
def run(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Types a command; what it prints. In this process, at 1 MiB a guess, without a terminal."""
    monkeypatch.setattr(in_passphrase, "COST", Cost(10, 8, 1))
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    real_open = os.open

    def no_terminal(path: str, *values: int, **named: int) -> int:
        if path == "/dev/tty":
            raise OSError(6, "No such device or address")
        return real_open(path, *values, **named)

    monkeypatch.setattr(os, "open", no_terminal)
    monkeypatch.chdir(sandbox.project)

    def typed(*words: str, code: int = 0) -> str:
        assert main(["key", *words]) == code, capsys.readouterr()
        captured = capsys.readouterr()
        return captured.err or captured.out

    return typed


@pytest.fixture
def words(sandbox: Sandbox) -> str:
    """A file that holds a passphrase."""
    return passphrase_file(sandbox, "words", WORDS)


def passphrase_file(sandbox: Sandbox, name: str, text: str) -> str:
    path = sandbox.folder / name
    path.touch(0o600)
    path.write_text(f"{text}\nwhat stands in the second line is no part of it\n")
    return str(path)


def keys(run: Run, code: int = 0) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run("status", "--json", code=code))["keys"]
    return found


def take_snapshot(sandbox: Sandbox, snapshot_id: str) -> Path:
    """What a capture leaves, as far as keys go."""
    public = public_key(str(sandbox.state))
    folder = sandbox.state_folder / "snapshots" / snapshot_id
    folder.mkdir(mode=0o700, parents=True)
    with (folder / "manifest.sealed").open("wb") as sink:
        envelope.seal(io.BytesIO(snapshot_id.encode()), sink, public)
    return folder / "manifest.sealed"


def opened(sandbox: Sandbox, path: Path, words: str = "") -> str:
    content = io.BytesIO()
    with path.open("rb") as source:
        envelope.open_sealed(source, content, private_keys(str(sandbox.state), lambda _: words))
    return content.getvalue().decode()


def test_before_the_first_snapshot_there_is_none(run: Run) -> None:
    assert "there is no key yet" in run("status")
    assert keys(run) == []
    assert "there is no key yet" in run("export", "x", "--plain", code=1)


def test_status_names_place_age_public_half_and_the_snapshots_that_need_it(sandbox: Sandbox, run: Run) -> None:
    take_snapshot(sandbox, "first")
    take_snapshot(sandbox, "second")
    (key,) = keys(run)
    assert (key["is_current"], key["places"], key["snapshots"], key["error"]) == (True, ["private"], 2, None)
    shown = run("status")
    for wanted in (key["fingerprint"], key["public"], key["made"], "current", "in a file", "2 snapshots need it"):
        assert str(wanted) in shown


def test_rotation_leaves_old_snapshots_readable_and_says_how_many(sandbox: Sandbox, run: Run) -> None:
    old = take_snapshot(sandbox, "old")
    assert "1 snapshot needs them" in run("rotate")
    new = take_snapshot(sandbox, "new")
    assert (opened(sandbox, old), opened(sandbox, new)) == ("old", "new")
    assert [(key["is_current"], key["snapshots"]) for key in keys(run)] == [(True, 1), (False, 1)]


def test_a_rotation_stays_in_the_place_that_was_chosen(run: Run, words: str) -> None:
    run("rotate", "--to", "passphrase", "--passphrase-file", words)
    run("rotate", "--passphrase-file", words)
    assert [key["places"] for key in keys(run)] == [["passphrase"], ["passphrase"]]
    run("rotate", "--to", "file")
    assert keys(run)[0]["places"] == ["private"]


def test_a_lost_key_is_said_with_what_it_costs_and_what_to_do(sandbox: Sandbox, run: Run) -> None:
    take_snapshot(sandbox, "old")
    name = str(keys(run)[0]["fingerprint"])
    (sandbox.state / "keys" / f"{name}.private").unlink()
    shown = run("status", code=1)
    for wanted in ("LOST", name, "1 snapshot needs it", "can't be opened by anyone", "backup", "memguard key rotate"):
        assert wanted in shown
    run("rotate")
    take_snapshot(sandbox, "new")
    assert "LOST" in run("status", code=1)  # a snapshot still needs it


def test_a_snapshot_of_somebody_elses_key_is_counted_as_that(sandbox: Sandbox, run: Run) -> None:
    path = take_snapshot(sandbox, "brought")
    data = path.read_bytes().split(b" ", 3)
    path.write_bytes(b" ".join([*data[:2], b"0123456789abcdef", data[3]]))
    assert "0123456789abcdef  not among your keys, 1 snapshot needs it" in run("status")


def test_keys_moved_behind_a_passphrase_open_with_it_alone(sandbox: Sandbox, run: Run, words: str) -> None:
    old = take_snapshot(sandbox, "old")
    run("rotate")
    moved = run("move", "--to", "passphrase", "--passphrase-file", words)
    assert "a disk may still hold what was in them" in moved
    assert list((sandbox.state / "keys").glob("*.private")) == []
    assert opened(sandbox, old, WORDS) == "old"
    new = passphrase_file(sandbox, "other", OTHER)
    run("move", "--to", "passphrase", "--passphrase-file", words, "--new-passphrase-file", new)
    assert opened(sandbox, old, OTHER) == "old"
    assert "does not open" in run("move", "--to", "file", "--passphrase-file", words, code=1)
    run("move", "--to", "file", "--passphrase-file", new)
    assert opened(sandbox, old) == "old"


def test_one_key_can_be_named_by_its_beginning(run: Run, words: str) -> None:
    run("rotate")
    run("rotate")
    newer, older = (str(key["fingerprint"]) for key in keys(run))
    run("move", older[:6], "--to", "passphrase", "--passphrase-file", words)
    assert {key["fingerprint"]: key["places"] for key in keys(run)} == {newer: ["private"], older: ["passphrase"]}
    assert "2 keys begin with" in run("move", "", "--to", "file", code=2)
    assert "no key begins with" in run("move", "x", "--to", "file", code=2)


def test_an_export_opens_old_snapshots_on_another_machine(
    sandbox: Sandbox, run: Run, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = take_snapshot(sandbox, "old")
    file = tmp_path / "keys.export"
    said = run("export", str(file), "--passphrase-file", words)
    assert "and has its passphrase" in said
    assert file.stat().st_mode & 0o777 == 0o600
    assert "is there already" in run("export", str(file), "--plain", code=1)
    (tmp_path / "machine").mkdir(mode=0o700)
    there = Sandbox(tmp_path / "machine")
    monkeypatch.setenv("HOME", str(there.home))
    assert "does not open" in run(
        "import", str(file), "--passphrase-file", passphrase_file(sandbox, "o", OTHER), code=1
    )
    said = run("import", str(file), "--passphrase-file", words)
    assert "is here now, in a file" in said
    assert "captures will seal to the newest of your keys" in said
    assert opened(there, old) == "old"
    assert "is here already" in run("import", str(file), "--passphrase-file", words)


@pytest.fixture
def exported(sandbox: Sandbox, run: Run, tmp_path: Path) -> tuple[Path, str, str]:
    """A snapshot, the key that it needs, and an export of that."""
    old = take_snapshot(sandbox, "old")
    name, file = str(keys(run)[0]["fingerprint"]), str(tmp_path / "keys.export")
    run("export", file, "--plain")
    return old, name, file


@pytest.mark.parametrize("damage", ["gone", "empty", "cut off", "another key", "a torn public half"])
def test_an_import_puts_a_key_in_the_place_of_one_that_does_not_open(
    sandbox: Sandbox, run: Run, exported: tuple[Path, str, str], damage: str
) -> None:
    old, name, file = exported
    path = sandbox.state / "keys" / f"{name}.{'public' if damage == 'a torn public half' else 'private'}"
    if damage == "gone":
        path.unlink()
    elif damage == "another key":
        path.write_text(path.read_text().partition("private=")[0] + f"private={'11' * 32}\n")
    else:
        path.write_bytes(path.read_bytes()[: 0 if damage == "empty" else -5])
    keys(run, code=1)
    assert f"the key {name} is here now, in a file" in run("import", file)
    assert [key["places"] for key in keys(run)] == [["private"]]
    assert opened(sandbox, old) == "old"
    assert "is here already; it is left as it is" in run("import", file)


def test_an_import_ends_a_damaged_key_s_stay_in_its_other_place(
    sandbox: Sandbox, run: Run, exported: tuple[Path, str, str], words: str
) -> None:
    old, name, file = exported
    (sandbox.state / "keys" / f"{name}.private").write_bytes(b"")
    assert "behind a passphrase" in run("import", file, "--to", "passphrase", "--passphrase-file", words)
    assert [key["places"] for key in keys(run)] == [["passphrase"]]
    assert opened(sandbox, old, WORDS) == "old"


def test_a_key_whose_passphrase_is_forgotten_is_replaced_where_that_is_typed(
    sandbox: Sandbox, run: Run, exported: tuple[Path, str, str], words: str
) -> None:
    old, name, file = exported
    run("move", "--to", "passphrase", "--passphrase-file", words)
    assert "--replace" in run("import", file)
    assert [key["places"] for key in keys(run)] == [["passphrase"]]
    assert f"the key {name} is here now, in a file" in run("import", file, "--replace", "--to", "file")
    assert [key["places"] for key in keys(run)] == [["private"]]
    assert opened(sandbox, old) == "old"


def test_a_plain_export_says_what_it_means(run: Run, tmp_path: Path) -> None:
    run("rotate")
    said = run("export", str(tmp_path / "bare"), "--plain")
    assert "whoever can read it can open every snapshot" in said
    assert "private=" in (tmp_path / "bare").read_text()


def test_without_a_terminal_nothing_is_exported_bare_by_accident(run: Run, tmp_path: Path) -> None:
    run("rotate")
    said = run("export", str(tmp_path / "export"), code=1)
    assert "no terminal" in said
    assert "--passphrase-file" in said
    assert not (tmp_path / "export").exists()


def test_a_passphrase_comes_from_a_descriptor_too(sandbox: Sandbox, run: Run) -> None:
    reader, writer = os.pipe()
    os.write(writer, WORDS.encode())
    os.close(writer)
    run("rotate", "--to", "passphrase", "--passphrase-file", f"/dev/fd/{reader}")
    os.close(reader)
    assert private_keys(str(sandbox.state), lambda _: WORDS).key_for(str(keys(run)[0]["fingerprint"]))


def test_a_passphrase_s_file_is_as_secret_as_the_passphrase(sandbox: Sandbox, run: Run, words: str) -> None:
    Path(words).chmod(0o644)
    assert "chmod 600" in run("rotate", "--to", "passphrase", "--passphrase-file", words, code=1)
    for text in ("", "\n" + WORDS):
        Path(words).chmod(0o600)
        Path(words).write_text(text)
        assert "holds no passphrase" in run("rotate", "--to", "passphrase", "--passphrase-file", words, code=1)
    missing = str(sandbox.folder / "none")
    assert "No such file" in run("rotate", "--to", "passphrase", "--passphrase-file", missing, code=1)
    assert keys(run) == []


def test_in_the_keyring_across_processes(sandbox: Sandbox) -> None:
    """Run here with a test backend only: there is no desktop."""
    ring = sandbox.folder / "ring"
    sandbox.environment |= {
        "PYTHON_KEYRING_BACKEND": "tests.keyring_backends.InFile",
        "PYTHONPATH": str(ROOT),
        "MEMGUARD_TEST_KEYRING": str(ring),
    }
    sandbox.memguard("key", "rotate", "--to", "keyring")
    take_snapshot(sandbox, "old")
    status = sandbox.memguard("key", "status").stdout
    assert "in the keyring (Test Keyring)" in status
    ring.unlink()
    assert "has no entry for it" in sandbox.memguard("key", "status", code=1).stdout
    doctor = json.loads(sandbox.memguard("doctor", "--json", code=1).stdout)
    assert [check["status"] for check in doctor if check["name"] == "keys"] == ["ok"]  # it asks no keyring


def test_help_tells_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["key", "--help"])
    shown = capsys.readouterr().out
    assert all(kind in shown for kind in ("status", "rotate", "move", "export", "import"))
