"""The decisions that a plugin may take, as it is asked for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from memguard.core.ticket import FRESH, RESUME
from memguard.plugins.fields import made_of
from memguard.plugins.parts import PartView, is_of, parts_of

CULPRIT, STRATEGY, DIGEST = "choose_culprit", "choose_strategy", "build_digest"
LONGEST_DIGEST = 10000


@dataclass(frozen=True, kw_only=True)
class CulpritQuestion:
    """Which of `parts` is to be ended: a session is at CRITICAL or EMERGENCY.

    `own_choice` is the pid of the part that memguard would end, 0 for none; the client's pid means that the session is
    restarted instead. Any other part has to hold `least_bytes`, without which the session stays over its limit.
    """

    session: str = ""
    state: str = ""
    footprint_bytes: int = 0
    limit_bytes: int = 0
    least_bytes: int = 0
    own_choice: int = 0
    parts: tuple[PartView, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StrategyQuestion:
    """How the next client takes the session up: `resume` (the same conversation) or `fresh` (a digest of it).

    `predicted_bytes` is what a client that resumes is expected to hold at most, 0 where nobody knows, and
    `predicted_limit` the limit that this would be over, empty for none.
    """

    session: str = ""
    state: str = ""
    footprint_bytes: int = 0
    transcript_bytes: int = 0
    predicted_bytes: int = 0
    predicted_limit: str = ""
    own_choice: str = ""


@dataclass(frozen=True, kw_only=True)
class DigestQuestion:
    """What a new session is to read about the one before it. `facts` are those of a summariser (docs/handoff.md)."""

    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


Question = CulpritQuestion | StrategyQuestion | DigestQuestion


def question_of(decision: str, given: Mapping[str, Any]) -> Question:
    """The question in a message. Raises KeyError for a decision that no plugin takes."""
    return _MAKERS[decision](given)


def is_valid(question: Question, value: object) -> bool:
    """Whether `value` answers the question at all."""
    if isinstance(question, CulpritQuestion):
        return is_of(value, question.parts)
    if isinstance(question, StrategyQuestion):
        return value in (RESUME, FRESH)
    return isinstance(value, str)


def _culprit(given: Mapping[str, Any]) -> Question:
    return made_of(CulpritQuestion, given, parts=parts_of(given.get("parts")))


def _strategy(given: Mapping[str, Any]) -> Question:
    return made_of(StrategyQuestion, given)


def _digest(given: Mapping[str, Any]) -> Question:
    return DigestQuestion(facts=MappingProxyType(dict(given)))


_MAKERS: dict[str, Callable[[Mapping[str, Any]], Question]] = {CULPRIT: _culprit, STRATEGY: _strategy, DIGEST: _digest}
