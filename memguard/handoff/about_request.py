"""What the digest says of what the person wanted: the current request, those before it, and what they decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.handoff.quoting import DATA_NOTE, Section, quoted
from memguard.state.outcomes import ANSWER, PLAN, PLAN_REFUSED, REFUSED, STOPPED
from memguard.state.prompts import ANSWERED, API_ERROR, ASKED, INTERRUPTED, UNDER_WAY

if TYPE_CHECKING:
    from memguard.handoff.digest import Material
    from memguard.state.outcomes import Decision

# What the digest of the session after the next one looks for.
CURRENT = "The current request and its state"
ASKED_AT = "Asked at"
EARLIER = "The person's earlier requests, newest first"
FIRST = "First of the session"
DECISIONS = "What the person decided, newest first"
_CURRENT = 1400
_EARLIER = 240
_UNSENT = 400
_SUBJECT = 240
_ANSWER = 300
_PLAN = 600
_TIME = 40
_NAME = 80
_STATES = {
    ASKED: "nothing of an answer was in the transcript yet",
    UNDER_WAY: "the answer was under way",
    ANSWERED: "the assistant had answered and ended its turn",
    INTERRUPTED: "the person had interrupted the answer",
    API_ERROR: "the last answer was an error of the API",
}


def current(material: Material, budget: int) -> str:
    """The last request, how far its answer had come, and which calls had no result yet."""
    conversation = material.conversation
    section = Section(f"{CURRENT} ({DATA_NOTE}):", budget)
    for request in conversation["requests"][-1:]:
        # What follows is short, and says more than the end of a long request.
        most = max(_EARLIER, min(_CURRENT, section.room - 500))
        section.add_text(f"- {ASKED_AT} {quoted(request['time'], _TIME)}: ", request["text"], most)
        section.add(f"- State at the snapshot: {_state(material)}.")
    if not material.facts.in_flight:
        for call in conversation["in_flight"][:5]:
            section.add(f"- Call without a result: {quoted(call['tool'], _NAME)} {quoted(call['what'], _SUBJECT)}.")
    if conversation["is_torn"]:
        section.add("- The last line of the transcript was cut off, and is not part of this.")
    return section.text()


def _state(material: Material) -> str:
    progress = material.conversation["progress"]
    state = _STATES.get(progress["phase"], "not known")
    if progress["calls"] > 0:
        state += f"; tool calls since this request: {progress['calls']}, files edited: {progress['files']}"
    if progress["time"]:
        state += f"; last line written at {quoted(progress['time'], _TIME)}"
    return state


def earlier(material: Material, budget: int) -> str:
    """What was asked before that: the first of the session, and the last ones, newest first."""
    section = Section(f"{EARLIER} ({DATA_NOTE}):", budget)
    for request in material.conversation["first_request"]:
        section.add(f"- {FIRST}, {quoted(request['time'], _TIME)}: {quoted(request['text'], _EARLIER)}")
    for request in reversed(material.conversation["requests"][:-1]):
        section.add(f"- {quoted(request['time'], _TIME)}: {quoted(request['text'], _EARLIER)}")
    return section.text()


def unsent(material: Material, budget: int) -> str:
    """A resumed client sends nothing of its queue, and shows none of it either."""
    title = f"Typed by the person during the turn, and not sent before the {material.moment} ({DATA_NOTE}):"
    section = Section(title, budget)
    for request in material.conversation["unsent"]:
        section.add_text("- ", request["text"], _UNSENT)
    return section.text()


def decisions(material: Material, budget: int) -> str:
    """The person's answers, approvals and refusals, in their words, newest first."""
    section = Section(f"{DECISIONS} ({DATA_NOTE}):", budget)
    for decision in reversed(material.conversation["decisions"]):
        section.add(f"- {_decision(decision)}.")
    return section.text()


def _decision(decision: Decision) -> str:
    kind, subject = decision["kind"], quoted(decision["subject"], _SUBJECT)
    said = f" and said {quoted(decision['answer'], _ANSWER)}" if decision["answer"] else ""
    return {
        ANSWER: f"Asked {subject}, the person answered {quoted(decision['answer'], _ANSWER)}",
        PLAN: f"The person approved the plan {quoted(decision['subject'], _PLAN)}",
        PLAN_REFUSED: f"The person refused the plan {subject}{said}",
        REFUSED: f"The person refused the call {subject}{said}",
        STOPPED: f"The person stopped the call {subject}{said}",
    }.get(kind, f"The person decided about {subject}{said}")
