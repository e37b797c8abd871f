"""How the real client was started decides what a restart may do: a prompt not taken in, no hooks, nothing to resume."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from .aftermath import arguments_of, lower_the_limits, wait_for_nothing_left
from .api_stand_in import ApiStandIn, Script, bash, text
from .guarded import MB, Guarded, HungryTool, OnlyOnce
from .processes import is_alive, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from .api_stand_in import Request, Step

pytestmark = pytest.mark.e2e


@pytest.fixture
def hungry(tmp_path: Path) -> HungryTool:
    """A tool that takes the session far over its limit."""
    return HungryTool(tmp_path, 500 * MB)


# --- the prompt ----------------------------------------------------------------------------------------------------

PROMPT = "count the sheep"


def _times_given(request: Request) -> int:
    return sum(said.count(PROMPT) for said in request.texts("user"))


def slow_prompts(guarded: Guarded) -> None:
    """A hook of the person's holds each prompt for 3 s, so that no conversation is begun before the restart."""
    path = guarded.home.claude / "settings.json"
    hook = {"type": "command", "command": "sleep 3"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hooks": {"UserPromptSubmit": [{"hooks": [hook]}]}}))


def test_a_client_over_its_limit_before_it_has_a_conversation_gets_flags_and_prompt_again(
    guarded: Guarded, api: ApiStandIn
) -> None:
    """No client is as small as 60 MB: each is an emergency at once, and protection allows one restart."""
    api.reply = Script({PROMPT: [[text("one sheep")]]})
    guarded.config("max_attempts = 1\n[thresholds]\nwarning = 40\ncritical = 50\nemergency = 60\n")
    slow_prompts(guarded)
    with guarded.open(PROMPT) as terminal:
        first = wait_until(guarded.client_pid, "the first client")
        second = guarded.next_client(first)
        assert arguments_of(second)[1:] == ["--permission-mode", "default", "--allowedTools", "Bash", "--", PROMPT]
        terminal.wait_for("one sheep", 40)
        guarded.ready(terminal)
        assert _times_given(api.turns[-1]) == 1
        assert guarded.client_pid() == second
        assert len(guarded.events("restart_initiated")) == 1
        assert len(guarded.home.transcripts()) == 1


class SlowFirstAnswer:
    """A model whose first answer the client doesn't live to read; what it asks again is answered at once."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Step:
        self.asked.append(request)
        if len(self.asked) == 1:
            wait_until(lambda: len(self.asked) > 1, "another request", 60)
        return [text("one sheep")]


def test_a_client_that_waits_for_its_first_answer_is_not_given_the_prompt_twice(
    guarded: Guarded, api: ApiStandIn
) -> None:
    model = SlowFirstAnswer()
    api.reply = model
    guarded.config("max_attempts = 1\n[monitoring]\nnormal_interval = 1\nwarning_interval = 1\n")
    with guarded.open(PROMPT) as terminal:
        wait_until(lambda: model.asked, "the first request", 40, terminal.screen)
        first = guarded.client_pid()
        lower_the_limits(guarded)
        guarded.next_client(first)
        terminal.wait_for("one sheep", 40)
        guarded.ready(terminal)
        assert _times_given(api.turns[-1]) == 1
        assert len(guarded.events("restart_initiated")) == 1


# --- without hooks -------------------------------------------------------------------------------------------------


def test_without_hooks_the_watchdog_alone_restarts_and_the_turn_goes_on(
    guarded: Guarded, api: ApiStandIn, hungry: HungryTool
) -> None:
    api.reply = OnlyOnce(hungry.command)
    guarded.limits(350, 400, warning_mb=60)
    with guarded.open("--bare") as terminal:
        first = guarded.ready(terminal)
        terminal.send("do it")
        pid = hungry.wait_for_run()
        second = guarded.next_client(first)
        terminal.wait_for("carried on by itself", 40)
        assert not is_alive(pid)
        (transcript,) = guarded.home.transcripts()
        words = arguments_of(second)
        assert "--bare" in words
        assert words[words.index("--resume") + 1] == transcript.stem
        assert any("do it" in said for said in api.turns[-1].texts("user"))
        assert guarded.modes() == []  # no hook ran


# --- nothing to resume ---------------------------------------------------------------------------------------------


def test_a_session_that_is_not_saved_is_warned_about_and_not_restarted(
    guarded: Guarded, api: ApiStandIn, hungry: HungryTool
) -> None:
    api.reply = Script({"do it": [[bash(hungry.command)], [text("all done")]]})
    guarded.limits(350, 400, warning_mb=60)
    words = guarded.argv("-p", "--no-session-persistence", "--allowedTools", "Bash", "--", "do it")
    session = subprocess.Popen(
        words, cwd=guarded.project, env=guarded.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    over = [{"state": "EMERGENCY"}]
    wait_until(lambda: _states(guarded)[-1:] == over, "the crossing", seen=lambda: str(guarded.events()))
    hungry.let_go()
    stdout, stderr = session.communicate(timeout=60)
    assert (session.returncode, stdout) == (0, "all done\n")
    assert stderr == "memguard: watching and warning only: --no-session-persistence can't be taken up again\n"
    assert guarded.events("restart_initiated") == []
    assert len(hungry.pids()) == 1
    wait_for_nothing_left(guarded)


def _states(guarded: Guarded) -> list[dict[str, str]]:
    return [{"state": event["state"]} for event in guarded.events("memory_threshold_exceeded")]
