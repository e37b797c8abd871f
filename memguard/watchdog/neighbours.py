"""The guarded sessions of this host: what each tells the others, and which one of them is restarted.

All share one budget. When they hold more together, or the host itself is short, their watchdogs agree on one victim, by
a file that is written under one lock; until that one has been restarted and has settled, or its time is over, nobody
else is chosen. What can't be read, locked or written means that nobody acts by this rule.
"""

import os
import time

from memguard.core.errors import MemguardError
from memguard.core.layout import FROZEN, HOST_LOCK, NEIGHBOUR, VICTIM, WATCHDOG, is_own_dir, is_plain_id
from memguard.core.lock import FileLock, is_held
from memguard.core.log import described
from memguard.core.nudge import nudge
from memguard.host import identity
from memguard.host.pressure import Gauge
from memguard.watchdog.host_choice import Question
from memguard.watchdog.host_claim import Claim, read_claim
from memguard.watchdog.host_survey import is_quiet, survey
from memguard.watchdog.neighbour_file import Neighbour, has_ticket, is_living, read_neighbour

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memguard.core.reading import Pressure
    from memguard.core.settings import Settings
    from memguard.watchdog.journal import Journal

    Stamp = tuple[int, int]

# Whoever holds the lock reads some trees meanwhile (1 ms each); it is asked for again at the next look.
_LOCK_TRIES = 4
_LOCK_PAUSE_S = 0.005
# Longer than any holder needs: the holder is stopped, or hangs.
_LOCKED_OUT_S = 30.0
# A busy victim asks this often whether another has become idle.
_ASK_AGAIN_S = 10.0
# A restart under way keeps its claim this much longer: the launcher waits 15 s for the sweep, the sweep for its graces.
_TICKET_MORE_S = 60.0
# A session that stays just below the budget is no reason to look a hundred times a second: others are heard five
# times a second, in which a core fills some 200 MB.
_LEAST_HEADROOM_BYTES = 512 * 1024 * 1024
# A watchdog that is killed while a tool is frozen is rare, and a launcher's is followed within a second.
_THAW_AGAIN_S = 5.0
# That no restart would help is news again after this.
_SAID_S = 600.0


