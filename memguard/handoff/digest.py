"""The digest: what a session reads about the restart that it comes out of. Facts only, at most 10,000 characters.

The client counts units of UTF-16, so that is what is counted here.

Deterministic; no sentence tells the model what to do, since orders from a hook look like an attack. What was borrowed
is quoted as JSON strings, in sections that say so. docs/handoff.md describes it section by section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from memguard.handoff import about_earlier, about_request, about_restart, about_words, about_work
from memguard.handoff.about_restart import RESTORE, RESUME, STARTUP
from memguard.handoff.quoting import units
from memguard.state.conversation import Conversation, empty_conversation

if TYPE_CHECKING:
    from collections.abc import Callable

    from memguard.handoff.facts import Facts
    from memguard.state.project import GitState
    from memguard.state.snapshot import Snapshot

MOST_CHARS = 10000
_BETWEEN = "\n\n"


class Material(NamedTuple):
    """What a digest is made of. `problem` says why there is no record, where there is none."""

    facts: Facts
    record: Snapshot | None
    git_now: GitState | None
    source: str
    problem: str = ""
    summariser: str = ""
    summary: str = ""  # what the summariser of that name wrote
    builder: str = ""
    built: str = ""  # what the plugin of that name built, to be read instead of memguard's own sections

    @property
    def moment(self) -> str:
        """What the earlier session is told up to."""
        return "snapshot" if self.source == RESTORE else "restart"

    @property
    def conversation(self) -> Conversation:
        """Of the record, whatever version of memguard took it."""
        return {**empty_conversation(), **self.record["conversation"]} if self.record else empty_conversation()


# Each section's share, in characters. What one leaves goes to the next, so the last ones, which have the most to say,
# get what is left of all. A session that has its conversation is told what that doesn't say, and no more.
_FULL: tuple[tuple[Callable[[Material, int], str], int], ...] = (
    (about_restart.restart, 1300),
    (about_request.current, 1400),
    (about_earlier.handed_down, 700),
    (about_request.unsent, 400),
    (about_request.decisions, 700),
    (about_work.todos, 700),
    (about_work.failures, 600),
    (about_work.project, 700),
    (about_work.files, 400),
    (about_restart.processes, 900),
    (about_request.earlier, 500),
    (about_words.summarised, 700),
    (about_words.compaction, 600),
    (about_words.last_text, 400),
)
_SHORT: tuple[tuple[Callable[[Material, int], str], int], ...] = (
    (about_restart.restart, 1300),
    (about_restart.processes, 1300),
    (about_request.unsent, 600),
    (about_work.project, 800),
)
# Whatever a plugin leaves out, the restart and the calls that were cut off are told: they may have taken effect.
_BUILT: tuple[tuple[Callable[[Material, int], str], int], ...] = (
    (about_restart.restart, 1300),
    (about_restart.processes, 900),
    (about_request.unsent, 400),
    (about_words.built, 7400),
)
PLANS = {STARTUP: _FULL, RESTORE: _FULL, RESUME: _SHORT}


def build_digest(
    facts: Facts, record: Snapshot | None, git_now: GitState | None, source: str, problem: str = ""
) -> str:
    """The whole digest. `problem` says why there is no record, where there is none."""
    return digest_of(Material(facts, record, git_now, source, problem))


def digest_of(material: Material) -> str:
    """Section by section, each within its share and what those before it have left."""
    texts, left = [], 0
    for section, share in _BUILT if material.built else PLANS[material.source]:
        left += share
        text = section(material, left - len(_BETWEEN))
        if text:
            texts.append(text)
            left -= units(text) + len(_BETWEEN)
    return _BETWEEN.join(texts)
