"""What memguard relies on in the real client, pinned: when a new client behaves otherwise, this is where it shows."""

from __future__ import annotations

import json
import os
import signal

import pytest

from .api_stand_in import ApiStandIn, Request, Script, bash, big_text, text, tool_use
from .harness import Client, Home, RecordingHooks, Terminal, WaitingTool, new_session_id
from .processes import footprint_bytes, is_alive, wait_until

pytestmark = pytest.mark.e2e

CONTINUE = "Continue from where you left off."
UNKNOWN_OUTCOME = "[Tool call interrupted: the session ended before this call's result was recorded"
GO_ON = {"CLAUDE_CODE_RESUME_INTERRUPTED_TURN": "1"}
SHOW_CUT_OFF_CALLS = {"CLAUDE_CODE_RESUME_SHOWS_CUT_OFF_CALLS": "1"}


def use_tool(api: ApiStandIn, tool: WaitingTool) -> None:
    """Have the model run the tool once for each prompt that says "run it"."""
    api.reply = Script({"run it": [[bash(tool.command)], [text("all done")]]})


def interrupted(client: Client, tool: WaitingTool, hooks: RecordingHooks, by: int) -> tuple[str, int]:
    """A session whose client was ended in the middle of a tool call; its id, and the tool's pid."""
    with client.open() as terminal:
        client.ready(terminal)
        terminal.send("please run it")
        pid = tool.wait_for_run()
        session_id = str(hooks.seen("PreToolUse")[0]["session_id"])
        # Nothing of a first turn is on disk before this; a SIGKILL any earlier would leave nothing to resume.
        wait_until(lambda: has_tool_use(client.home, session_id), "tool call in the transcript")
        os.kill(terminal.pid, by)
        assert terminal.wait_for_exit() == 128 + by
    return session_id, pid


def has_tool_use(home: Home, session_id: str) -> bool:
    return '"tool_use"' in json.dumps(home.transcript(session_id))


def last_turn(request: Request) -> str:
    """All that follows the first prompt in the conversation, as one text."""
    return json.dumps(request.messages[1:], ensure_ascii=False)


def test_hooks_get_compact_json_with_the_session_first(
    client: Client, api: ApiStandIn, hooks: RecordingHooks, tool: WaitingTool
) -> None:
    use_tool(api, tool)
    tool.let_go()
    with client.open() as terminal:
        client.ready(terminal)
        terminal.send('please run it "now": {"permission_mode":"plan"}')
        hooks.wait_for("Stop")
        client_pid = terminal.pid

    before = hooks.raw("PreToolUse")[0]
    assert before.startswith(b'{"session_id":"')
    assert before.splitlines(keepends=True) == [before]
    order = [before.index(key) for key in (b'"transcript_path":"', b'"permission_mode":"default"', b'"tool_input":')]
    assert order == sorted(order)
    prompt = hooks.raw("UserPromptSubmit")[0]
    assert prompt.index(b'"permission_mode":"default"') < prompt.index(b'"prompt":"')
    assert [name for name in hooks.names() if name != "SessionEnd"] == [
        "SessionStart",
        "UserPromptSubmit",
        "PreToolUse",
        "PostToolUse",
        "Stop",
    ]
    for process in hooks.processes():
        assert process["parent_pid"] == client_pid == int(process["environment"]["CLAUDE_PID"])
        assert process["process_session"] == process["pid"]  # of its own: it outlives nothing, and has no terminal


def test_the_registry_says_idle_busy_and_waiting(
    client: Client, api: ApiStandIn, home: Home, tool: WaitingTool, hooks: RecordingHooks
) -> None:
    write = tool_use("Write", {"file_path": str(client.project / "new.txt"), "content": "x"})
    api.reply = Script({"run it": [[bash(tool.command)], [write], [text("all done")]]})
    with client.open() as terminal:
        session = client.ready(terminal)
        assert session["pid"] == terminal.pid
        assert home.transcripts() == []  # nothing is saved before the first prompt
        terminal.send("please run it")
        tool.wait_for_run()
        assert home.wait_for_session("busy")["sessionId"] == session["sessionId"]
        tool.let_go()
        assert home.wait_for_session("waiting")["waitingFor"] == "permission prompt"
        terminal.wait_for("Do you want to create")
        terminal.press_until("Enter", lambda: hooks.raw("Stop"))  # what it asks takes keys a moment after it is drawn
        home.wait_for_session("idle", timeout_s=2)


