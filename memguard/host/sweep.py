"""Ends what a session left behind: gently, then by force, until nothing new of it appears."""

import time
from collections.abc import Callable, Iterable

from memguard.core.identity import ProcessId
from memguard.core.light_signal import signal
from memguard.host import current
from memguard.host.descendants import describe
from memguard.host.freeze import freeze, thaw
from memguard.host.identity import is_alive, own_line, process_id
from memguard.host.signals import Batch, send, wait_gone
from memguard.host.sparing import Rule
from memguard.host.table import Row

# How often the host is scanned for forks during a sweep: 12 ms each on a host of 490 processes.
_LOOK_INTERVAL_S = 0.2
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has but one way to end a process
_CONTINUE = getattr(signal, "SIGCONT", 0)
# Where processes were gone before a signal came, one look that finds nobody says little.
_QUIET_LOOKS = 12
_RESTLESS_LOOK_S = 0.01
_FLEETING = "what forks faster than it can be signalled"


class SweepResult:
    """What became of the processes, by name, for the person and the model.

    ended      (pid, name, footprint in bytes before its end)
    spared     (pid, name, why): bound to a terminal, another user's, or what else the rule says
    remaining  (pid, name): neither signal ended it in time (stuck in the kernel, or forking faster than it is listed)
    """

    __slots__ = ("ended", "remaining", "spared")

    def __init__(self) -> None:
        self.ended: list[tuple[int, str, int]] = []
        self.spared: list[tuple[int, str, str]] = []
        self.remaining: list[tuple[int, str]] = []


def end_all(  # noqa: PLR0913 -- all but the first two are by name and have a default
    process_ids: Iterable[ProcessId],
    grace_s: float,
    *,
    force_s: float = 5.0,
    own_terminal: int = 0,
    exclude: Iterable[int] = (),
    find_more: Callable[[], list[ProcessId]] | None = None,
    rule: Rule | None = None,
) -> SweepResult:
    """End these processes and all that descends from them: TERM and CONT, `grace_s`, STOP to all, KILL, `force_s`.

    What `rule` spares is named with its reason; without one, that is what is bound to a terminal other than
    `own_terminal` (the client's device number) or belongs to another user. Never touched: `exclude`, this process, its
    ancestors. `find_more` (such as a Lineage's `survivors`) is asked before the sweep ends, for what left both tree and
    process session while it ran.
    """
    sweep = _Sweep(rule or Rule(own_terminal), frozenset(exclude) | own_line())
    sweep.adopt(process_ids)
    if not sweep.press(signal.SIGTERM, grace_s, find_more):
        sweep.force(force_s, find_more)
    return sweep.result()


