"""`memguard config trust`, `config schema`, and a broken file of the person's own: real processes, and a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from memguard.core.layout import client_record, private_dir, read_pairs, write_pairs
from memguard.host import identity
from tests.sandbox import Sandbox, wait_until

if TYPE_CHECKING:
    from pathlib import Path

LOOSE = 'client = "/opt/theirs"\n[restart_policy]\nmax_attempts = 9\n'


@pytest.fixture
def file(sandbox: Sandbox) -> Path:
    path = sandbox.project / ".memguard.toml"
    path.write_text(LOOSE)
    return path


def is_trusted(sandbox: Sandbox) -> bool:
    facts = json.loads(sandbox.memguard("config", "show", "--json").stdout)
    found: dict[str, str] = facts["values"]["client"]
    return found["source"].startswith("trusted project file ")


def typed(sandbox: Sandbox, *words: str, answer: bytes) -> tuple[int, str]:
    """A command in a terminal of its own, and an answer to its question: its exit code and what it showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        sandbox.command(*words),
        cwd=sandbox.project,
        env=sandbox.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = bytearray()
    try:
        wait_until(lambda: _grown(ours, shown).endswith(b"[y/N] "), "the question")
        os.write(ours, answer)
        process.wait(30)
        return process.returncode, bytes(_grown(ours, shown)).decode()
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _grown(descriptor: int, shown: bytearray) -> bytearray:
    try:
        shown += os.read(descriptor, 65536)
    except OSError:  # its other end is closed
        return shown
    return shown


@pytest.mark.parametrize(("answer", "expected"), [(b"yes\n", True), (b"\n", False)])
def test_it_shows_each_value_and_asks(sandbox: Sandbox, file: Path, answer: bytes, expected: bool) -> None:
    code, shown = typed(sandbox, "config", "trust", answer=answer)
    assert f"{file} asks for" in shown
    assert "  client = /opt/theirs (now -)" in shown
    assert "  restart_policy.max_attempts = 9 restarts (now 3 restarts)" in shown
    assert ("trusted as it is now" in shown) == expected == is_trusted(sandbox)
    assert code == (0 if expected else 1)


def test_what_counts_only_later_or_elsewhere_is_shown_too(sandbox: Sandbox, file: Path) -> None:
    sandbox.config('client = "/mine"\n')
    file.write_text('client = "/opt/theirs"\n[platform.darwin]\nclient = "/opt/mac"\n')
    shown = sandbox.memguard("config", "trust", "--yes").stdout
    assert "  client = /opt/theirs (now /mine) (yours counts now)\n" in shown
    assert "  client = /opt/mac (now /mine) (yours counts now) [platform.darwin]\n" in shown


def test_where_nobody_can_be_asked_it_says_so_and_trusts_nothing(sandbox: Sandbox, file: Path) -> None:
    done = sandbox.memguard("config", "trust", code=1, stdin=subprocess.DEVNULL)
    assert "max_attempts = 9" in done.stdout
    assert "config trust --yes" in done.stderr
    assert file.exists()
    assert not is_trusted(sandbox)


def test_trust_and_its_end_reach_the_compiled_copy_that_hooks_read(sandbox: Sandbox, file: Path) -> None:
    sandbox.memguard("init")
    compiled = str(sandbox.state_folder / "compiled")
    assert read_pairs(compiled)["max_attempts"] == "3"
    assert "nothing has changed" not in sandbox.memguard("config", "trust", "--yes").stdout
    assert read_pairs(compiled)["max_attempts"] == "9"
    assert f"{file} is trusted already" in sandbox.memguard("config", "trust").stdout
    assert "may only tighten again" in sandbox.memguard("config", "trust", "--revoke").stdout
    assert read_pairs(compiled)["max_attempts"] == "3"
    assert "client" not in read_pairs(compiled)
    assert "no file here is trusted" in sandbox.memguard("config", "trust", "--revoke").stdout


