"""A long session in the shapes that the client (2.1.330) writes, with everything in it that a digest tells."""

from __future__ import annotations

from typing import Any

from tests.transcripts import Transcript

REFUSED = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file edit, the"
    " new_string was NOT written to the file)."
)
SUMMARY = """This session is being continued from a previous conversation that ran out of context. The summary below \
covers the earlier portion of the conversation.

<system-reminder>
<tools-used-before-summary>Bash, Edit</tools-used-before-summary>
</system-reminder>
Summary:
1. Primary Request and Intent:
   Write a parser for the old export format, without new dependencies.
2. Key Technical Concepts:
   Recursive descent; spans kept as byte offsets.
3. Pending Tasks:
   - error messages with line numbers
   - the benchmark
4. Current Work:
   parse_block() handles nesting; the tests of test_nested.py were being written.

If you need specific details from before compaction (like exact code snippets), read the full transcript at: /t.jsonl
Continue the conversation from where it left off without asking the user any further questions."""


class LongConversation(Transcript):
    """A transcript with methods for what a digest is made of."""

    def error(self, call: str, content: str, **more: Any) -> None:
        """A call failed: the client puts the mark and the id behind the text."""
        block = {"type": "tool_result", "content": content, "is_error": True, "tool_use_id": call}
        message = {"role": "user", "content": [block]}
        self.message("user", message, **{"toolUseResult": f"Error: {content}", **more})

    def says(self, text: str, stop_reason: str | None = None) -> None:
        """The model answers; with a reason to stop where the turn ends with it."""
        block = {"type": "text", "text": text}
        body = {
            "id": f"msg_{len(text)}_{self.path.stat().st_size}",
            "type": "message",
            "role": "assistant",
            "model": "m",
        }
        self.message("assistant", {**body, "content": [block], "stop_reason": stop_reason})

    def bash(self, command: str, output: str = "ok", exit_code: int = 0) -> None:
        """A command and its result."""
        call = self.calls("Bash", {"command": command, "description": "Run a program"})
        if exit_code:
            self.error(call, f"Exit code {exit_code}\n{output}", sandboxed=False)
        else:
            self.result(call, output, {"stdout": output, "stderr": "", "interrupted": False, "isImage": False})

    def edit(self, path: str) -> None:
        """An edit that worked."""
        call = self.calls("Edit", {"file_path": path, "old_string": "a", "new_string": "b"})
        self.result(call, f"The file {path} has been updated successfully.", {"filePath": path})

    def background(self, command: str, task_id: str) -> str:
        """A command that goes on by itself; the call's id."""
        call = self.calls("Bash", {"command": command, "run_in_background": True})
        started = {"stdout": "", "stderr": "", "interrupted": False, "backgroundTaskId": task_id}
        self.result(call, f"Command running in background with ID: {task_id}.", started)
        return call

    def notice(self, task_id: str, call: str, status: str, summary: str) -> None:
        """The client's word that something in the background has ended, by way of its queue."""
        text = (
            f"<task-notification>\n<task-id>{task_id}</task-id>\n<tool-use-id>{call}</tool-use-id>\n"
            f"<status>{status}</status>\n<summary>{summary}</summary>\n</task-notification>"
        )
        self.entry(type="queue-operation", operation="enqueue", timestamp="2026-11-23T02:09:00.000Z", content=text)
        self.entry(type="queue-operation", operation="dequeue", timestamp="2026-11-23T02:09:00.001Z")
        self.prompt(text, origin={"kind": "task-notification"})

    def asks(self, question: str, answer: str) -> None:
        """The model asks and the person answers."""
        questions = [{"question": question, "header": "Q", "options": [{"label": answer, "description": "x"}]}]
        call = self.calls("AskUserQuestion", {"questions": questions})
        block = {"type": "tool_result", "content": "Your questions have been answered", "tool_use_id": call}
        result = {"questions": questions, "answers": {question: answer}, "annotations": {}}
        self.message("user", {"role": "user", "content": [block]}, toolUseResult=result)

    def refused(self, tool: str, values: dict[str, Any], said: str = "") -> None:
        """The person refuses a call before it runs, and perhaps says what else to do."""
        call = self.calls(tool, values)
        content = f"{REFUSED} To tell you how to proceed, the user said:\n{said}" if said else f"{REFUSED} STOP."
        told: dict[str, Any] = {"userFeedback": said, "permissionDecision": {"source": "user_reject"}}
        silent: dict[str, Any] = {"toolUseResult": "User rejected tool use", "toolDenialBeforeRun": True}
        self.error(call, content, toolDenialKind="user-rejected", **(told if said else silent))

    def approves(self, plan: str) -> None:
        """The person approves a plan."""
        call = self.calls("ExitPlanMode", {"plan": plan})
        block = {"type": "tool_result", "content": "User has approved your plan.", "tool_use_id": call}
        self.message("user", {"role": "user", "content": [block]}, toolUseResult={"plan": plan, "isAgent": False})

    def task(self, number: int, subject: str) -> None:
        """A todo item of the newer kind."""
        call = self.calls("TaskCreate", {"subject": subject, "description": "d"})
        self.result(call, f"Task #{number} created", {"task": {"id": str(number), "subject": subject}})

    def compacted(self, text: str = SUMMARY) -> None:
        """The client compacts the conversation."""
        self.entry(type="system", subtype="compact_boundary", content="Conversation compacted", level="info")
        self.prompt(text, isVisibleInTranscriptOnly=True, isCompactSummary=True, origin=None)

    def told(self, text: str) -> None:
        """A hook has said something to the model."""
        said = {"type": "hook_additional_context", "content": [text], "hookName": "SessionStart"}
        self.entry(parentUuid=None, isSidechain=False, attachment=said, type="attachment")

    def turn_over(self) -> None:
        """The client notes how long a turn took."""
        self.entry(type="system", subtype="turn_duration", durationMs=5, timestamp="2026-11-23T02:10:00.000Z")

    def noise(self) -> None:
        """What the client writes beside the conversation."""
        self.entry(type="api-request", id="x", params={"model": "m"}, tail=["b9a5"] * 20)
        self.entry(type="last-prompt", lastPrompt="x")