class _Sweep:
    """One sweep: who is in the family, who of it is spared, who was signalled."""

    def __init__(self, rule: Rule, kept: frozenset[int]) -> None:
        self._rule = rule
        self._kept = kept
        self._family: dict[int, ProcessId] = {}
        self._began: set[int] = set()  # ids of process sessions and groups
        self._facts: dict[ProcessId, tuple[str, int]] = {}
        self._spared: dict[int, tuple[ProcessId, str]] = {}
        self._signalled: dict[ProcessId, int] = {}
        self._fleeting: list[ProcessId] = []  # of the last look: gone before any signal could reach them
        self._last_fled: ProcessId | None = None
        self._is_over = False  # nobody is left, as far as could be seen

    def adopt(self, process_ids: Iterable[ProcessId]) -> bool:
        """Take living processes into the family; whether any was new."""
        new = [who for who in process_ids if who.pid not in self._kept and self._family.get(who.pid) != who]
        living = [who for who in new if is_alive(who)]
        for who in living:
            self._family[who.pid] = who
        self._flee(who for who in new if who not in living)
        return bool(living)

    def _flee(self, gone: Iterable[ProcessId]) -> None:
        self._fleeting += gone
        self._last_fled = self._fleeting[-1] if self._fleeting else self._last_fled

    def press(self, signal_number: int, time_s: float, find_more: Callable[[], list[ProcessId]] | None) -> bool:
        """Send a signal to each, also to those that appear meanwhile; whether all are gone within `time_s`."""
        deadline_s = time.monotonic() + time_s
        quiet_looks = 0
        while True:
            self._fleeting = []
            targets = self.look() or self._look_further(find_more)
            with Batch():
                reached = [who for who in targets if self._signal_once(who, signal_number)]
            self._flee(who for who in targets if who not in reached and not is_alive(who))
            quiet_looks = 0 if targets or self._fleeting else quiet_looks + 1
            self._is_over = quiet_looks >= (_QUIET_LOOKS if self._last_fled else 1)
            left_s = deadline_s - time.monotonic()
            if self._is_over or left_s <= 0:
                return self._is_over
            self._wait(reached, left_s)

    def _wait(self, reached: list[ProcessId], most_s: float) -> None:
        if reached:
            wait_gone(reached, min(_LOOK_INTERVAL_S, most_s))
        else:
            time.sleep(min(_RESTLESS_LOOK_S, most_s))

    def force(self, time_s: float, find_more: Callable[[], list[ProcessId]] | None) -> None:
        """Stop all of them first, again until nobody new appears: who is stopped can't fork while others are killed."""
        held, _ = freeze(self.look, lambda _: None)
        try:
            self.press(_KILL, time_s, find_more)
        finally:
            thaw([who for who in held if is_alive(who)])  # nobody is left stopped

    def look(self) -> list[ProcessId]:
        """Scan the host: the family grows by its new descendants. Returns those to be ended that still run."""
        table = current.scan()
        while self._grow(table):
            pass
        living = {pid for pid, who in self._family.items() if _same(table.get(pid), who)}
        self._spare(table, living)
        targets = [self._family[pid] for pid in sorted(living) if pid not in self._spared]
        for who in targets:
            self._remember(who)
        return targets

    def _look_further(self, find_more: Callable[[], list[ProcessId]] | None) -> list[ProcessId]:
        return self.look() if find_more and self.adopt(find_more()) else []

    def result(self) -> SweepResult:
        """Name everybody once, by what became of them."""
        result = SweepResult()
        spared = {who for who, _ in self._spared.values()}
        result.spared = [(pid, self._facts[who][0], why) for pid, (who, why) in sorted(self._spared.items())]
        for who, (name, footprint_bytes) in self._facts.items():
            if who in spared:
                continue
            if is_alive(who):
                result.remaining.append((who.pid, name))
            elif who in self._signalled:
                result.ended.append((who.pid, name, footprint_bytes))
        if self._last_fled and not self._is_over:
            result.remaining.append((self._last_fled.pid, _FLEETING))
        return result

    def _grow(self, table: dict[int, Row]) -> bool:
        """Adopt who descends from the family or is in a process session or group that one of the family began.

        The latter finds a fork whose parent ended before this look: both ids outlive the one who began them.
        """
        for pid, who in self._family.items():
            row = table.get(pid)
            if row and row.start_ticks == who.start_ticks and pid in (row.session, row.group):
                self._began.add(pid)
        new = [row for row in table.values() if self._is_new_kin(row, table)]
        for row in new:
            self._family[row.pid] = process_id(row.pid, row.start_ticks)
        return bool(new)

    def _is_new_kin(self, row: Row, table: dict[int, Row]) -> bool:
        if row.ended or row.pid in self._kept or self._is_family(row):
            return False
        parent = table.get(row.parent_pid)
        if parent and self._is_family(parent):
            return True
        began = [pid for pid in (row.session, row.group) if pid in self._began]
        return any(pid not in table or self._is_family(table[pid]) for pid in began)

    def _is_family(self, row: Row) -> bool:
        who = self._family.get(row.pid)
        return who is not None and who.start_ticks == row.start_ticks

    def _spare(self, table: dict[int, Row], living: set[int]) -> None:
        """Who is once spared stays so, whatever becomes of the reason while the sweep goes on."""
        for pid, why in self._rule.spare(living, table).items():
            if pid not in self._spared:
                self._spared[pid] = (self._family[pid], why)
                self._remember(self._family[pid])

    def _remember(self, who: ProcessId) -> None:
        if who not in self._facts:
            reading = current.read_process(who.pid)
            self._facts[who] = (describe(who.pid), reading.footprint_bytes if reading else 0)

    def _signal_once(self, who: ProcessId, signal_number: int) -> bool:
        """Whether it has been sent, now or before."""
        if self._signalled.get(who) == signal_number:
            return True
        if not send(who, signal_number):
            return False
        self._signalled[who] = signal_number
        if _CONTINUE:  # a stopped process takes TERM only once it goes on
            send(who, _CONTINUE)
        return True


def _same(row: Row | None, who: ProcessId) -> bool:
    return row is not None and row.start_ticks == who.start_ticks and not row.ended
