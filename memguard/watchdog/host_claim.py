"""The standing agreement of this host's guards, `<runtime>/victim`: who is restarted, or that nobody is for now.

Its times count in monotonic seconds of this boot, so that a clock set back or forth moves nothing; the UTC times are
for people. It is written under the host's lock alone.
"""

import time

from memguard.core.layout import is_plain_id, write_pairs
from memguard.core.log import printable
from memguard.host import identity
from memguard.watchdog.private_pairs import flag, read_private_pairs, seconds, whole_number

# How long a claim stands: a capture may take 60 s, the grace 30 s, the end 10 s, and the next client must settle.
CLAIM_S = 120.0
# A busy session may wait for its turn's end for as long again (`boundary_timeout` is 120 s).
BUSY_CLAIM_S = 240.0
# A victim is woken when it is chosen; one that has not taken its claim up by then is stopped, or hangs.
TAKE_UP_S = 15.0
# A victim begins nothing in the last seconds of its claim: what comes before the ticket lies on disk takes less.
BEGIN_S = 15.0
# Who let a claim go by is not asked again for this long.
_PASSED_S = 300.0
_MOST_PASSED = 100
# Moments are written in milliseconds.
_ROUNDED_S = 0.01
_LONGEST_REASON = 200


class Claim:
    """One agreement. `guard_id` is empty where nobody is to be restarted until `until_s`.

    `is_taken` is set by the victim itself. `generation` counts the victim's client at that time; `passed` holds the
    guards that let a claim go by, and until when they are left out.
    """

    __slots__ = (
        "boot_id", "budget_bytes", "generation", "guard_id", "is_busy", "is_taken", "passed", "reason", "since_s",
        "total_bytes", "until_s",
    )  # fmt: skip

    def __init__(self, guard_id: str = "", since_s: float = 0.0, for_s: float = 0.0) -> None:
        self.guard_id = guard_id
        self.since_s = since_s
        self.until_s = since_s + for_s
        self.boot_id = ""
        self.generation = 0
        self.is_busy = False
        self.is_taken = False
        self.passed: dict[str, float] = {}
        self.reason = ""
        self.total_bytes = 0
        self.budget_bytes = 0

    def is_current(self, now_s: float) -> bool:
        """Whether its time is not over; one from another boot, from the future, or without end never was any."""
        is_sane = self.since_s <= now_s + _ROUNDED_S and self.until_s - self.since_s <= BUSY_CLAIM_S + _ROUNDED_S
        return is_sane and now_s < self.until_s and self.boot_id == identity.boot_id()

    def is_left(self, now_s: float) -> bool:
        """Whether the victim has not taken it up in time."""
        return not self.is_taken and now_s - self.since_s > TAKE_UP_S

    def may_begin(self, now_s: float) -> bool:
        """Whether there is time enough to begin a restart under it."""
        return now_s < self.until_s - BEGIN_S

    def passed_until(self, now_s: float) -> "dict[str, float]":
        """Those who let a claim go by lately."""
        latest_s = now_s + _PASSED_S + _ROUNDED_S
        return {name: until_s for name, until_s in self.passed.items() if now_s < until_s <= latest_s}

    def pass_by(self, guard_id: str, now_s: float) -> None:
        """Leave `guard_id` out for a while."""
        self.passed[guard_id] = now_s + _PASSED_S

    def write(self, path: str) -> None:
        """Put it on disk. Raises OSError where that is refused."""
        now_utc, now_s = time.time(), time.monotonic()
        passed = list(self.passed_until(now_s).items())[:_MOST_PASSED]
        pairs: dict[str, object] = {"guard": self.guard_id, "generation": self.generation}
        pairs |= {"boot": identity.boot_id(), "since_s": round(self.since_s, 3), "until_s": round(self.until_s, 3)}
        pairs |= {"since_utc": _utc(now_utc + self.since_s - now_s), "until_utc": _utc(now_utc + self.until_s - now_s)}
        pairs |= {"busy": int(self.is_busy), "taken": int(self.is_taken)}
        pairs |= {"total_bytes": self.total_bytes, "budget_bytes": self.budget_bytes}
        pairs |= {"passed": ",".join(f"{name}:{until_s:.3f}" for name, until_s in passed)}
        pairs |= {"reason": printable(self.reason, _LONGEST_REASON)}
        write_pairs(path, pairs, lasts=False)


def read_claim(path: str) -> Claim:
    """The claim at `path`; one that never stands where there is none, or none that memguard writes."""
    pairs = read_private_pairs(path)
    try:
        return _parsed(pairs) if pairs else Claim()
    except (KeyError, ValueError):
        return Claim()


def _parsed(pairs: "dict[str, str]") -> Claim:
    claim = Claim(pairs["guard"], seconds(pairs["since_s"]))
    if claim.guard_id and not is_plain_id(claim.guard_id):
        raise ValueError("no guard has such an id")
    claim.until_s = seconds(pairs["until_s"])
    claim.boot_id = pairs["boot"]
    claim.generation = whole_number(pairs["generation"])
    claim.is_busy, claim.is_taken = flag(pairs["busy"]), flag(pairs["taken"])
    claim.total_bytes, claim.budget_bytes = whole_number(pairs["total_bytes"]), whole_number(pairs["budget_bytes"])
    claim.reason = printable(pairs["reason"], _LONGEST_REASON)
    words = [word.partition(":") for word in pairs["passed"].split(",") if word]
    claim.passed = {name: seconds(until_s) for name, _, until_s in words if is_plain_id(name)}
    return claim


def _utc(moment_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment_s))
