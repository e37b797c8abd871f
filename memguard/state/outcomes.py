"""What became of calls: what the person decided, which commands failed, and what was left running."""

from __future__ import annotations

import re
from typing import Any, TypedDict

from memguard.state.message import NAME_CHARS, between, joined, raw, text_of, time_of, word
from memguard.state.redact import redact_text

MOST_DECISIONS = 24
MOST_FAILURES = 12
MOST_BACKGROUND = 24
_OUTPUT_CHARS = 500
_ANSWER_CHARS = 600
_MOST_QUESTIONS = 8
# Of a decision: an answer to a question, a plan, a call that was refused before it ran, or stopped while it did.
ANSWER, PLAN, PLAN_REFUSED, REFUSED, STOPPED = "answer", "plan", "plan refused", "refused", "stopped"
DECISIONS = (ANSWER, PLAN, PLAN_REFUSED, REFUSED, STOPPED)
UNKNOWN_CODE = -1
COMMAND, AGENT = "command", "agent"
_EXIT_CODE = re.compile(r"Exit code (\d{1,4})(?:\n|$)")
_FAILED_LATER = re.compile(r"exit code (\d{1,4})")


class Call(TypedDict):
    """A tool call without a result; `what` is the start of its command or path."""

    tool: str
    tool_use_id: str
    what: str


class Decision(TypedDict):
    """What the person decided: `kind` is one of DECISIONS, `answer` what they said, in their words."""

    kind: str
    subject: str
    answer: str
    time: str


class Failure(TypedDict):
    """A command whose last run failed: its exit code (-1: not known), the end of its output, how often in a row."""

    command: str
    exit_code: int
    output: str
    times: int
    time: str


class Background(TypedDict):
    """A command or a sub-agent (`kind`) that was left running, and whose end the client hadn't reported."""

    kind: str
    what: str
    task_id: str
    time: str


