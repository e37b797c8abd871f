"""What a child of the client is, and what it is called for people."""

import os
import subprocess
import sys

import pytest

from memguard.core.part import HOOK, MCP, OTHER, TOOL
from memguard.host.origin import origin_of, program_of
from memguard.testing.fake_host import FakeHost

from .workshop import Workshop

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"


CLIENT = 42


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        (["CLAUDE_PID=42"], TOOL),
        (["CLAUDE_PID=42", "CLAUDE_PROJECT_DIR=/p"], HOOK),
        (["CLAUDE_PROJECT_DIR=/p"], MCP),
        ([], OTHER),
        (["CLAUDE_PROJECT_DIR="], MCP),
        (["XCLAUDE_PID=42", "CLAUDE_PIDX=42", "A=CLAUDE_PID=42"], OTHER),
    ],
)
def test_the_variables_tell(fake: FakeHost, variables: list[str], kind: str) -> None:
    fake.write("10/environ", "\0".join(["PATH=/bin", *variables, "LANG=C"]) + "\0")
    assert origin_of(10, CLIENT, fake.root) == kind


@pytest.mark.parametrize("pid", ["4", "421", "142", "", "x", "42 "])
def test_a_client_inside_another_session_hands_on_a_variable_that_is_not_its_own(fake: FakeHost, pid: str) -> None:
    """As typed in a terminal that a tool of another client opened: its servers are servers, its children nobody yet."""
    fake.write("10/environ", f"CLAUDE_PID={pid}\0CLAUDE_PROJECT_DIR=/p\0")
    fake.write("11/environ", f"CLAUDE_PID={pid}\0")
    assert [origin_of(who, CLIENT, fake.root) for who in (10, 11)] == [MCP, OTHER]


def test_a_variable_that_is_the_first_or_the_last_counts_too(fake: FakeHost) -> None:
    fake.write("10/environ", "CLAUDE_PROJECT_DIR=/p\0A=1\0CLAUDE_PID=42\0")
    assert origin_of(10, CLIENT, fake.root) == HOOK


def test_who_is_gone_or_may_not_be_read_is_other(fake: FakeHost) -> None:
    assert origin_of(10, CLIENT, fake.root) == OTHER
    os.makedirs(f"{fake.root}/11/environ")
    assert origin_of(11, CLIENT, fake.root) == OTHER


def test_a_real_process(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLAUDE_PID", "CLAUDE_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert origin_of(workshop.ready(SLEEPER).pid, CLIENT) == OTHER
    monkeypatch.setenv("CLAUDE_PID", "42")
    assert origin_of(workshop.ready(SLEEPER).pid, CLIENT) == TOOL


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["/usr/bin/node", "/opt/server-files/dist/index.js", "--key=x"], "server-files"),
        (["/usr/bin/python3.11", "-m", "mail_server"], "mail_server"),
        (["python3", "/srv/tools/__main__.py"], "tools"),
        (["/opt/files-server/bin/server"], "files-server"),
        (["npx", "-y", "@scope/mcp-files"], "mcp-files"),
        (["bash", "-eu", "/ci/nightly.sh"], "nightly.sh"),
        (["node"], "node"),
        (["node", "--inspect", "--flag"], "node"),
        (["/index/main/dist"], "dist"),
        (["./prog"], "prog"),
        (["/"], ""),
        ([""], ""),
    ],
)
def test_a_program_has_a_name_that_says_something(fake: FakeHost, words: list[str], name: str) -> None:
    fake.write("10/cmdline", "\0".join(words) + "\0")
    assert program_of(10, fake.root) == name


def test_arguments_that_may_hold_secrets_are_no_name(fake: FakeHost) -> None:
    fake.write("10/cmdline", "/bin/backup\0--password=hunter2\0sk-123\0")
    assert program_of(10, fake.root) == "backup"


@pytest.mark.parametrize(
    "words",
    [
        ["/bin/bash", "-c", "mysql -phunter2"],
        ["sh", "-lc", "hunter2"],
        ["python3", "-I", "-S", "-c", "hunter2"],
        ["node", "-pe", "hunter2"],
        ["node", "--eval", "hunter2"],
        ["perl", "-E", "hunter2"],
        ["bash", "say hunter2"],
    ],
)
def test_a_programs_text_is_no_name(fake: FakeHost, words: list[str]) -> None:
    fake.write("10/cmdline", "\0".join(words) + "\0")
    assert program_of(10, fake.root) == words[0].rpartition("/")[2]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("/x/foo) Z 1", "foo??Z?1"),
        ("\x1b]0;title\x07", "??0?title?"),
        ("a\nb=c\rd", "a?b?c?d"),
        ("\u202egnp.exe", "?gnp.exe"),
        ("x" * 500, "x" * 64),
        ("\udcff", "?"),
        ("/x/größe-7", "größe-7"),
    ],
)
def test_a_hostile_name_is_shown_clean_and_short(fake: FakeHost, word: str, name: str) -> None:
    fake.write("10/cmdline", f"{word}\0")
    assert program_of(10, fake.root) == name


def test_a_real_process_with_a_name_that_it_chose_itself() -> None:
    command = ["/bin/foo) Z 1\x1b[31m", "-I", "-S", "-c", "import time; print('ready', flush=True); time.sleep(600)"]
    with subprocess.Popen(command, executable=sys.executable, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            assert program_of(process.pid) == "foo??Z?1??31m"
        finally:
            process.kill()


def test_who_is_gone_has_no_name(fake: FakeHost) -> None:
    assert program_of(10, fake.root) == ""
    fake.write("10/cmdline", "")
    assert program_of(10, fake.root) == ""
