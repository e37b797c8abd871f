"""Any lines that a transcript could hold: whatever the client could write, with anything missing or of another kind."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

TOOLS = ["Bash", "Edit", "TodoWrite", "TaskUpdate", "TaskCreate", "AskUserQuestion", "ExitPlanMode", "Agent", 4]
GIVEN = ["command", "file_path", "todos", "questions", "plan", "taskId", "status"]
TEXT = st.text(max_size=20)
NUMBER = st.integers()
INPUT = st.dictionaries(
    st.sampled_from(GIVEN),
    st.one_of(TEXT, NUMBER, st.lists(st.dictionaries(st.text(max_size=3), NUMBER), max_size=2)),
    max_size=3,
)
BLOCK = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["text", "tool_use", "tool_result", 1]),
        "text": st.one_of(TEXT, NUMBER),
        "id": st.sampled_from(["t1", "t2", None, {}]),
        "name": st.sampled_from(TOOLS),
        "input": st.one_of(st.none(), INPUT),
        "content": st.one_of(TEXT, st.lists(NUMBER, max_size=2)),
        "is_error": st.sampled_from([True, False, "yes"]),
        "tool_use_id": st.sampled_from(["t1", "t2", [], None]),
    },
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["m1", "m2", 5]),
        "role": st.sampled_from(["user", "assistant"]),
        "content": st.one_of(TEXT, st.none(), st.lists(st.one_of(NUMBER, BLOCK), max_size=3)),
        "stop_reason": st.sampled_from(["end_turn", None, 3]),
    },
)
RESULT = st.dictionaries(
    st.sampled_from(["task", "answers", "plan", "backgroundTaskId", "isAsync", "agentId"]),
    st.one_of(st.booleans(), TEXT, st.dictionaries(st.text(max_size=5), NUMBER, max_size=2)),
)
FIELDS: dict[str, Any] = {
    "type": st.sampled_from(["user", "assistant", "attachment", "queue-operation", "system", "x", None, 7]),
    "operation": st.sampled_from(["enqueue", "dequeue", "popAll", 8]),
    "message": st.one_of(st.none(), MESSAGE),
    "toolUseResult": st.one_of(TEXT, st.none(), RESULT),
    "attachment": st.dictionaries(st.sampled_from(["type", "prompt"]), st.sampled_from(["queued_command", 5])),
    "content": st.one_of(TEXT, st.none()),
    "timestamp": st.one_of(TEXT, NUMBER),
    "origin": st.one_of(st.none(), st.dictionaries(st.just("kind"), st.sampled_from(["human", "x", 3]))),
    "toolDenialKind": st.sampled_from(["user-rejected", "x", None]),
    "userFeedback": st.one_of(TEXT, NUMBER),
    "isMeta": st.booleans(),
    "isCompactSummary": st.booleans(),
    "isSidechain": st.booleans(),
    "subtype": st.sampled_from(["turn_duration", 5]),
    "gitBranch": st.one_of(TEXT, NUMBER),
}


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


ANY_LINES = st.lists(
    st.one_of(st.fixed_dictionaries({}, optional=FIELDS).map(_line), st.binary(max_size=60)), max_size=12
)
