"""The whole path with the real client: over the limit, restarted in the same terminal, the turn carried on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .api_stand_in import ApiStandIn, Script, bash, big_text, text
from .guarded import MB, Guarded, HungryTool, settled_mb
from .harness import Client, Terminal, TimedOutError, is_alive, wait_until

pytestmark = pytest.mark.e2e


def _settled_before_and_after(client: Client) -> tuple[float, float]:
    """What the client settles at after 30 MB of text, and what it settles at when it is resumed, without memguard."""
    with client.open() as terminal:
        client.ready(terminal)
        terminal.send("a long story please")
        wait_until(lambda: client.home.status(terminal.pid) == "busy", "the turn")
        wait_until(lambda: client.home.status(terminal.pid) == "idle", "the turn's end", 90)
        first = settled_mb(terminal.pid)
    (transcript,) = client.home.transcripts()
    with client.open("--resume", transcript.stem) as terminal:
        client.ready(terminal)
        return first, settled_mb(terminal.pid)


def _grown_until_restarted(guarded: Guarded, terminal: Terminal, first: int) -> int:
    """Let the session grow, a story at a time, until it is restarted; the next client's pid.

    What a client settles at after the same story differs from run to run, so one may not be enough.
    """
    for _ in range(3):
        terminal.send("a long story please")
        wait_until(lambda: guarded.home.status(first) == "busy", "the turn")
        try:
            return guarded.next_client(first, 40)
        except TimedOutError:
            assert guarded.home.status(first) == "idle", "the story is told"
    return guarded.next_client(first)


def test_a_session_over_its_limit_comes_back_in_the_same_terminal(guarded: Guarded, api: ApiStandIn) -> None:
    api.reply = Script({"a long story": [[big_text(30_000_000)]], "and now": [[text("still here")]]})
    first_mb, resumed_mb = _settled_before_and_after(guarded.client)
    assert resumed_mb < first_mb, "a resumed client holds less: a threshold between the two is crossed only once"
    guarded.limits(round(resumed_mb + 0.4 * (first_mb - resumed_mb)))
    with guarded.open() as terminal:
        first = guarded.ready(terminal)
        second = _grown_until_restarted(guarded, terminal, first)
        guarded.ready(terminal)
        assert not is_alive(first)
        assert guarded.status()["restarts"] == 1
        shown = json.dumps(json.loads(guarded.memguard("snapshots", "list", "--json")))
        (restart,) = guarded.events("restart_initiated")
        assert restart["snapshot"] in shown
        assert "a long story please" in guarded.memguard("snapshots", "show", restart["snapshot"])
        assert restart["snapshot"] in terminal.history()
        terminal.send("and now?")
        terminal.wait_for("still here")
        assert "restarted" in "\n".join(api.turns[-1].texts("system"))
        assert guarded.client_pid() == second


@pytest.fixture
def hungry(tmp_path: Path) -> HungryTool:
    """A tool that takes the session far over its limit."""
    return HungryTool(tmp_path, 500 * MB)


def test_a_turn_goes_on_by_itself_and_its_side_effect_happens_once(
    guarded: Guarded, api: ApiStandIn, hungry: HungryTool
) -> None:
    """The model reads that the call's outcome is unknown; when it makes the same call again, that is denied once."""
    api.reply = Script({"do it": [[bash(hungry.command)], [bash(hungry.command)], [text("all done")]]})
    guarded.limits(350, 400, warning_mb=60)
    with guarded.open() as terminal:
        first = guarded.ready(terminal)
        terminal.send("do it")
        pid = hungry.wait_for_run()
        guarded.next_client(first)
        terminal.wait_for("all done", 60)
        assert not is_alive(first)
        assert not is_alive(pid)
        assert len(hungry.pids()) == 1
        cut_off, denied = (result for result in api.turns[-1].tool_results() if result.get("is_error"))
        assert "its outcome is unknown" in json.dumps(cut_off)
        assert "may have taken effect" in json.dumps(denied)
        assert "restarted" in "\n".join(api.turns[-1].texts("system"))


def _bytes_of_one_result(output: str) -> dict[str, object]:
    """The output must be exactly one JSON document."""
    result: dict[str, object] = json.loads(output)
    return result


