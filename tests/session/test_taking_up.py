"""What follows a restarted client, with the leaky one: the same conversation made readable, or a new one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox import Sandbox, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

TORN = b'{"type":"assistant","message":{"role":"assistant","content":[{"type":"tex'
AT_ONCE = "[restart_policy]\ngraceful_timeout = 0\n"
MB = 1024 * 1024


class Held:
    """A session whose one turn is over, and which stays at its prompt."""

    def __init__(self, sandbox: Sandbox, *words: str) -> None:
        self.sandbox = sandbox
        self.process: subprocess.Popen[bytes] = sandbox.start("--steps", "1", *words, "--hold", "--", "count")
        wait_until(lambda: self.stops() == 1, "the turn is over")
        self.first = sandbox.client_pid()
        (self.transcript,) = sandbox.home.glob(".claude/projects/*/*.jsonl")
        # As the real one, the client ends its turn in the file after its Stop hooks.
        wait_until(lambda: b"turn_duration" in self.transcript.read_bytes().splitlines()[-1], "its last line")

    def stops(self) -> int:
        return sum(line["event"] == "Stop" for line in self.sandbox.spool())

    def append(self, data: bytes) -> bytes:
        """Write to the conversation's file as a client does that is cut off in the middle; all of it then."""
        with self.transcript.open("ab") as file:
            file.write(data)
        return self.transcript.read_bytes()

    def restart(self) -> int:
        """Ask for a restart; the pid of the client that has begun a session after it."""
        before = len(self.starts())
        self.sandbox.memguard("restart")
        wait_until(lambda: len(self.starts()) > before, "the next client has begun")
        return self.sandbox.client_pid()

    def starts(self) -> list[dict[str, Any]]:
        return [line for line in self.sandbox.spool() if line["event"] == "SessionStart"]

    def copies(self) -> list[Path]:
        return sorted(self.transcript.parent.glob("*memguard-torn*"))

    def ended(self) -> str:
        """End it; all that it printed."""
        self.process.terminate()
        output, _ = self.process.communicate(timeout=20)
        return output.decode()

    def digests(self) -> list[str]:
        """What the clients were given to read, over all conversations."""
        lines = [
            json.loads(line)
            for path in self.transcript.parent.glob("*.jsonl")
            for line in path.read_bytes().splitlines()
            if b'"type":"attachment"' in line
        ]
        return [line["context"] for line in lines]


@pytest.fixture
def held(opted_in: Sandbox) -> Iterator[Held]:
    opted_in.config(AT_ONCE)
    session = Held(opted_in, "--leak-mb", "1", "--ignore-term")
    yield session
    session.process.kill()
    session.process.communicate(timeout=20)


def test_a_torn_last_line_is_set_aside_before_the_conversation_is_resumed(opted_in: Sandbox, held: Held) -> None:
    whole = held.transcript.read_bytes()
    held.append(TORN)
    held.restart()
    assert held.transcript.read_bytes().startswith(whole)
    for line in held.transcript.read_bytes().splitlines():
        json.loads(line)
    (copy,) = held.copies()
    assert (copy.read_bytes(), copy.stat().st_mode & 0o777) == (TORN, 0o600)
    (event,) = opted_in.events("torn_line_set_aside")
    assert (event["torn_bytes"], event["kept_in"]) == (len(TORN), copy.name)
    wait_until(held.digests, "the digest")
    assert f"was torn ({len(TORN)} B) and set aside" in held.digests()[-1]
    (guard,) = opted_in.guards()
    wait_until(lambda: not (guard / "set-aside").exists(), "it is settled")
    assert opted_in.events("torn_line_put_back") == []


def _refuses(sandbox: Sandbox) -> None:
    """From now on the client finds no conversation to resume."""
    program = sandbox.folder / "claude"
    leaky = program.read_text().splitlines()[-1]
    refusal = 'case " $* " in *" --resume "*) echo No conversation found >&2; exit 1;; esac'
    program.write_text(f"#!/bin/sh\n{refusal}\n{leaky}\n")


def test_a_client_that_refuses_finds_its_file_as_it_was_and_is_followed_by_a_new_session(
    opted_in: Sandbox, held: Held
) -> None:
    before = held.append(TORN)
    old = held.transcript.stem
    _refuses(opted_in)
    held.restart()
    assert held.starts()[-1]["source"] == "startup"
    wait_until(lambda: opted_in.events("torn_line_put_back"), "it is put back")
    assert held.transcript.read_bytes() == before
    assert held.copies() == []
    wait_until(held.digests, "the digest")
    (digest,) = held.digests()
    assert "The client refused to resume the earlier conversation, whose file is as it was." in digest
    assert "set aside" not in digest
    assert "This is a new session" in digest
    held.process.kill()
    output = held.process.communicate(timeout=20)[0].decode()
    assert "No conversation found" in output
    assert f"the one before is unchanged: claude --resume {old}" in output


def test_a_client_that_refuses_every_start_is_tried_twice_and_no_more(opted_in: Sandbox, held: Held) -> None:
    before = held.append(TORN)
    log = opted_in.folder / "starts.log"
    (opted_in.folder / "claude").write_text(f'#!/bin/sh\necho "$@" >> "{log}"\nexit 1\n')
    opted_in.memguard("restart")
    output, _ = held.process.communicate(timeout=20)
    assert held.process.returncode == 1
    resumed, fresh = log.read_text().splitlines()
    assert f"--resume {held.transcript.stem}" in resumed
    assert "--resume" not in fresh
    assert f"memguard run -- --resume {held.transcript.stem}" in output.decode()
    assert held.transcript.read_bytes() == before
    assert held.copies() == []


def test_a_long_conversation_is_left_for_a_new_session_where_resuming_it_would_be_over_the_limit(
    opted_in: Sandbox,
) -> None:
    """The client holds 300 MB; 20 MB of conversation are predicted to be as much again, a new session is not."""
    opted_in.config("[thresholds]\nwarning = 90\ncritical = 200\nemergency = 4000\n")
    session = Held(opted_in, "--leak-mb", "300")
    line = b'{"type":"assistant","message":{"content":"' + b"x" * 4000 + b'"}}\n'
    session.append(line * (20 * MB // len(line)))
    before = session.transcript.read_bytes()
    wait_until(lambda: len(session.starts()) == 2, "the next client has begun", 40)
    assert session.starts()[-1]["source"] == "startup"
    (restart,) = opted_in.events("restart_initiated")
    assert (restart["strategy"], restart["resume"][:10]) == ("fresh", "predicted ")
    assert session.transcript.read_bytes() == before
    wait_until(session.digests, "the digest")
    assert "Resuming the earlier conversation (20 MB) was predicted to hold 3" in session.digests()[0]
    output = session.ended()
    assert "this is a new session, since resuming the one before would take" in output
    assert f"the one before is unchanged: claude --resume {session.transcript.stem}" in output
