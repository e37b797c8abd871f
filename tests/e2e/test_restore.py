"""A conversation that is gone is rebuilt from a snapshot, and the real client resumes it and goes on."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from .api_stand_in import ApiStandIn, Script, bash, text
from .harness import wait_until
from .terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from .guarded import Guarded

pytestmark = pytest.mark.e2e

# By its form, a key of the client's own maker; nobody ever had it.
SECRET = "sk-ant-" + "api03-" + "Zr4kQ9wT2mX7bN5cV8pL1sD6fG3hJ0aE"
NUMBER = "the number is 4711"


def snapshot_of_a_talk(guarded: Guarded, api: ApiStandIn) -> tuple[str, str]:
    """Two turns, one with a tool call that prints a secret; the session's id and the snapshot's."""
    talk = {
        "remember this": [[bash(f"echo token {SECRET}")], [text(f"noted: {NUMBER}")]],
        "and now": [[text("gone on")]],
        "what was it": [[text(f"you said: {NUMBER}")]],
    }
    api.reply = Script(talk)
    with guarded.open() as terminal:
        client = guarded.ready(terminal)
        terminal.send("please remember this")
        terminal.wait_for("noted:", 40)
        wait_until(lambda: guarded.says(client) == "idle", "the end of the turn")
        session = str(guarded.home.sessions()[0]["sessionId"])
        wait_until(lambda: "noted:" in str(guarded.home.transcript(session)), "the transcript")
        snapshot = guarded.memguard("snapshot").splitlines()[-1]
        terminal.press("C-c")
        terminal.press("C-c")
        terminal.wait_for_exit()
    return session, snapshot


def goes_on(guarded: Guarded, api: ApiStandIn, argv: list[str], said: str) -> str:
    """Ask a client about what was said; everything that its request held."""
    with Terminal(argv, guarded.environment, guarded.project) as terminal:
        guarded.ready(terminal)
        terminal.wait_for(NUMBER)
        terminal.send(said)
        terminal.wait_for("you said", 40)
    return json.dumps(api.turns[-1].body)


@pytest.mark.parametrize("privacy", ["redacted", "exact"])
def test_a_deleted_conversation_is_rebuilt_and_the_real_client_goes_on_with_it(
    guarded: Guarded, api: ApiStandIn, tmp_path: Path, privacy: str
) -> None:
    config = guarded.home.path / ".config" / "memguard" / "config.toml"
    config.write_text(f'privacy = "{privacy}"\n{config.read_text()}')
    if privacy == "redacted":
        guarded.use_all_rules()
    session, snapshot = snapshot_of_a_talk(guarded, api)
    (transcript,) = guarded.home.transcripts()
    shutil.move(transcript, tmp_path / "deleted.jsonl")
    rebuilt = tmp_path / "rebuilt.jsonl"
    guarded.memguard("restore", snapshot, "--transcript", str(rebuilt))
    assert (SECRET.encode() in rebuilt.read_bytes()) is (privacy == "exact")
    shutil.copyfile(rebuilt, transcript)
    request = goes_on(guarded, api, [*guarded.client.argv(), "--resume", session], "what was it?")
    assert NUMBER in request
    assert (SECRET in request) is (privacy == "exact")


def test_a_guarded_session_is_launched_from_a_snapshot(guarded: Guarded, api: ApiStandIn) -> None:
    session, snapshot = snapshot_of_a_talk(guarded, api)
    (transcript,) = guarded.home.transcripts()
    transcript.unlink()
    argv = guarded.argv()
    launch = [*argv[: argv.index("run")], "restore", snapshot, "--launch", *argv[argv.index("run") + 1 :]]
    request = goes_on(guarded, api, launch, "what was it?")
    assert NUMBER in request
    assert [path.stem for path in guarded.home.transcripts()] == [session]