class Outcomes:
    """Takes results in order, each with the call that it belongs to."""

    def __init__(self) -> None:
        self._decisions: dict[tuple[str, str], Decision] = {}  # by what they are about: the last word counts
        self._failures: dict[str, Failure] = {}  # by call
        self._background: dict[str, Background] = {}  # by call

    def took(self, line: dict[str, Any], block: dict[str, Any], call: Call, given: dict[str, Any], times: int) -> None:
        """One result. `times` is how often the command has failed by now; 0 where it counts as no failure."""
        is_error = block.get("is_error") is True
        if line.get("toolDenialKind") == "user-rejected" or line.get("toolUseResult") == "User rejected tool use":
            self._refused(line, block, call)
        elif is_error and times and call["tool"] == "Bash":
            self._failures[call["tool_use_id"]] = _failure(line, block, call, times)
        elif not is_error:
            self._succeeded(line, call, given)

    def ended(self, notice: str, time: str) -> None:
        """The client's own word that something in the background has ended."""
        task_id, call, status = (between(notice, tag) for tag in ("task-id", "tool-use-id", "status"))
        if not status:
            return  # how far it has come
        found = self._background.pop(call, None) or self._background.pop(self._call_of(task_id), None)
        if found and found["kind"] == COMMAND and status == "failed":
            summary = between(notice, "summary")
            code = _FAILED_LATER.search(summary)
            self._failures[call] = {
                "command": found["what"], "exit_code": int(code[1]) if code else UNKNOWN_CODE,
                "output": raw(summary, _OUTPUT_CHARS), "times": 1, "time": time,
            }  # fmt: skip

    def _call_of(self, task_id: str) -> str:
        return next((call for call, found in self._background.items() if found["task_id"] == task_id != ""), "")

    def _refused(self, line: dict[str, Any], block: dict[str, Any], call: Call) -> None:
        said = line.get("userFeedback")
        if not isinstance(said, str):
            said = joined(block.get("content")).partition("the user said:\n")[2]
        permission = line.get("permissionDecision")
        by_person = isinstance(permission, dict) and permission.get("source") == "user_reject"
        is_before = line.get("toolDenialBeforeRun") is True or by_person
        kind = REFUSED if is_before or "toolDenialKind" not in line else STOPPED
        kind = PLAN_REFUSED if call["tool"] == "ExitPlanMode" else kind
        self._decide(kind, call["what"] if kind == PLAN_REFUSED else f"{call['tool']} {call['what']}", said, line)

    def _succeeded(self, line: dict[str, Any], call: Call, given: dict[str, Any]) -> None:
        # Any other tool's result can hold what it likes.
        result = line.get("toolUseResult")
        found = result if isinstance(result, dict) else {}
        if call["tool"] == "AskUserQuestion":
            answers = found.get("answers")
            for question, answer in list(answers.items() if isinstance(answers, dict) else ())[:_MOST_QUESTIONS]:
                self._decide(ANSWER, question, answer, line)
        elif call["tool"] == "ExitPlanMode":
            self._decide(PLAN, found.get("plan") or given.get("plan"), "", line)
        elif call["tool"] == "Bash" and isinstance(found.get("backgroundTaskId"), str):
            self._begin(COMMAND, call, found["backgroundTaskId"], line)
        elif call["tool"] in ("Agent", "Task") and found.get("isAsync") is True:
            self._begin(AGENT, call, found.get("agentId"), line)
        elif call["tool"] in ("TaskStop", "KillShell", "KillBash"):
            self._background.pop(self._call_of(word(given.get("task_id") or given.get("shell_id"))), None)

    def _decide(self, kind: str, subject: object, answer: object, line: dict[str, Any]) -> None:
        subject, answer = raw(subject, NAME_CHARS), raw(answer, _ANSWER_CHARS)
        self._decisions.pop((kind, subject), None)
        self._decisions[kind, subject] = {"kind": kind, "subject": subject, "answer": answer, "time": time_of(line)}

    def _begin(self, kind: str, call: Call, task_id: object, line: dict[str, Any]) -> None:
        self._background[call["tool_use_id"]] = {
            "kind": kind, "what": call["what"], "task_id": word(task_id), "time": time_of(line),
        }  # fmt: skip

    @property
    def decisions(self) -> list[Decision]:
        """The last 24, oldest first."""
        return [
            {
                **decision,
                "subject": text_of(decision["subject"], NAME_CHARS),
                "answer": text_of(decision["answer"], _ANSWER_CHARS),
            }
            for decision in list(self._decisions.values())[-MOST_DECISIONS:]
        ]

    @property
    def failures(self) -> list[Failure]:
        """The last 12, oldest first."""
        found = list(self._failures.values())[-MOST_FAILURES:]
        return [
            {
                **failure,
                "command": text_of(failure["command"], NAME_CHARS),
                "output": _last_lines(failure["output"]),
            }
            for failure in found
        ]

    @property
    def background(self) -> list[Background]:
        """The last 24, oldest first."""
        found = list(self._background.values())[-MOST_BACKGROUND:]
        return [{**task, "what": text_of(task["what"], NAME_CHARS)} for task in found]


def _failure(line: dict[str, Any], block: dict[str, Any], call: Call, times: int) -> Failure:
    text = joined(block.get("content"))
    code = _EXIT_CODE.match(text)
    output = (text[code.end() :] if code else text).rstrip()
    return {
        "command": call["what"], "exit_code": int(code[1]) if code else UNKNOWN_CODE,
        "output": output[-_OUTPUT_CHARS * 4 :], "times": times, "time": time_of(line),
    }  # fmt: skip


def _last_lines(output: str) -> str:
    """Where a program says what went wrong: the end, without secrets, in whole lines where they are short enough."""
    redacted = redact_text(output)
    end = redacted[-_OUTPUT_CHARS:]
    whole = end.partition("\n")[2] if len(redacted) > len(end) else end
    return whole.strip("\n") or end
