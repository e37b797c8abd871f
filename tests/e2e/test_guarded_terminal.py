"""The terminal of a guarded session with the real client: keys, job control, closing, and a client that was killed."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Callable

import pytest

from .aftermath import wait_for_nothing_left
from .api_stand_in import ApiStandIn, Script, bash, text
from .guarded import Guarded
from .harness import WaitingTool
from .processes import is_alive, process_state, wait_until
from .terminal import Terminal

pytestmark = pytest.mark.e2e

Closing = Callable[[Terminal], None]


def _shell(guarded: Guarded) -> Terminal:
    """An interactive shell, with job control."""
    environment = guarded.environment | {"PS1": "shell> "}
    return Terminal(["bash", "--norc", "--noprofile", "-i"], environment, guarded.project)


def _after(guarded: Guarded, then: str) -> Terminal:
    """`memguard run`, and then, in the same terminal, what a plain shell script does there."""
    line = f"{shlex.join(guarded.argv())}; {then}"
    return Terminal(["sh", "-c", line], guarded.environment, guarded.project)


# --- keys ----------------------------------------------------------------------------------------------------------


def _end_by_ctrl_c(terminal: Terminal) -> int:
    terminal.press("C-c")
    terminal.wait_for("again to exit")
    terminal.press("C-c")
    return terminal.wait_for_exit()


def test_ctrl_c_twice_ends_the_session_as_it_ends_the_bare_client(guarded: Guarded) -> None:
    with guarded.client.open() as terminal:
        guarded.client.ready(terminal)
        bare = _end_by_ctrl_c(terminal)
    with guarded.open() as terminal:
        guarded.ready(terminal)
        assert _end_by_ctrl_c(terminal) == bare
        wait_for_nothing_left(guarded)
    assert guarded.events("restart_initiated") == []


def test_ctrl_c_in_a_turn_stops_the_turn_and_nothing_else(guarded: Guarded, api: ApiStandIn, tool: WaitingTool) -> None:
    # The next prompt comes in one message with the result of the call that was stopped: one step on.
    api.reply = Script({"do it": [[bash(tool.command)]], "and now": [[], [text("still here")]]})
    with guarded.open() as terminal:
        first = guarded.ready(terminal)
        terminal.send("do it")
        pid = tool.wait_for_run()
        terminal.press("C-c")
        wait_until(lambda: not is_alive(pid), "end of the tool", seen=terminal.screen)
        guarded.ready(terminal)
        terminal.send("and now?")
        terminal.wait_for("still here")
        assert guarded.client_pid() == first
        assert guarded.events("restart_initiated") == []


def _end_by_word(terminal: Terminal) -> int:
    terminal.send("/exit")
    return terminal.wait_for_exit()


def test_exit_ends_the_session_with_the_clients_own_code(guarded: Guarded) -> None:
    with guarded.client.open() as terminal:
        guarded.client.ready(terminal)
        bare = _end_by_word(terminal)
    with guarded.open() as terminal:
        guarded.ready(terminal)
        assert _end_by_word(terminal) == bare
        wait_for_nothing_left(guarded)
    assert guarded.events("restart_initiated") == []


# --- job control ---------------------------------------------------------------------------------------------------


def _launcher_pid(guarded: Guarded) -> int:
    guard = guarded.guard()
    assert guard
    pairs = dict(line.split("=", 1) for line in (guard / "guard").read_text().splitlines())
    return int(pairs["launcher"].split(":")[0])


def test_a_stopped_session_restarts_only_after_fg(guarded: Guarded, api: ApiStandIn) -> None:
    api.reply = Script({"hello": [[text("hello yourself")]], "and now": [[text("still here")]]})
    with _shell(guarded) as terminal:
        terminal.send(shlex.join(guarded.argv()))
        first = guarded.ready(terminal)
        terminal.send("hello")
        terminal.wait_for("hello yourself")
        guarded.ready(terminal)
        both = [_launcher_pid(guarded), first]
        terminal.press("C-z")
        wait_until(lambda: [process_state(pid) for pid in both] == ["T", "T"], "both stopped", seen=terminal.screen)
        guarded.memguard("restart")
        wait_until(lambda: "Ctrl-Z" in guarded.status()["decision_reason"], "the watchdog's word for it")
        terminal.send("echo $((40 + 2))")
        terminal.wait_for("\n42\n")
        before = terminal.screen()
        assert guarded.client_pid() == first
        assert guarded.events("restart_initiated") == []
        assert terminal.screen() == before
        terminal.send("fg")
        second = guarded.next_client(first)
        assert guarded.ready(terminal) == second
        terminal.send("and now?")
        terminal.wait_for("still here")
        terminal.send("/exit")
        terminal.wait_for(lambda screen: screen.rstrip().endswith("shell>"))
        terminal.send("echo code $?")
        terminal.wait_for("code 0")
        wait_for_nothing_left_but_the_shell(guarded, terminal)


def wait_for_nothing_left_but_the_shell(guarded: Guarded, terminal: Terminal) -> None:
    terminal.send("exit")
    terminal.wait_for_exit()
    wait_for_nothing_left(guarded)


# --- closing -------------------------------------------------------------------------------------------------------


def _close_the_pane(terminal: Terminal) -> None:
    terminal._tmux("kill-pane")


def _kill_the_terminal(terminal: Terminal) -> None:
    os.kill(terminal.server_pid, signal.SIGKILL)


@pytest.mark.parametrize("close", [_close_the_pane, _kill_the_terminal])
def test_closing_the_terminal_in_a_tool_call_leaves_nothing(
    guarded: Guarded, api: ApiStandIn, tool: WaitingTool, close: Closing
) -> None:
    """Neither the client, nor the tool, nor what the tool has put into a process session of its own."""
    detached = f"setsid nohup {tool.command} >/dev/null 2>&1 &"
    api.reply = Script({"do it": [[bash(f"{detached} {tool.command}")]]})
    terminal = guarded.open()
    guarded.ready(terminal)
    terminal.send("do it")
    tool.wait_for_run(2)
    close(terminal)
    wait_until(lambda: not is_alive(terminal.server_pid), "end of the terminal")
    wait_for_nothing_left(guarded, 30)
    assert guarded.events("restart_initiated") == []


# --- a client that was killed --------------------------------------------------------------------------------------


def test_a_killed_client_gives_the_terminal_back_with_the_way_to_go_on(guarded: Guarded, api: ApiStandIn) -> None:
    api.reply = Script({"hello": [[text("hello yourself")]]})
    with _after(guarded, 'echo "code $?"; stty -a; read said; echo "heard $said"; read more') as terminal:
        pid = guarded.ready(terminal)
        terminal.send("hello")
        terminal.wait_for("hello yourself")
        guarded.ready(terminal)
        (transcript,) = guarded.home.transcripts()
        os.kill(pid, signal.SIGKILL)
        terminal.wait_for("code 137")
        words = terminal.wait_for("-xcase").replace(";", " ").split()
        assert {"echo", "icanon", "isig", "icrnl", "ixon", "opost", "iexten"} <= set(words)
        assert terminal.modes() == {"alternate_screen": False, "mouse": False, "cursor": True}
        assert f"memguard run -- --resume {transcript.stem}" in terminal.history()
        # The capture of the turn may come after the client's death, and be newer than the one that was named.
        taken = [entry["id"] for entry in json.loads(guarded.memguard("snapshots", "list", "--json"))]
        assert any(snapshot in terminal.history() for snapshot in taken)
        terminal.type("typed again")
        terminal.wait_for("typed again")
        terminal.press("Enter")
        terminal.wait_for("heard typed again")
    wait_for_nothing_left(guarded)
    assert guarded.events("restart_initiated") == []


def test_a_killed_client_that_was_not_on_the_alternate_screen_leaves_what_stood_above_it(
    guarded: Guarded, api: ApiStandIn
) -> None:
    """A full-screen program that ran there before has left its saved place for the cursor: the top of the screen."""
    guarded.home.seed(guarded.project, renderer="default")
    api.reply = Script({"hello": [[text("hello yourself")]]})
    before = "tput smcup; tput rmcup; seq -f 'line %g' 6; "
    line = f'{before}{shlex.join(guarded.argv())}; echo "code $?"; read more'
    with Terminal(["sh", "-c", line], guarded.environment, guarded.project) as terminal:
        pid = guarded.ready(terminal)
        assert not terminal.modes()["alternate_screen"]
        terminal.send("hello")
        terminal.wait_for("hello yourself")
        guarded.ready(terminal)
        os.kill(pid, signal.SIGKILL)
        shown = terminal.wait_for("code 137")
        wanted = [
            *(f"line {number}" for number in range(1, 7)),
            "hello yourself",
            "the client died by SIGKILL",
            "code 137",
        ]
        places = [shown.find(what) for what in wanted]
        assert -1 not in places
        assert places == sorted(places)


# --- terminals that are hardly any, or none ------------------------------------------------------------------------


def test_a_terminal_that_is_too_small_still_runs_and_restarts_a_session(guarded: Guarded, api: ApiStandIn) -> None:
    api.reply = Script({"hello": [[text("hi")]], "and now": [[text("ok")]]})
    with Terminal(guarded.argv(), guarded.environment, guarded.project, size="20x5") as terminal:
        first = wait_until(lambda: _idle(guarded), "client that takes input", 40, terminal.screen)
        terminal.type("hello")
        terminal.press("Enter")
        wait_until(lambda: any("hello" in said for turn in api.turns for said in turn.texts("user")), "the prompt")
        wait_until(lambda: _idle(guarded), "the turn's end", seen=terminal.screen)
        guarded.memguard("restart")
        second = guarded.next_client(first)
        wait_until(lambda: _idle(guarded) == second, "resumed client that takes input", 40, terminal.screen)
        terminal.type("and now?")
        terminal.press("Enter")
        wait_until(lambda: "and now?" in api.turns[-1].texts("user")[-1], "the next prompt", seen=terminal.screen)
        assert "hello" in api.turns[-1].texts("user")


def _idle(guarded: Guarded) -> int:
    pid = guarded.client_pid()
    return pid if pid and guarded.says(pid) == "idle" else 0


def test_without_any_terminal_print_mode_answers_into_the_pipe(guarded: Guarded, api: ApiStandIn) -> None:
    api.reply = Script({"hi": [[text("hi yourself")]]})
    done = subprocess.run(
        guarded.argv("-p", "hi"), stdin=subprocess.DEVNULL, cwd=guarded.project, env=guarded.environment,
        capture_output=True, text=True, timeout=60, check=False, start_new_session=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "hi yourself\n", "")
    wait_for_nothing_left(guarded)


def test_without_any_terminal_an_interactive_session_says_what_the_bare_client_says(guarded: Guarded) -> None:
    """The client's own refusal, with its own exit code."""
    bare, ours = (
        subprocess.run(
            command, stdin=subprocess.DEVNULL, cwd=guarded.project, env=guarded.environment,
            capture_output=True, text=True, timeout=60, check=False, start_new_session=True,
        )
        for command in (guarded.client.argv(), guarded.argv())
    )  # fmt: skip
    assert (ours.returncode, ours.stdout, ours.stderr) == (bare.returncode, bare.stdout, bare.stderr)
    assert ours.returncode != 0
    wait_for_nothing_left(guarded)
