"""What a guard tells the other guards of this host: one small file in its own folder."""

import os
import time

from memguard.core.identity import ProcessId
from memguard.core.layout import NEIGHBOUR, TICKET, WATCHDOG, write_pairs
from memguard.core.lock import is_held
from memguard.guard.victim import Candidate
from memguard.host import identity
from memguard.watchdog.private_pairs import flag, read_private_pairs, seconds, whole_number

# The size that is published may be off by this share, or by this much, before it is written again.
_CHANGE_SHARE = 0.05
_CHANGE_BYTES = 4 * 1024 * 1024
_FLAGS = ("is_idle", "is_restartable", "is_paused", "is_spent", "is_starting", "is_nested")
# A ticket older than this is no restart that goes on: its longest steps, the launcher's wait for the sweep included.
_TICKET_S = 120.0


class Neighbour:
    """One guard: its client and what the others need to know of it.

    `outside_bytes` is what belongs to it and is not found by a walk from its client. `at_s` is the monotonic second
    of the reading, which all processes of one boot count alike.
    """

    __slots__ = ("at_s", "candidate", "client", "generation", "outside_bytes")

    def __init__(self, candidate: Candidate, client: ProcessId, generation: int) -> None:
        self.candidate = candidate
        self.client = client
        self.generation = generation
        self.outside_bytes = 0
        self.at_s = 0.0

    @property
    def guard_id(self) -> str:
        """The guard's id."""
        return self.candidate.guard_id

    def kind(self) -> "tuple[object, ...]":
        """All of it that is not a size."""
        flags = tuple(getattr(self.candidate, name) for name in _FLAGS)
        return (self.client.to_text(), self.generation, *flags)

    def differs(self, published: "Neighbour | None") -> bool:
        """Whether the others must hear of it: another kind, or a size that moved by 5 %."""
        if published is None or self.kind() != published.kind():
            return True
        old, new = published.candidate, self.candidate
        return _has_moved(old.footprint_bytes, new.footprint_bytes) or _has_moved(old.resumed_bytes, new.resumed_bytes)

    def write(self, folder: str) -> None:
        """Publish it. Raises OSError where the disk refuses."""
        candidate = self.candidate
        pairs: dict[str, object] = {"client": self.client.to_text(), "generation": self.generation}
        pairs |= {"footprint_bytes": candidate.footprint_bytes, "resumed_bytes": candidate.resumed_bytes}
        pairs |= {"outside_bytes": self.outside_bytes, "at_s": round(self.at_s, 3), "at_utc": round(time.time(), 3)}
        pairs |= {name: int(getattr(candidate, name)) for name in _FLAGS}
        write_pairs(f"{folder}/{NEIGHBOUR}", pairs, lasts=False)


def read_neighbour(folder: str) -> "Neighbour | None":
    """What a guard published; None where there is nothing, or nothing that memguard writes."""
    pairs = read_private_pairs(f"{folder}/{NEIGHBOUR}")
    try:
        return _parsed(os.path.basename(folder), pairs)
    except (KeyError, ValueError):
        return None


def _parsed(guard_id: str, pairs: "dict[str, str]") -> Neighbour:
    candidate = Candidate(guard_id, whole_number(pairs["footprint_bytes"]))
    candidate.resumed_bytes = whole_number(pairs["resumed_bytes"])
    for name in _FLAGS:
        setattr(candidate, name, flag(pairs[name]))
    neighbour = Neighbour(candidate, ProcessId.from_text(pairs["client"]), whole_number(pairs["generation"]))
    neighbour.outside_bytes = whole_number(pairs["outside_bytes"])
    neighbour.at_s = seconds(pairs["at_s"])
    return neighbour


def is_living(folder: str, neighbour: Neighbour) -> bool:
    """Whether its client lives, and a watchdog that would act for it."""
    return identity.is_alive(neighbour.client) and is_held(f"{folder}/{WATCHDOG}")


def has_ticket(folder: str) -> bool:
    """Whether a restart of this guard goes on that has come to its first signal."""
    try:
        status = os.lstat(f"{folder}/{TICKET}")
    except OSError:
        return False
    return abs(time.time() - status.st_mtime) < _TICKET_S


def _has_moved(old_bytes: int, new_bytes: int) -> bool:
    return abs(new_bytes - old_bytes) > max(_CHANGE_SHARE * old_bytes, _CHANGE_BYTES)