def test_sigterm_when_idle_leaves_143_and_a_clean_terminal(client: Client) -> None:
    # In a shell that goes on: tmux has its own ideas about the cursor once a pane is dead.
    shell = ["sh", "-c", '"$@"; echo "code $?"; read _', "sh", *client.argv()]
    with Terminal(shell, client.environment, client.project) as terminal:
        before = terminal.modes()
        pid = client.ready(terminal)["pid"]
        assert terminal.modes() == {"alternate_screen": True, "mouse": True, "cursor": False}
        os.kill(pid, signal.SIGTERM)
        terminal.wait_for("code 143", timeout_s=5)
        assert terminal.modes() == before == {"alternate_screen": False, "mouse": False, "cursor": True}


def test_a_session_without_a_prompt_cannot_be_resumed(client: Client, hooks: RecordingHooks) -> None:
    with client.open() as terminal:
        session_id = client.ready(terminal)["sessionId"]
    resumed = client.run("--resume", session_id, "hello")
    assert resumed.returncode == 1
    assert f"No conversation found with session ID: {session_id}" in resumed.stderr
    assert "UserPromptSubmit" not in hooks.names()


def test_sigterm_ends_the_tool_and_the_resumed_turn_forgets_the_call(
    client: Client, api: ApiStandIn, hooks: RecordingHooks, tool: WaitingTool
) -> None:
    use_tool(api, tool)
    session_id, tool_pid = interrupted(client, tool, hooks, by=signal.SIGTERM)
    assert not is_alive(tool_pid)
    assert "SessionEnd" in hooks.names()

    reason = "it was cut off by a restart and may have taken effect"
    deny = {"hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": reason}
    hooks.answer("PreToolUse", {"hookSpecificOutput": deny})
    facts = {"hookEventName": "SessionStart", "additionalContext": "the facts of the restart"}
    hooks.answer("SessionStart", {"systemMessage": "restarted by the test", "hookSpecificOutput": facts})
    with client.open("--resume", session_id, **GO_ON) as terminal:
        terminal.wait_for("SessionStart:resume says: restarted by the test")
        hooks.wait_for("Stop")

    first, second = api.turns[1:]
    assert CONTINUE in first
    assert "tool_use" not in last_turn(first)  # the model is asked anew, and knows of no call
    assert any("SessionStart hook additional context: the facts of the restart" in t for t in first.texts("system"))
    assert f"PreToolUse:Bash hook error: {reason}" in str(second.tool_results()[0]["content"])
    ids = [event["tool_use_id"] for event in hooks.seen("PreToolUse")]
    inputs = [event["tool_input"] for event in hooks.seen("PreToolUse")]
    assert ids[0] != ids[1]
    assert inputs[0] == inputs[1]  # so a re-run is known by its input alone
    assert len(tool.pids()) == 1


def test_after_sigkill_the_tool_lives_on_and_the_model_can_be_told(
    client: Client, api: ApiStandIn, hooks: RecordingHooks, tool: WaitingTool
) -> None:
    use_tool(api, tool)
    session_id, tool_pid = interrupted(client, tool, hooks, by=signal.SIGKILL)
    assert is_alive(tool_pid)
    assert "SessionEnd" not in hooks.names()

    with client.open("--resume", session_id, **GO_ON, **SHOW_CUT_OFF_CALLS):
        hooks.wait_for("Stop")
    assert UNKNOWN_OUTCOME in last_turn(api.turns[1])
    assert CONTINUE in api.turns[1]
    assert len(tool.pids()) == 1


