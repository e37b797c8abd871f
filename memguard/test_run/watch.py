"""Watches what a test run holds: by a thread that samples, and by a reading at each border between two tests.

The end of one test is the beginning of the next, so a border is one reading. A reading by the thread counts for the
test that ran when it was begun, or for none: what one test gave back at its end is never the next one's.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from memguard.test_run.excess import Excess
from memguard.test_run.high_water import HighWater
from memguard.test_run.meter import Meter, Reading
from memguard.test_run.own_status import OwnSize
from memguard.test_run.pace import FILL_BYTES_PER_S, LONGEST_S, Pace
from memguard.test_run.running_test import RunningTest, TestMemory
from memguard.test_run.sampler import Sampler

# From the end of one test to the beginning of the next; longer ago, something else has run in between.
_SAME_BORDER_S = 0.05
# What comes and goes in this time is 44 MB by the fastest that a core can fill (huge pages), 8 MB by the usual.
_BRIEF_S = 0.005
# Less is left for a later border to find: every other test of nothing takes a page, for its report.
_STEP_BYTES = 64 * 1024
# More is worth being read in full.
_MOST_BYTES = 1024 * 1024
# For so long in a row nobody else is believed to have moved, or to have been started.
_BRIEF_TOGETHER_S = 0.05
# Asking for shares takes a fifth of the time at the most.
_COSTS = 4
# What is held at the end of that asking is what was held before it, but for so much; else it was given back.
_STILL = 0.95
_LARGEST = 5


class Watch:
    """`on_over(excess, is_run)` is called once for each test that passes its limit, and once for the run.

    Mostly it is the thread that calls it, else `leave_test`. While it is called from the thread, the test that it is
    about can't end. `peak_bytes` is the most that the tree has held, `run_excess` how the run's limit was passed.
    In a child that was forked from this process, `enter_test`, `leave_test` and `end` do nothing; what `end_brief_test`
    does there is of no use, and no harm.
    """

    def __init__(self, run_limit_bytes: int = 0, on_over: Callable[[Excess, bool], None] | None = None) -> None:
        self.peak_bytes = 0
        self.run_excess: Excess | None = None
        self._run_limit_bytes = run_limit_bytes
        self._alarm_bytes = run_limit_bytes or float("inf")
        self._on_over = on_over
        self._pid = os.getpid()
        # Kept, since tests replace functions in modules.
        self._getpid, self._clock, self._cpu_clock = os.getpid, time.monotonic, time.thread_time
        self._meter = Meter()
        self._moved_bytes = self._meter.moved_bytes
        self._high_water = HighWater()
        self._pace = Pace()
        self._sampler = Sampler(self._sample)
        self._lock = threading.RLock()
        self._reading = Reading(0, OwnSize(0))  # at the last border that was read
        self._test = RunningTest(self._reading)  # what runs between two tests is the next one's
        self._number = 0  # of the test that runs
        self._border_s = self._reading_s = 0.0  # when the last border was, and the last that was read
        self._has_begun = False
        self._confirm_again_s = 0.0

    def begin(self) -> None:
        """Watch from here on."""
        self._meter.begin()
        self._read_border()
        self._begin_test()
        self._look_at(self._number, self._test.start)
        self._sampler.begin()
        self._has_begun = True

    def end(self) -> None:
        """Stop the thread, and take a last reading; safe to repeat."""
        if self._getpid() != self._pid:
            return
        self._sampler.end()
        if self._has_begun:
            self._take(self._number, self._meter.read())
            self._has_begun = False
        self._meter.end()

    def enter_test(self, name: str, limit_bytes: int = 0) -> None:
        """A test begins, with a limit of its own on what it adds (0: none)."""
        if not limit_bytes and self._clock() - self._border_s < _SAME_BORDER_S:
            self._test.name = name
        elif self._getpid() == self._pid:
            self._read_border(limit_bytes > 0)
            self._begin_test(name, limit_bytes)

    def leave_test(self) -> TestMemory:
        """It has ended: what it held. What the thread hasn't found of an excess is found here."""
        test, ended = self._test, list[Any]()
        if self.end_brief_test(test.name, ended):
            return TestMemory(*ended)
        if self._getpid() != self._pid:
            return test.memory(test.start.size_bytes)
        memory = self._end_test(test)
        self._begin_test()
        return memory

    def end_brief_test(self, name: str, ended: list[Any]) -> bool:
        """`leave_test` by what is known of the last border, a tenth of what reading costs; False where that won't do.

        It does where so little time has passed that hardly anything can have come and gone, the thread has seen
        nothing, and the run's limit isn't passed. Then `ended` gets name, start, end and peak.
        """
        now_s, test = self._clock(), self._test
        if now_s - self._border_s > _BRIEF_S or now_s - self._reading_s > _BRIEF_TOGETHER_S:
            return False
        moved_bytes, start = self._moved_bytes(), test.start
        start_bytes = start.size_bytes
        if moved_bytes is None or test.limit_bytes or test.peak_bytes != start_bytes:
            return False
        end_bytes = self._reading.size_bytes + moved_bytes
        if -_STEP_BYTES < end_bytes - start_bytes < _STEP_BYTES:
            end_bytes, following = start_bytes, start
        elif end_bytes > self._alarm_bytes or abs(end_bytes - start_bytes) > _MOST_BYTES:
            return False
        else:
            following = Reading(end_bytes, start.own, start.others)
        if test.is_held:  # from here on nothing is called, so that Python lets no other thread run
            return False
        self._number += 1
        self._border_s = now_s
        test.name, test.start, test.peak_bytes = "", following, end_bytes
        ended += (name, start_bytes, end_bytes, max(start_bytes, end_bytes))
        return True

    def reading(self) -> int:
        """Footprint in bytes of the whole tree, now; 0 where this process itself can't be measured."""
        return self._meter.read(is_thorough=True).size_bytes

    def _end_test(self, test: RunningTest) -> TestMemory:
        reading = self._read_border(test.limit_bytes > 0)
        self._look_at(self._number, reading, is_last=True)
        own_peak_bytes = self._high_water.peak_bytes(reading.own)
        if own_peak_bytes > reading.own.size_bytes:
            others_bytes = min(test.start.others.added_bytes, reading.others.added_bytes)
            self._take(self._number, self._meter.at_own_peak(reading, own_peak_bytes, others_bytes))
        if test.over is not None:  # the thread is about to confirm it, and would come too late
            self._look_at(self._number, test.over, is_last=True)
        return test.memory(reading.size_bytes)

    def _read_border(self, is_exact: bool = False) -> Reading:
        self._reading = self._meter.read_border(is_exact)
        self._reading_s = self._border_s = self._clock()
        return self._reading

    def _begin_test(self, name: str = "", limit_bytes: int = 0) -> None:
        """From the border that was just read."""
        test = RunningTest(self._reading, name, limit_bytes)
        with self._lock:
            self._high_water.begin(test.start.own, limit_bytes)
            self._number += 1
            self._test = test

    def _sample(self) -> float:
        """A look by the thread; the seconds until the next."""
        if self._needs_no_look():
            return LONGEST_S
        begun_s, number = self._cpu_clock(), self._number
        reading = self._meter.read()
        cost_s = self._meter.cost_s if reading.others.sizes else self._cpu_clock() - begun_s
        self._look_at(number, reading)
        return self._pace.next_s(self._clock(), reading.size_bytes, self._headroom_bytes(reading.size_bytes), cost_s)

    def _needs_no_look(self) -> bool:
        """Whether borders follow each other, far from any limit: they read as often, and all that a look would.

        With every file that they read, tests wake a thread that waits for the interpreter, mostly in vain: a look costs
        them ten times what it takes by itself.
        """
        start = self._test.start
        if self._clock() - self._border_s > _BRIEF_S or start.others.sizes:
            return False
        headroom_bytes = self._headroom_bytes(start.size_bytes)
        return headroom_bytes is None or headroom_bytes > LONGEST_S * FILL_BYTES_PER_S

    def _look_at(self, number: int, reading: Reading, is_last: bool = False) -> None:
        """Take a reading, confirmed where it is over a limit; `is_last`: a test's own limit, now or never."""
        test = self._test
        if not self._is_over(test, reading.size_bytes):
            self._take(number, reading)
        elif (is_last and test.limit_bytes) or self._clock() >= self._confirm_again_s:
            if number == self._number:
                test.over, test.is_held = reading, True
            try:
                self._take(number, self._confirm(reading))
            finally:
                test.over, test.is_held = None, False

    def _confirm(self, reading: Reading) -> Reading:
        """By shares; but what was given back meanwhile was held all the same."""
        begun_s = self._clock()
        confirmed = self._meter.read_confirmed()
        ended_s = self._clock()
        self._confirm_again_s = ended_s + _COSTS * (ended_s - begun_s)
        return confirmed if confirmed.footprint_bytes >= _STILL * reading.footprint_bytes else reading

    def _take(self, number: int, reading: Reading) -> None:
        """Note what was held, and whether that is over a limit."""
        with self._lock:
            test, is_same_test = self._test, number == self._number
            if is_same_test:
                self._high_water.see(reading.own)
                self.peak_bytes = max(self.peak_bytes, reading.size_bytes)
                test.peak_bytes = max(test.peak_bytes, reading.size_bytes)
            elif test.start.size_bytes <= self._run_limit_bytes:  # given back at the end of that test
                return
            if self._is_over(test, reading.size_bytes):
                test.is_held = True
                try:
                    self._find(test, reading, is_same_test=is_same_test)
                finally:
                    test.is_held = False

    def _find(self, test: RunningTest, reading: Reading, is_same_test: bool) -> None:
        growth_bytes = test.growth_bytes(reading.size_bytes)
        if is_same_test and self._is_over_own(test, reading.size_bytes):
            test.excess = self._excess(reading, test.limit_bytes, growth_bytes)
            self._tell(test.excess, is_run=False)
        if self._is_over_run(reading.size_bytes):
            self.run_excess = self._excess(reading, self._run_limit_bytes, growth_bytes)
            self._tell(self.run_excess, is_run=True)

    def _excess(self, reading: Reading, limit_bytes: int, growth_bytes: int) -> Excess:
        largest = tuple(self._meter.sizes(reading)[:_LARGEST])
        return Excess(reading.size_bytes, limit_bytes, growth_bytes, largest, is_confirmed=reading.is_confirmed)

    def _is_over(self, test: RunningTest, size_bytes: int) -> bool:
        """Whether it passes a limit for the first time."""
        return self._is_over_run(size_bytes) or self._is_over_own(test, size_bytes)

    def _is_over_run(self, size_bytes: int) -> bool:
        return 0 < self._run_limit_bytes < size_bytes and self.run_excess is None

    def _is_over_own(self, test: RunningTest, size_bytes: int) -> bool:
        return 0 < test.limit_bytes < test.growth_bytes(size_bytes) and test.excess is None

    def _headroom_bytes(self, size_bytes: int) -> int | None:
        """To the nearest limit that hasn't been passed yet."""
        test, rooms = self._test, []
        if self._run_limit_bytes and self.run_excess is None:
            rooms.append(self._run_limit_bytes - size_bytes)
        if test.limit_bytes and test.excess is None:
            rooms.append(test.limit_bytes - test.growth_bytes(size_bytes))
        return min(rooms, default=None)

    def _tell(self, excess: Excess, is_run: bool) -> None:
        if self._on_over is not None:
            self._on_over(excess, is_run)