class Neighbours:
    """One guard's view of the others, as of its last `agree`.

    `standing` is the guard that is the victim (empty for none), `victim_s` how long this one has been it; `total_bytes`
    is what all published together, also by a guard that has died since.
    """

    def __init__(self, guard_dir: str, journal: "Journal") -> None:
        self.folder = guard_dir
        self.guard_id = os.path.basename(guard_dir)
        self.runtime_dir = os.path.dirname(os.path.dirname(guard_dir))
        self.standing = ""
        self.victim_s = 0.0
        self.reason = ""
        self.question = Question(0, 0)
        self._quiet_s = 0.0
        self._gauge = Gauge()  # of this process: of the groups that hold every session, none of one session alone
        self._journal = journal
        self._path = f"{self.runtime_dir}/{VICTIM}"
        self._published: Neighbour | None = None
        self._read: dict[str, tuple[Stamp, Neighbour | None]] = {}
        self._said: set[str] = set()
        self._asked_s = float("-inf")
        self._locked_out_s = 0.0  # since when
        self._thawed_s = float("-inf")

    @property
    def total_bytes(self) -> int:
        """What all sessions hold together, as they published it."""
        return self.question.published_bytes

    @property
    def budget_bytes(self) -> int:
        """What they may hold together; 0 for no budget."""
        return self.question.budget_bytes

    @property
    def headroom_bytes(self) -> float:
        """What they may still gain together; infinite without a budget, and beyond it, where haste helps nobody."""
        if not self.budget_bytes or self.total_bytes > self.budget_bytes:
            return float("inf")
        return max(_LEAST_HEADROOM_BYTES, self.budget_bytes - self.total_bytes)

    def publish(self, own: Neighbour) -> None:
        """Tell the others, where it is news to them."""
        if not own.differs(self._published):
            return
        try:
            own.write(self.folder)
            self._published = own
            self._said.discard("publish")
        except OSError as error:
            self._say("publish", f"the other sessions of this host are not told of this one: {described(error)}")

    def agree(self, own: Neighbour, settings: "Settings", pressure: "Pressure | None" = None) -> bool:
        """Whether this guard's session is the one to be restarted. It waits for nobody longer than some ms.

        Whoever has just read the host's pressure hands it over.
        """
        self.standing, self.victim_s, self.reason = "", 0.0, ""
        self._let_go_on()
        budget_bytes = int(getattr(settings, "host_budget_bytes", 0))
        self.question = Question(budget_bytes, 0)
        self._quiet_s = settings.restart.typing_quiet_s
        if not budget_bytes:
            return False
        try:
            is_victim = self._agree(own, budget_bytes, pressure)
            self._said.discard("agree")
        except (OSError, ValueError, MemguardError) as error:
            self._say("agree", f"the sessions of this host can't agree on one to restart: {described(error)}")
            return False
        return is_victim

    def _let_go_on(self) -> None:
        """What another guard's watchdog had stopped when it was killed: nobody else may come, as its client waits."""
        now_s = time.monotonic()
        if now_s - self._thawed_s < _THAW_AGAIN_S:
            return
        self._thawed_s = now_s
        try:
            self._thaw_unwatched()
            self._said.discard("thaw")
        except (OSError, MemguardError) as error:
            self._say("thaw", f"what other sessions may have left stopped is not looked for: {described(error)}")

    def _thaw_unwatched(self) -> None:
        names = os.listdir(f"{self.runtime_dir}/guards")
        if not any(os.path.exists(f"{self._folder(name)}/{FROZEN}") for name in names):
            return
        from memguard.host.dead_guards import thaw_unwatched  # a watchdog at rest does without

        thawed = thaw_unwatched(self.runtime_dir)
        if thawed:
            why = "another session's watchdog died while they were frozen"
            self._journal.event("part_thawed", processes=len(thawed), why=why)

    def _agree(self, own: Neighbour, budget_bytes: int, pressure: "Pressure | None") -> bool:
        others = self._others()
        total_bytes = sum(each.candidate.footprint_bytes for each in [own, *others])
        self.question = Question(budget_bytes, total_bytes, is_short=self._gauge.is_short(pressure))
        claim = read_claim(self._path)
        if claim.guard_id == self.guard_id and claim.is_current(time.monotonic()):
            return self._follow(own, others, claim)
        if self.question.is_open() and not self._is_agreed(claim):
            self._locked(lambda: self._choose(own, others))
        return False  # where it is this guard that was chosen, it takes the claim up at the look that follows at once

    def _is_agreed(self, claim: Claim) -> bool:
        """Whether another has the claim, or it was agreed lately that nobody is to have it."""
        if not claim.guard_id:
            return self.question.is_answered(claim)
        self.standing = claim.guard_id if self._stands(claim) else ""
        return bool(self.standing)

    def _stands(self, claim: Claim) -> bool:
        """Whether the victim is on its way: its watchdog lives or its ticket is out, its next client hasn't settled."""
        now_s, folder = time.monotonic(), self._folder(claim.guard_id)
        if has_ticket(folder):
            return claim.is_current(now_s) or claim.is_current(now_s - _TICKET_MORE_S)
        if not claim.is_current(now_s) or claim.is_left(now_s) or not is_held(f"{folder}/{WATCHDOG}"):
            return False
        return not _has_settled(claim, read_neighbour(folder))

    # What the victim does with its claim.

    def _follow(self, own: Neighbour, others: "list[Neighbour]", claim: Claim) -> bool:
        """Act on it, give it back, or keep it until the restarted client has settled."""
        self.standing, now_s = self.guard_id, time.monotonic()
        if own.generation != claim.generation:
            if _has_settled(claim, own):
                self._locked(lambda: self._give_back(claim, own))
            return False
        if not (self.question.is_open() and own.candidate.may_restart and claim.may_begin(now_s)):
            self._locked(lambda: self._give_back(claim, own))
            return False
        if self._may_prefer_another(own, others, now_s):
            self._locked(lambda: self._choose(own, others))
        if not self._is_still_ours(claim):
            return False
        self.victim_s, self.reason = now_s - claim.since_s, claim.reason
        return True

    def _may_prefer_another(self, own: Neighbour, others: "list[Neighbour]", now_s: float) -> bool:
        """Whether this session is busy or typed to by now, and another may be idle."""
        if own.candidate.is_idle and is_quiet(own.client.pid, self._quiet_s):
            return False
        is_late = now_s - self._asked_s >= _ASK_AGAIN_S
        return is_late and any(each.candidate.is_idle and each.candidate.helps for each in others)

    def _is_still_ours(self, claim: Claim) -> bool:
        found = read_claim(self._path)
        is_ours = _is_same(found, claim)
        return is_ours and (found.is_taken or self._locked(lambda: self._take(claim)))

    def _take(self, claim: Claim) -> bool:
        found = read_claim(self._path)
        if not _is_same(found, claim):
            return False
        found.is_taken = True
        found.write(self._path)
        return True

    def _give_back(self, claim: Claim, own: Neighbour) -> bool:
        """Free the claim; who could not act on it in time is not asked again soon."""
        found, now_s = read_claim(self._path), time.monotonic()
        if not _is_same(found, claim):
            return False
        free = Claim("", now_s)
        free.boot_id, free.passed = found.boot_id, found.passed_until(now_s)
        if not found.may_begin(now_s) and not _has_settled(found, own):
            free.pass_by(self.guard_id, now_s)
        free.write(self._path)
        return True

    # What whoever finds that there is too much does, under the lock.

    def _choose(self, own: Neighbour, others: "list[Neighbour]") -> bool:
        before = read_claim(self._path)
        self._asked_s = time.monotonic()
        if before.guard_id not in ("", self.guard_id) and self._stands(before):
            return False
        living = [own, *(each for each in others if is_living(self._folder(each.guard_id), each))]
        if self._is_one_restarting(living, others):
            return False
        candidates = survey(living, self.runtime_dir, self._quiet_s, self.question.enough_bytes())
        claim = self.question.answer(candidates, living, self._passed(before))
        if claim.guard_id and claim.guard_id == before.guard_id == self.guard_id:
            return False  # still the best: the time of its claim goes on running
        claim.write(self._path)
        self._tell(claim, before, len(living))
        return True

    def _is_one_restarting(self, living: "list[Neighbour]", others: "list[Neighbour]") -> bool:
        """Whether what all hold together is about to change: a ticket is out, or a client reads its conversation."""
        if any(has_ticket(self._folder(each.guard_id)) for each in others):
            return True
        return not self.question.is_short and any(each.candidate.is_starting for each in living)

    def _passed(self, before: Claim) -> "dict[str, float]":
        """Who is left out for now, the victim included that has let `before` go by."""
        if before.boot_id != identity.boot_id():
            return {}
        now_s = time.monotonic()
        is_on = before.guard_id == self.guard_id and before.is_current(now_s)
        if before.guard_id and not is_on and not _has_settled(before, read_neighbour(self._folder(before.guard_id))):
            before.pass_by(before.guard_id, now_s)
        return before.passed_until(now_s)

    def _tell(self, claim: Claim, before: Claim, sessions: int) -> None:
        """Wake the victim; into the events, once, that one was chosen, or that no restart would help."""
        if claim.guard_id:
            nudge(self._folder(claim.guard_id))
        elif not claim.reason or (not before.guard_id and before.reason and claim.since_s - before.since_s < _SAID_S):
            return
        self._journal.event(
            "memory_host_budget_exceeded", victim=claim.guard_id, why=claim.reason, sessions=sessions,
            total_bytes=claim.total_bytes, limit_bytes=claim.budget_bytes,
        )  # fmt: skip

    # The registry.

    def _folder(self, guard_id: str) -> str:
        return f"{self.runtime_dir}/guards/{guard_id}"

    def _others(self) -> "list[Neighbour]":
        """What the others published; a file is read again when it has changed."""
        if not is_own_dir(self.runtime_dir):
            raise PermissionError(f"{self.runtime_dir} is not this user's alone")
        names = os.listdir(f"{self.runtime_dir}/guards")
        self._read = {name: self._read_again(name) for name in names if is_plain_id(name) and name != self.guard_id}
        return [neighbour for _, neighbour in self._read.values() if neighbour]

    def _read_again(self, name: str) -> "tuple[Stamp, Neighbour | None]":
        try:
            status = os.lstat(f"{self._folder(name)}/{NEIGHBOUR}")
        except OSError:
            return (0, 0), None
        stamp, known = (status.st_ino, status.st_mtime_ns), self._read.get(name)
        return known if known and known[0] == stamp else (stamp, read_neighbour(self._folder(name)))

    def _locked(self, action: "Callable[[], bool]") -> bool:
        """Do `action` under the host's lock; False where that is another's for longer than some ms."""
        lock = FileLock(f"{self.runtime_dir}/{HOST_LOCK}")
        for attempt in range(_LOCK_TRIES):
            if lock.acquire(blocking=False):
                self._locked_out_s = 0.0
                try:
                    return action()
                finally:
                    lock.release()
            time.sleep(_LOCK_PAUSE_S if attempt + 1 < _LOCK_TRIES else 0)
        self._note_locked_out()
        return False

    def _note_locked_out(self) -> None:
        now_s = time.monotonic()
        self._locked_out_s = self._locked_out_s or now_s
        if now_s - self._locked_out_s >= _LOCKED_OUT_S:
            self._say("lock", f"{self.runtime_dir}/{HOST_LOCK} has been another's for {_LOCKED_OUT_S:.0f} s")

    def _say(self, what: str, text: str) -> None:
        """One line in the log, until it has gone well again."""
        if what not in self._said:
            self._said.add(what)
            self._journal.log(text)


def _has_settled(claim: Claim, neighbour: "Neighbour | None") -> bool:
    """Whether the victim's next client is there, and past the peak of its start."""
    return neighbour is not None and neighbour.generation > claim.generation and not neighbour.candidate.is_starting


def _is_same(found: Claim, claim: Claim) -> bool:
    return (found.guard_id, found.since_s) == (claim.guard_id, claim.since_s)
