"""A client killed while it starts comes back with a renderer that takes many times the memory, unless told not to."""

from __future__ import annotations

import os
import signal

import pytest

from memguard.watchdog.renderer import is_boot_pending

from .api_stand_in import ApiStandIn, Script, text
from .harness import Client, wait_until

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("variables", [{}, {"CLAUDE_CODE_NO_FLICKER": "1"}], ids=["plain", "as-memguard-relaunches"])
def test_what_the_next_client_draws_with(client: Client, api: ApiStandIn, variables: dict[str, str]) -> None:
    api.reply = Script({"hello": [[text("hello yourself")]]})
    with client.open() as terminal:
        client.ready(terminal)
        terminal.send("hello")
        terminal.wait_for("hello yourself")
        client.home.wait_for_session("idle")
        # A client writes its transcript late: killed before, it leaves nothing that could be resumed.
        written = client.home.transcripts
        wait_until(lambda: any("hello yourself" in path.read_text() for path in written()), "written transcript")
        pid = terminal.pid
        os.kill(pid, signal.SIGKILL)
        terminal.wait_for_exit()
    assert is_boot_pending(str(client.home.claude), pid)
    (transcript,) = client.home.transcripts()
    with client.open("--resume", transcript.stem, **variables) as terminal:
        client.ready(terminal)
        assert terminal.modes()["alternate_screen"] is bool(variables)
