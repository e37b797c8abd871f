"""A conversation that is too long to be resumed under the limit: the real client goes on in a new session."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from memguard.host.linux import read_tree

from .api_stand_in import Script, bash, text
from .guarded import MB, Guarded, settled_mb
from .harness import new_session_id, wait_until
from .long_conversation import LongConversation

if TYPE_CHECKING:
    from .api_stand_in import ApiStandIn
    from .harness import WaitingTool

pytestmark = pytest.mark.e2e

# The client with this conversation holds 240 MB once it has read it, and 450 in its next turn; a new one about 150.
TRANSCRIPT_MB = 60
RESULT_BYTES = 6000
CRITICAL_MB = 300


def test_a_conversation_too_long_for_the_limit_goes_on_in_a_new_session_that_reads_the_digest(
    guarded: Guarded, api: ApiStandIn, tool: WaitingTool
) -> None:
    """In the middle of a turn: it is the client itself that is over the limit, with the conversation in its memory."""
    old = new_session_id()
    conversation = LongConversation(guarded.home, guarded.project, old)
    conversation.write(TRANSCRIPT_MB * MB, RESULT_BYTES, "please port the parser module")
    api.reply = Script({"Please carry on": [[text("carried on in short")]], "now do it": [[bash(tool.command)]]})
    more = "boundary_timeout = 1\n"
    guarded.config(f"{more}[thresholds]\nwarning = 100\ncritical = {CRITICAL_MB}\nemergency = 4000\n")
    # Not before the turn is on and the client well over the limit, however fast it gets there.
    guarded.memguard("pause")
    with guarded.open("--resume", old) as terminal:
        first = guarded.ready(terminal)
        terminal.send("now do it")
        tool.wait_for_run()
        wait_until(lambda: read_tree(first).client_bytes > (CRITICAL_MB + 20) * MB, "the client is over the limit", 40)
        guarded.memguard("continue")
        second = guarded.next_client(first)
        (restart,) = guarded.events("restart_initiated")
        assert (restart["session"], restart["strategy"]) == (old, "fresh")
        assert restart["footprint_bytes"] >= CRITICAL_MB * MB
        terminal.wait_for("carried on in short", 40)
        assert settled_mb(second) < CRITICAL_MB
        shown = re.sub(r"\s+", " ", terminal.history())
    request = next(turn for turn in api.turns if "Please carry on" in turn)
    digest = "\n".join(request.texts("system"))
    assert "restarted it" in digest
    assert "This is a new session" in digest
    assert "was predicted to hold" in digest
    assert "now do it" in digest
    assert len(request.messages) < 5
    assert f"the one before is unchanged: claude --resume {old}" in shown
    wait_until(lambda: len(guarded.home.transcripts()) == 2, "the new session's own file")
    assert conversation.path.stat().st_size >= TRANSCRIPT_MB * MB