def _print_mode(guarded: Guarded, api: ApiStandIn, hungry: HungryTool, *words: str, stdin: str = "") -> str:
    """`memguard run -p` over its limit in the middle of a tool call; its stdout, after exit code 0."""
    api.reply = Script({"do it": [[bash(hungry.command)], [text("all done")]], "carry on": [[text("carried on")]]})
    guarded.limits(350, 400, warning_mb=60)
    done = subprocess.run(
        guarded.argv("-p", *words, "--allowedTools", "Bash", *([] if stdin else ["--", "do it"])),
        input=stdin, cwd=guarded.project, env=guarded.environment, capture_output=True, text=True, timeout=90,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(guarded.events("restart_initiated")) == 1
    assert len(hungry.pids()) == 1
    assert not is_alive(hungry.pids()[0])
    return done.stdout


def test_print_mode_gives_one_json_result(guarded: Guarded, api: ApiStandIn, hungry: HungryTool) -> None:
    result = _bytes_of_one_result(_print_mode(guarded, api, hungry, "--output-format", "json"))
    assert (result["type"], result["is_error"], result["result"]) == ("result", False, "carried on")


def test_print_mode_takes_its_prompt_from_a_pipe_and_gives_one_text(
    guarded: Guarded, api: ApiStandIn, hungry: HungryTool
) -> None:
    assert _print_mode(guarded, api, hungry, stdin="do it").strip() == "carried on"
    assert sum("do it" in said for said in api.turns[-1].texts("user")) == 1


def test_print_mode_gives_one_valid_stream(guarded: Guarded, api: ApiStandIn, hungry: HungryTool) -> None:
    output = _print_mode(guarded, api, hungry, "--output-format", "stream-json", "--verbose")
    lines = [json.loads(line) for line in output.splitlines()]
    assert sum(line.get("subtype") == "init" for line in lines) == 1
    assert [line["result"] for line in lines if line["type"] == "result"] == ["carried on"]
    assert len({line["session_id"] for line in lines if "session_id" in line}) == 1


def test_a_stream_of_input_is_watched_and_warned_about_but_not_restarted(guarded: Guarded, api: ApiStandIn) -> None:
    api.reply = Script({"hello": [[text("hello yourself")]]})
    guarded.limits(100, 110)
    message = {"type": "user", "message": {"role": "user", "content": "hello"}}
    words = ("-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
    done = subprocess.run(
        guarded.argv(*words), input=json.dumps(message) + "\n", cwd=guarded.project, env=guarded.environment,
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "watching and warning only: --input-format stream-json" in done.stderr
    assert guarded.events("restart_initiated") == []


def _wait_for_another(footer: Callable[[], str], before: str) -> None:
    wait_until(lambda: footer() and footer()[:20] != before, "another mode")


def _cycle_to(terminal: Terminal, mode: str) -> None:
    """Press Shift+Tab, waiting after each for the footer to name another mode."""

    def footer() -> str:
        return next(
            (line for line in terminal.screen().splitlines() if " on" in line and line.lstrip()[:1] in "⏵⏸"), ""
        )

    while mode not in footer():
        before = footer()[:20]
        terminal.press("BTab")
        _wait_for_another(footer, before)


def test_permissions_do_not_widen(guarded: Guarded, api: ApiStandIn) -> None:
    """Started with bypassed permissions, cycled to manual, restarted: still manual."""
    api.reply = Script({"hello": [[text("hello yourself")]]})
    command = [sys.executable, "-m", "memguard.cli", "run", "--", "--dangerously-skip-permissions"]
    with Terminal(command, guarded.environment, guarded.project) as terminal:
        first = guarded.ready(terminal)
        terminal.wait_for("bypass permissions on")
        terminal.send("hello")
        terminal.wait_for("hello yourself")
        assert guarded.modes()[-1] == "bypassPermissions"
        _cycle_to(terminal, "manual mode on")  # no event follows, so no hook reports it
        guarded.memguard("restart")
        second = guarded.next_client(first)
        guarded.ready(terminal)
        assert "manual mode on" in terminal.screen()
        words = Path(f"/proc/{second}/cmdline").read_bytes().decode().split("\0")
        assert "--dangerously-skip-permissions" not in words
        assert words[words.index("--permission-mode") + 1] == "default"
        terminal.send("hello again")
        wait_until(lambda: len(guarded.modes()) > 1 and guarded.modes()[-1] == "default", "the hooks' word for it")