def test_a_prompt_in_place_of_the_variable_keeps_the_cut_off_call(
    client: Client, api: ApiStandIn, hooks: RecordingHooks, tool: WaitingTool
) -> None:
    use_tool(api, tool)
    session_id, _ = interrupted(client, tool, hooks, by=signal.SIGTERM)
    with client.open("--resume", session_id, "what happened?"):
        hooks.wait_for("Stop")
    assert UNKNOWN_OUTCOME in last_turn(api.turns[1])
    assert "what happened?" in api.turns[1].texts("user")[-1]


def test_a_tool_that_is_ended_first_leaves_its_result(
    client: Client, api: ApiStandIn, hooks: RecordingHooks, tool: WaitingTool
) -> None:
    use_tool(api, tool)
    asked_again = api.reply

    def reply(request: Request) -> list[dict[str, object]]:
        """Keep the model thinking once it has read the result, so that the client dies with it in hand."""
        if request.tool_results() and len(api.turns) < 3:
            wait_until(lambda: not is_alive(client_pid), "end of the client")
        return list(asked_again(request))

    with client.open() as terminal:
        client.ready(terminal)
        client_pid = terminal.pid
        api.reply = reply
        terminal.send("please run it")
        os.kill(tool.wait_for_run(), signal.SIGKILL)
        session_id = hooks.wait_for("PostToolUseFailure")["session_id"]
        wait_until(lambda: "tool_result" in json.dumps(client.home.transcript(session_id)), "saved tool result")
        os.kill(client_pid, signal.SIGTERM)
        terminal.wait_for_exit()
    with client.open("--resume", session_id, **GO_ON):
        hooks.wait_for("Stop")
    assert "Exit code 137" in str(api.turns[-1].tool_results()[0]["content"])
    assert len(tool.pids()) == 1


def test_print_mode_goes_on_only_with_a_prompt(
    client: Client, api: ApiStandIn, tool: WaitingTool, hooks: RecordingHooks
) -> None:
    api.reply = Script({"go on": [[text("I went on")]], "run it": [[bash(tool.command)], [text("all done")]]})
    session_id = new_session_id()
    process = client.start("please run it", "--session-id", session_id, "--output-format", "json")
    tool.wait_for_run()
    wait_until(lambda: has_tool_use(client.home, session_id), "tool call in the transcript")
    process.terminate()
    assert (process.communicate()[0], process.returncode) == ("", 128 + signal.SIGTERM)

    unprompted = client.run("--resume", session_id, "--output-format", "json", **GO_ON)
    assert (unprompted.stdout, unprompted.returncode) == ("", 1)
    assert "Provide a prompt to continue the conversation" in unprompted.stderr

    prompted = client.run("go on", "--resume", session_id, "--output-format", "json")
    result = json.loads(prompted.stdout)
    assert (result["result"], result["session_id"], prompted.returncode) == ("I went on", session_id, 0)
    assert len(hooks.seen("Stop")) == 1
    assert len(tool.pids()) == 1


@pytest.mark.parametrize(
    ("flags", "reported"),
    [
        (("--dangerously-skip-permissions", "--permission-mode", "default"), "bypassPermissions"),
        (("--allow-dangerously-skip-permissions", "--permission-mode", "default"), "default"),
    ],
)
def test_the_bypass_flag_beats_the_mode_beside_it(
    client: Client, api: ApiStandIn, hooks: RecordingHooks, flags: tuple[str, ...], reported: str
) -> None:
    api.reply = Script({"hello": [[text("hello")]]})
    client.flags = flags
    assert client.run("hello").stdout == "hello\n"
    assert hooks.wait_for("UserPromptSubmit")["permission_mode"] == reported


def test_a_long_answer_makes_the_client_grow(client: Client, api: ApiStandIn, home: Home) -> None:
    api.reply = Script({"fill it": [[big_text(30_000_000)]]})
    with client.open() as terminal:
        client.ready(terminal)
        idle = footprint_bytes(terminal.pid)
        terminal.send("fill it")
        home.wait_for_session("busy")
        home.wait_for_session("idle")
        assert footprint_bytes(terminal.pid) > 1.4 * idle