def write_session(conversation: LongConversation, rounds: int = 150) -> None:
    """A session of some thousand lines that ends in the middle of a turn."""
    conversation.prompt("Write a parser for the old export format. No new dependencies, please.")
    conversation.asks("Which encoding do the exports have?", "Latin-1, always")
    conversation.approves("# Plan\n1. tokens\n2. recursive descent\n3. error messages")
    for number in range(rounds):
        _round(conversation, number)
    conversation.compacted()
    conversation.refused("Bash", {"command": "pip install lark"}, "no new dependencies, I said")
    conversation.bash("pytest -q tests/test_nested.py", "E   AssertionError: depth 3\n1 failed in 0.12s", 1)
    ended = conversation.background("python bench.py", "bg1")
    conversation.background("python serve.py --port 8123", "bg2")
    conversation.notice("bg1", ended, "completed", 'Background command "bench" completed (exit code 0)')
    conversation.prompt("Make the error messages say the line, then run all tests again.")
    conversation.task(1, "error messages with line numbers")
    conversation.task(2, "benchmark")
    conversation.calls("TaskUpdate", {"taskId": "1", "status": "in_progress"})
    conversation.edit("/work/x/parser/errors.py")
    conversation.bash("pytest -q tests/test_errors.py", "E   KeyError: 'line'\n2 failed, 9 passed", 1)
    conversation.bash("pytest -q tests/test_errors.py", "E   KeyError: 'line'\n1 failed, 10 passed", 1)
    conversation.says("The message has no line yet where the block ends the file; I look at the lexer next.")
    conversation.entry(type="queue-operation", operation="enqueue", content="and keep the old API, too", timestamp="")
    conversation.calls("Bash", {"command": "make everything"})


def _round(conversation: LongConversation, number: int) -> None:
    """Read, edit, test; the test of one round in five fails first."""
    name = f"/work/x/parser/part_{number % 25}.py"
    conversation.noise()
    call = conversation.calls("Read", {"file_path": name})
    conversation.result(call, "def parse(text):\n    return text\n" * 30)
    conversation.edit(name)
    if number % 5 == 0:
        conversation.bash(f"pytest -q tests/test_{number % 25}.py", "1 failed", 1)
    conversation.bash(f"pytest -q tests/test_{number % 25}.py", "3 passed")
    conversation.says(f"Part {number} is done.")
    conversation.turn_over()
    if number % 10 == 9:
        conversation.prompt(f"Go on with part {number + 1}.")