def test_opting_out_forgets_it(sandbox: Sandbox, file: Path) -> None:
    sandbox.memguard("init")
    sandbox.memguard("config", "trust", "--yes")
    assert is_trusted(sandbox)
    sandbox.memguard("uninstall")
    assert file.exists()
    assert not is_trusted(sandbox)
    assert not sandbox.state_folder.exists()


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (None, 1, "has no configuration file"),
        ("[[[", 1, "is not valid TOML"),
        ("[restart_policy]\nmax_attempts = 1\n", 0, "needs trust: what it tightens counts as it is"),
        ("[host]\nbudget = 5\n", 0, "host.budget is ignored"),
    ],
)
def test_what_asks_for_nothing_is_not_trusted(
    sandbox: Sandbox, file: Path, text: str | None, code: int, words: str
) -> None:
    file.unlink()
    if text:
        file.write_text(text)
    done = sandbox.memguard("config", "trust", "--yes", code=code)
    assert words in done.stdout + done.stderr
    assert not is_trusted(sandbox)


def test_nothing_that_is_shown_before_the_question_is_cut_or_moves_the_cursor(sandbox: Sandbox, file: Path) -> None:
    long = "/" + "a" * 3000 + "/evil"
    file.write_text(f'client = "{long}"\n"\\u001b[2J" = 1\n')
    done = sandbox.memguard("config", "trust", "--yes")
    assert f"client = {long} (now -)" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_a_guarded_session_trusts_nothing_for_its_person(sandbox: Sandbox, file: Path) -> None:
    """A model that was talked into it stands below its client; here that is this very process."""
    client = identity.identify(os.getpid())
    assert client
    record = client_record(str(sandbox.runtime / "memguard"), os.getpid())
    private_dir(os.path.dirname(record))
    write_pairs(record, {"id": client.to_text(), "guard": "g"})
    done = sandbox.memguard("config", "trust", "--yes", code=1)
    assert "inside a guarded session" in done.stderr
    os.remove(record)
    assert not is_trusted(sandbox)
    assert file.exists()


def test_the_schema_is_printed_and_valid(sandbox: Sandbox) -> None:
    schema = json.loads(sandbox.memguard("config", "schema").stdout)
    Draft202012Validator.check_schema(schema)
    assert not Draft202012Validator(schema).is_valid({"mode": "off"})


@pytest.mark.parametrize("text", ["[[[", "mode = 5\n"])
def test_a_broken_file_of_the_persons_own_keeps_no_session_from_starting(sandbox: Sandbox, text: str) -> None:
    client = sandbox.folder / "client"
    client.write_text("#!/bin/sh\necho the client has started\n")
    client.chmod(0o755)
    path = sandbox.home / ".config" / "memguard" / "config.toml"
    path.write_text(f'{text}\nsnapshots.redaction_rules = "own"\n')
    sandbox.environment["MEMGUARD_RETENTION_DAYS"] = "5"
    done = sandbox.memguard("init")
    assert [str(path) in line for line in done.stderr.splitlines()].count(True) == 1
    done = sandbox.memguard("run", "--client", str(client))
    assert "the client has started" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"memguard: {path}")
    assert " count" in line


@pytest.mark.parametrize(
    ("options", "variables", "words"),
    [
        (("--critical", "big"), {}, "--critical"),
        ((), {"MEMGUARD_MAX_ATTEMPTS": "three"}, "MEMGUARD_MAX_ATTEMPTS"),
        (("--warning", "9GB", "--critical", "8GB"), {}, "is above"),
    ],
)
def test_what_is_typed_wrongly_is_refused(
    sandbox: Sandbox, options: tuple[str, ...], variables: dict[str, str], words: str
) -> None:
    sandbox.memguard("init")
    sandbox.environment |= variables
    done = sandbox.memguard("run", "--client", "/bin/true", *options, code=2)
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_opting_in_puts_no_second_file_beside_a_yaml_one(sandbox: Sandbox) -> None:
    path = sandbox.project / ".memguard.yaml"
    path.write_text("restart_policy: {max_attempts: 1}\n")
    done = sandbox.memguard("init")
    assert ".memguard.yaml left as it is" in done.stdout
    assert "memguard: note" not in done.stderr
    assert read_pairs(str(sandbox.state_folder / "compiled"))["max_attempts"] == "1"
    sandbox.memguard("uninstall")
    assert os.listdir(sandbox.project) == [path.name]
