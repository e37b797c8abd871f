"""A transcript whose last line is torn: what the real client makes of it alone, and what it finds under memguard.

2.1.330 leaves the torn line out and begins a new line before it goes on, so that the torn bytes stay in the file for
good. 2.1.197 goes on right behind them, and its first line is lost with the torn one. Before 2.1.121 a conversation of
some MB could not be resumed at all: "Failed to resume session: JSON Parse error", exit 1 (both tried by hand; a change
of that kind is what the first tests here are to show).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .api_stand_in import Script, text
from .guarded import Guarded
from .harness import Client, is_alive, new_session_id, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from .api_stand_in import ApiStandIn
    from .harness import Terminal

pytestmark = pytest.mark.e2e

TORN = b'{"parentUuid":null,"isSidechain":false,"type":"user","message":{"role":"user","content":"half a sen'
SAYS = Script({"first question": [[text("first answer")]], "second question": [[text("second answer")]]})


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _asked(client: Client, session_id: str = "") -> Path:
    """One turn, in a new session or a resumed one; the conversation's file."""
    if session_id:
        done = client.run("second question", "--resume", session_id)
        assert done.stdout == "second answer\n", done.stderr
    else:
        done = client.run("first question", "--session-id", new_session_id())
        assert done.stdout == "first answer\n", done.stderr
    (path,) = client.home.transcripts()
    return path


@pytest.mark.parametrize("torn", [TORN, TORN + b"\0" * 4096], ids=["half a line", "half a line and NULs"])
def test_alone_the_client_resumes_without_the_torn_line_and_keeps_it_for_good(
    client: Client, api: ApiStandIn, torn: bytes
) -> None:
    api.reply = SAYS
    path = _asked(client)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    _asked(client, path.stem)
    assert api.turns[-1].texts("assistant") == ["first answer"]
    assert "half a sen" not in api.turns[-1]
    assert path.read_bytes().startswith(whole + torn + b"\n{")
    assert [line for line in _lines(path) if not _is_json(line)] == [torn]


def test_alone_it_finds_no_conversation_where_all_of_it_is_in_the_torn_line(client: Client, api: ApiStandIn) -> None:
    api.reply = SAYS
    path = _asked(client)
    path.write_bytes(b'{"type":"queue-operation"}\n' + TORN)
    done = client.run("second question", "--resume", path.stem)
    assert (done.returncode, done.stdout) == (1, "")
    assert "No conversation found with session ID" in done.stderr
    assert path.read_bytes() == b'{"type":"queue-operation"}\n' + TORN


def _answered(guarded: Guarded, terminal: Terminal) -> Path:
    """An idle session after its first turn; its conversation's file."""
    terminal.send("first question")
    terminal.wait_for("first answer")
    guarded.ready(terminal)
    (path,) = guarded.home.transcripts()
    return path


def _killed_and_torn(guarded: Guarded, path: Path, client: int, torn: bytes, keep: bool) -> bytes:
    """Have the client killed by a restart, and leave its file as if in the middle of a line; what it held before that.

    Without `keep` the torn bytes are all that is left. As long as somebody has the file open, nothing is mended.
    """
    with path.open("r+b") as file:
        guarded.memguard("restart")
        wait_until(lambda: not is_alive(client), "the end of the client")
        whole = file.read() if keep else b""
        file.seek(0)
        file.truncate()
        file.write(whole + torn)
    return whole


def test_the_torn_line_is_set_aside_and_the_conversation_goes_on(guarded: Guarded, api: ApiStandIn) -> None:
    api.reply = SAYS
    guarded.config("", grace_s=0)
    with guarded.open() as terminal:
        first = guarded.ready(terminal)
        path = _answered(guarded, terminal)
        whole = _killed_and_torn(guarded, path, first, TORN, keep=True)
        guarded.next_client(first)
        guarded.ready(terminal)
        (event,) = guarded.events("torn_line_set_aside")
        copy = path.parent / event["kept_in"]
        assert (copy.read_bytes(), copy.stat().st_mode & 0o777) == (TORN, 0o600)
        terminal.send("second question")
        terminal.wait_for("second answer")
    assert api.turns[-1].texts("assistant") == ["first answer"]
    assert f"The last line of the conversation was torn ({len(TORN)} B) and set aside" in api.turns[-1]
    assert path.read_bytes().startswith(whole)
    assert all(map(_is_json, _lines(path)))
    assert guarded.home.transcripts() == [path]


def test_a_client_that_refuses_is_followed_by_a_new_session_and_its_file_is_as_it_was(
    guarded: Guarded, api: ApiStandIn
) -> None:
    """To memguard it looks like a conversation, but the client makes nothing of the one line that is left of it."""
    api.reply = SAYS
    guarded.config("", grace_s=0)
    left = b'{"type":"user"}\n' + TORN
    with guarded.open() as terminal:
        first = guarded.ready(terminal)
        path = _answered(guarded, terminal)
        _killed_and_torn(guarded, path, first, left, keep=False)
        wait_until(lambda: guarded.events("torn_line_put_back"), "it is put back", 40)
        guarded.next_client(first)
        guarded.ready(terminal)
        terminal.send("second question")
        terminal.wait_for("second answer")
        shown = " ".join(terminal.history().split())
    assert path.read_bytes() == left
    assert "The client refused to resume the earlier conversation, whose file is as it was." in api.turns[-1]
    assert "first question" in "\n".join(api.turns[-1].texts("system"))
    assert f"claude --resume {path.stem}" in shown
