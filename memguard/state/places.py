"""What an index of a transcript remembers: places of lines, and numbers. Never text."""

from __future__ import annotations

from typing import NamedTuple

Place = tuple[int, int]  # offset and length in bytes of one line

# How many lines of each kind are parsed at the end: bounds time, memory and the saved state. Decisions and background
# commands come in pairs of a call and its result. Of all kinds the last are kept, of FIRST and DIGESTS the first.
FIRST, DIGESTS = "first", "digests"
MOST_PLACES = {
    FIRST: 4, DIGESTS: 1, "prompts": 40, "queue": 64, "notices": 40, "edits": 160, "todos": 160, "decisions": 48,
    "background": 48, "summaries": 2, "recent": 120,
}  # fmt: skip
MOST_FAILURES = 12
MOST_OPEN_CALLS = 64

OTHER, EDIT, TODO, TASK, ASK, BASH, AGENT, STOP = TOOLS = (
    "other", "edit", "todo", "task", "ask", "bash", "agent", "stop",
)  # fmt: skip


# A call that the model made: where, one of TOOLS, and a checksum of what a Bash call runs.
OpenCall = tuple[Place, str, int]


class Failure(NamedTuple):
    """A command whose last run failed: that run's call and result, and how many runs failed since one succeeded."""

    call: Place
    result: Place
    times: int
