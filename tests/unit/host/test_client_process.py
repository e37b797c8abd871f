"""A client as its process shows it, with what a process may show at will."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.host.client_process import ClientProcess, read_client, read_registry
from memguard.testing.fake_host import FakeHost

WHO = ProcessId(500, 1000, "boot", "1")
SCRIPT = "/opt/node_modules/@anthropic-ai/claude-code/cli.js"


class Laid:
    """A `/proc` with one client in it, under a login shell under init."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.proc = FakeHost(str(folder / "proc"))
        self.proc.add(1, 0)
        self.proc.add(400, 1)
        self.proc.add(500, 400)
        self.home = folder / "home"
        self.write(["claude", "--model", "x", ""], {"HOME": str(self.home), "A": "b=c"}, "/opt/claude")
        self.own(os.geteuid())

    def write(self, words: list[str], variables: dict[str, str], exe: str) -> None:
        self.proc.change(500, words=words, variables=variables)
        for name, target in (("exe", exe), ("cwd", "/work")):
            path = Path(self.proc.root) / "500" / name
            path.unlink(missing_ok=True)
            path.symlink_to(target)

    def own(self, user: int) -> None:
        self.proc.change(500, uid=user)

    def register(self, text: str) -> None:
        path = self.home / ".claude" / "sessions" / "500.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, who: ProcessId = WHO) -> ClientProcess | None:
        return read_client(who, self.proc.root)


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    return Laid(tmp_path)


def test_words_variables_folder_and_line_are_read_as_they_are(laid: Laid) -> None:
    client = laid.read()
    assert client
    assert client.words == ["claude", "--model", "x", ""]
    assert client.environment == {"HOME": str(laid.home), "A": "b=c"}
    assert (client.exe, client.cwd, client.line) == ("/opt/claude", "/work", [500, 400, 1])
    assert client.looks_like_client()
    assert not client.is_registered


def test_what_is_not_utf8_comes_through_unchanged(laid: Laid) -> None:
    path = Path(laid.proc.root) / "500" / "cmdline"
    path.write_bytes(b"claude\0--name\0\xff\xfe\0")
    client = laid.read()
    assert client
    assert os.fsencode(client.words[2]) == b"\xff\xfe"


def test_a_pid_that_is_somebody_elses_by_now_is_nobody(laid: Laid) -> None:
    assert laid.read(ProcessId(500, 999, "boot", "1")) is None
    assert laid.read(ProcessId(501, 1000, "boot", "1")) is None


def test_another_users_process_is_nobody(laid: Laid) -> None:
    laid.own(os.geteuid() + 1)
    assert laid.read() is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"x"',
        '{"pid": 500}',
        '{"pid": 501, "procStart": "1000"}',
        '{"pid": 500, "procStart": "1"}',
    ],
)
def test_a_registry_entry_that_is_torn_or_anothers_counts_as_none(laid: Laid, text: str) -> None:
    laid.register(text)
    client = laid.read()
    assert client
    assert not client.is_registered


def test_its_own_registry_entry_is_believed_text_by_text(laid: Laid) -> None:
    laid.register(json.dumps({"pid": 500, "procStart": "1000", "sessionId": "abc", "kind": ["bg"]}))
    client = laid.read()
    assert client
    assert (client.is_registered, client.entry("sessionId"), client.entry("kind")) == (True, "abc", "")


def test_a_registry_that_is_a_folder_is_none(tmp_path: Path) -> None:
    assert read_registry(str(tmp_path), WHO) == {}


@pytest.mark.parametrize(
    ("exe", "words", "length", "is_whole"),
    [
        ("/opt/claude.exe", ["claude", "-c"], 1, True),
        ("/usr/bin/node", ["node", "--no-warnings", SCRIPT, "-c"], 3, True),
        ("/usr/bin/node", ["claude"], 1, False),  # a title over the command line
        ("/usr/bin/node", ["claude", "", ""], 1, False),
        ("/usr/bin/node22", ["node", "repl", SCRIPT], 1, False),
        ("/opt/claude", ["claude", "", ""], 1, False),
        ("/opt/claude", [], 1, False),
    ],
)
def test_what_of_a_command_line_is_the_program(exe: str, words: list[str], length: int, is_whole: bool) -> None:
    client = ClientProcess(WHO)
    client.exe, client.words = exe, words
    assert (client.prefix_length(), client.has_whole_command_line()) == (length, is_whole)


@pytest.mark.parametrize(
    ("exe", "words", "is_like"),
    [
        ("/opt/claude.exe", ["x"], True),
        ("/usr/bin/node", ["node", SCRIPT], True),
        ("/usr/bin/node", ["node", "/srv/app.js", "claude"], False),
        ("/usr/bin/vim", ["vim", "claude"], False),
        ("/opt/claudette", ["claudette"], False),
        ("", [], False),
    ],
)
def test_who_looks_like_the_client(exe: str, words: list[str], is_like: bool) -> None:
    client = ClientProcess(WHO)
    client.exe, client.words = exe, words
    assert client.looks_like_client() is is_like
