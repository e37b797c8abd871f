"""Which session of this host is restarted when they hold too much together. Pure: no clock, no file, no process."""

# What an idle client holds that has nothing to do: about 130 MB (Claude Code 2.1, one new session, its whole tree).
# A restarted one comes back with this and its conversation, so that up to here nothing is to be had.
IDLE_CLIENT_BYTES = 130 * 1024 * 1024
# Half an idle client: what a restart must give back at the least to be worth a snapshot, a cut-off cache and the peak
# of a resume. Less than this, a resumed client's own spread takes again.
LEAST_GAIN_BYTES = 64 * 1024 * 1024


class Candidate:
    """One guarded session, as far as the choice goes.

    `footprint_bytes` is without the guarded sessions that run inside it, confirmed by PSS where that is known;
    `resumed_bytes` what it would hold after a restart, 0 where only the constant is known. `is_idle` means at a turn
    boundary, `is_spent` that protection allows no restart now, `is_nested` that it runs in a tool of another
    guarded session.
    """

    __slots__ = (
        "footprint_bytes", "guard_id", "is_idle", "is_nested", "is_paused", "is_restartable", "is_spent",
        "is_starting", "resumed_bytes",
    )  # fmt: skip

    def __init__(self, guard_id: str, footprint_bytes: int) -> None:
        self.guard_id = guard_id
        self.footprint_bytes = footprint_bytes
        self.resumed_bytes = 0
        self.is_idle = False
        self.is_restartable = True
        self.is_paused = False
        self.is_spent = False
        self.is_starting = False
        self.is_nested = False

    @property
    def gain_bytes(self) -> int:
        """What its restart would give back."""
        return self.footprint_bytes - max(self.resumed_bytes, IDLE_CLIENT_BYTES)

    @property
    def may_restart(self) -> bool:
        """Whether its watchdog would carry a restart out now."""
        return self.is_restartable and not (self.is_paused or self.is_spent or self.is_starting)

    @property
    def helps(self) -> bool:
        """Whether it may be restarted, and that gives anything back."""
        return self.may_restart and self.gain_bytes >= LEAST_GAIN_BYTES


def choose(candidates: "list[Candidate]") -> "Candidate | None":
    """The one to restart: the largest idle session, else a busy one; None where no restart would help.

    Of busy sessions those come first that run inside another: ending the outer one would end both. The same
    candidates in any order give the same choice.
    """
    return min((candidate for candidate in candidates if candidate.helps), key=_rank, default=None)


def _rank(candidate: Candidate) -> "tuple[bool, bool, int, str]":
    is_outer = not candidate.is_idle and not candidate.is_nested
    return (not candidate.is_idle, is_outer, -candidate.footprint_bytes, candidate.guard_id)
