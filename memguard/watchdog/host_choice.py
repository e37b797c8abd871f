"""The next agreement of this host's guards, from what their sessions hold: a victim, or that nobody would help."""

import time

from memguard.core.units import format_size
from memguard.guard.victim import Candidate, choose
from memguard.host import identity
from memguard.watchdog.host_claim import BUSY_CLAIM_S, CLAIM_S, Claim
from memguard.watchdog.neighbour_file import Neighbour

# For so long nobody asks again, unless the total has grown by 5 %: for the answer the trees of all sessions are read,
# and their PSS (11 ms per GB), which is to stay well under 1 % of a core.
_NOBODY_S = 30.0
_GROWTH = 1.05


class Question:
    """Whether the sessions of this host hold too much. `published_bytes` is their total as it was published."""

    __slots__ = ("budget_bytes", "is_short", "published_bytes")

    def __init__(self, budget_bytes: int, published_bytes: int, is_short: bool = False) -> None:
        self.budget_bytes = budget_bytes
        self.published_bytes = published_bytes
        self.is_short = is_short

    def is_open(self) -> bool:
        """Whether it is worth looking closer: too much was published, or the host is short."""
        return self.is_short or self.published_bytes > self.budget_bytes

    def enough_bytes(self) -> int:
        """The sum from which on it takes PSS to answer."""
        return 0 if self.is_short else self.budget_bytes

    def is_answered(self, claim: Claim) -> bool:
        """Whether `claim`, which names nobody, still answers it."""
        return claim.is_current(time.monotonic()) and self.published_bytes <= _GROWTH * claim.total_bytes

    def answer(self, candidates: "list[Candidate]", living: "list[Neighbour]", passed: "dict[str, float]") -> Claim:
        """The claim that follows from what is held now, with those left out that let one go by."""
        total_bytes = sum(candidate.footprint_bytes for candidate in candidates)
        is_over = self.is_short or total_bytes > self.budget_bytes
        chosen = choose([each for each in candidates if each.guard_id not in passed]) if is_over else None
        claim = _claim_of(chosen, living)
        claim.boot_id, claim.passed, claim.budget_bytes = identity.boot_id(), passed, self.budget_bytes
        claim.total_bytes = total_bytes if chosen else self.published_bytes
        claim.reason = self._described(total_bytes) if is_over else ""
        return claim

    def _described(self, total_bytes: int) -> str:
        held = f"the sessions of this host hold {format_size(total_bytes)}"
        if total_bytes > self.budget_bytes:
            return f"{held} of {format_size(self.budget_bytes)} together"
        return f"the host is short of memory, and {held} together"


def _claim_of(chosen: "Candidate | None", living: "list[Neighbour]") -> Claim:
    now_s = time.monotonic()
    if chosen is None:
        return Claim("", now_s, _NOBODY_S)
    claim = Claim(chosen.guard_id, now_s, CLAIM_S if chosen.is_idle else BUSY_CLAIM_S)
    claim.is_busy = not chosen.is_idle
    claim.generation = next(each.generation for each in living if each.guard_id == chosen.guard_id)
    return claim
