"""What each test holds, in the process that runs it: pytest itself, or a worker of xdist.

A test begins where the one before it has ended, and ends when its fixtures are torn down: who has registered this says
so by `end_test` or `end_brief_test`, once a test. The hook that looks into reports, called three times a test, is there
only where one may have to be changed: from half the run's limit on, where tests have limits of their own, and in
workers. A plain hook takes 4,000 instructions a call, 0.15 % of all that pytest takes for an empty test.
"""

import gc
import os
import threading
from collections.abc import Callable

import pytest

from memguard.core.errors import UsageError
from memguard.test_run.excess import Excess
from memguard.test_run.interruption import Interruption
from memguard.test_run.marked import MARKER, marked_items
from memguard.test_run.running_test import TestMemory
from memguard.test_run.size import above_the_host, parse_mark
from memguard.test_run.stack import frame_of, running_phase
from memguard.test_run.verdict import Verdict, added, blame, explained, headline, verdict_of
from memguard.test_run.watch import Watch

_RUNS, _TESTS_OWN = "run", "test"
# From this share of the run's limit on there is one border more, so that a test that takes the run over it fails. From
# below, a test passes both only where it takes long enough for the thread to see it.
_NEAR = 0.5
# A border costs 20 us; who fills 10 MB takes longer than this.
_LEAST_S = 0.002


class MeasuredTests:
    """`on_verdict`: a limit was passed.

    `ask` is called at a signal that comes from another process: why the test that runs is to be interrupted. `worker`
    is xdist's name of this process, empty without xdist.
    """

    def __init__(
        self,
        session: pytest.Session,
        limit_bytes: int,
        on_verdict: Callable[[Verdict], None],
        ask: Callable[[], Verdict | None] = lambda: None,
        *,
        worker: str = "",
    ) -> None:
        self._session = session
        self._worker = worker
        self._on_verdict, self._ask = on_verdict, ask
        self._watch = Watch(limit_bytes, self._over)
        self._leave_test = self._watch.leave_test
        # Does for `end_test` while nobody looks into reports. What it leaves out is seen to at the next border.
        self.end_brief_test = self._watch.end_brief_test
        self._interruption = Interruption(self._asked)
        self._getpid = os.getpid  # kept, since tests replace functions in modules
        self._pid, self._thread = os.getpid(), threading.get_ident()
        self._is_collecting, self.is_looking = True, False
        self._test = ""  # what is collected, or has just ended
        self._began: TestMemory | None = None  # setup and call of a test that has had a border before its teardown
        self._limit_bytes = 0  # the running test's own
        self._near_bytes = _NEAR * limit_bytes if limit_bytes else float("inf")
        self._passed: set[str] = set()  # which limits: the run's, the running test's
        self._untold: Verdict | None = None  # not yet in a report

    @property
    def peak_bytes(self) -> int:
        """The most that the tree has held."""
        return self._watch.peak_bytes

    def begin(self) -> None:
        """Watch from here on."""
        self._session.config.pluginmanager.register(self, "memguard-tests")
        self._interruption.begin()
        self._watch.begin()

    def end(self) -> None:
        """Stop watching; any number of times."""
        if self._getpid() == self._pid:
            self._watch.end()
            self._interruption.end()

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        """A test file may be imported next."""
        self._test = collector.nodeid

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """Not even one test where collecting them was too much; pytest itself looks after the first."""
        self._is_collecting, self._test = False, ""
        marked = marked_items(self._session.items)
        if marked:
            self._session.config.pluginmanager.register(_Limits(set(marked), self.limit), "memguard-limits")
            self.look_into_reports()
        self._leave_test()
        self._interruption.forget()
        if self._session.shouldstop and not self._worker:
            raise self._session.Interrupted(self._session.shouldstop)

    def limit(self, item: pytest.Item) -> None:
        """A test begins that may add so much."""
        self._limit_bytes = _limit_of(item)
        if self._limit_bytes:
            self._watch.enter_test(item.nodeid, self._limit_bytes)

    def look_into_reports(self) -> None:
        """From here on; safe to repeat."""
        if not self.is_looking:
            self.is_looking = True
            plugins = self._session.config.pluginmanager
            plugins.register(_Reports(self.judge, self.refuse), "memguard-reports")

    def judge(self, report: pytest.TestReport) -> None:
        """A phase of a test is over: before anybody else has seen the report, so that it can still fail."""
        if self._getpid() != self._pid or hasattr(report, "context"):  # of a subtest: the test goes on
            return
        is_last = report.when == "call" or (report.when == "setup" and not report.passed)
        if is_last and (self._limit_bytes or self._untold or report.duration > _LEAST_S):
            self._end_call()
        if self._untold is not None and self._is_about(report, self._untold):
            self._tell(report, self._untold)
            self._untold = None

    def refuse(self) -> None:
        """A setup begins: of a test that another plugin starts again, though the run is to stop."""
        if _RUNS in self._passed:
            pytest.fail(f"not run: {self._session.shouldstop}", pytrace=False)

    def end_test(self, nodeid: str) -> TestMemory:
        """It is torn down, and all is said about it but its memory; in a worker, all but its last report."""
        self._test = nodeid
        if self._passed:
            gc.collect()  # the traceback of an interrupted test holds all that the test did
        memory = self._leave_test()
        self._test = ""
        if self.is_looking:
            memory = self._whole(memory)
        elif memory.end_bytes > self._near_bytes:
            self.look_into_reports()
        return memory

    def _whole(self, memory: TestMemory) -> TestMemory:
        """With what came before the border between a test and its teardown."""
        self._limit_bytes = 0
        if self._passed:
            self._interruption.forget()
            self._passed.discard(_TESTS_OWN)
        if self._began is None:
            return memory
        began, self._began = self._began, None
        memory.start_bytes = began.start_bytes
        memory.peak_bytes = max(began.peak_bytes, memory.peak_bytes)
        return memory

    def _end_call(self) -> None:
        """A border between a test and its teardown: what is freed then is seen at the next.

        A peak that the thread didn't see is found here.
        """
        self._began = self._leave_test()
        if self._began.excess is not None:
            self._pass(self._verdict(self._began.excess, is_run=False))

    @staticmethod
    def _is_about(report: pytest.TestReport, verdict: Verdict) -> bool:
        """Reports come one by one, or all three when the test is over: with pytest-rerunfailures."""
        return verdict.test == report.nodeid and verdict.phase in ("", report.when)

    def _tell(self, report: pytest.TestReport, verdict: Verdict) -> None:
        blame(report, verdict)
        if verdict.is_run and self._worker and not verdict.is_alone and self._began:
            report.sections.append(("memguard", added(self._began.start_bytes, self._began.peak_bytes)))

    def _over(self, excess: Excess, is_run: bool) -> None:
        """Called by the watch, most often in its thread."""
        verdict = self._verdict(excess, is_run)
        self._pass(verdict)
        self._interruption.request(explained(verdict))

    def _asked(self) -> str:
        verdict = self._ask()
        if verdict is None:
            return ""
        test, phase = self._running()
        self._pass(verdict._replace(test=test, phase=phase))
        return explained(verdict)

    def _verdict(self, excess: Excess, is_run: bool) -> Verdict:
        test, phase = self._running()
        verdict = verdict_of(excess, test, phase, is_run)
        return verdict._replace(worker=self._worker, is_alone=is_run and bool(self._worker))

    def _running(self) -> tuple[str, str]:
        """The test that runs and its phase; empty where none does. The phase is, too, where a test has just ended."""
        if self._is_collecting:
            return self._test, "collection"
        test, phase = running_phase(frame_of(self._thread), self._session)
        return test or self._test, phase

    def _pass(self, verdict: Verdict) -> None:
        """Once a test for its own limit, once a run for the run's."""
        limit = _RUNS if verdict.is_run else _TESTS_OWN
        if limit in self._passed:
            return
        self._passed.add(limit)
        if verdict.is_run:
            self._session.shouldstop = f"memguard: {headline(verdict)}"
        self._untold = verdict
        self.look_into_reports()
        self._on_verdict(verdict)


class _Limits:
    """A hook that only a run with marked tests has."""

    def __init__(self, marked: set[pytest.Item], limit: Callable[[pytest.Item], None]) -> None:
        self._marked, self._limit = marked, limit

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """A test begins."""
        if item in self._marked:
            self._limit(item)


class _Reports:
    """Hooks that are called four times a test."""

    def __init__(self, judge: Callable[[pytest.TestReport], None], refuse: Callable[[], None]) -> None:
        self._judge, self._refuse = judge, refuse

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """A test begins."""
        self._refuse()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase of a test is over."""
        self._judge(report)


def _limit_of(item: pytest.Item) -> int:
    """The limit of the test's closest marker. One that can't be meant fails the test, in one line."""
    mark = item.get_closest_marker(MARKER)
    if mark is None:
        return 0
    try:
        limit_bytes = parse_mark(mark.args, dict(mark.kwargs))
    except UsageError as error:
        pytest.fail(f"marker {MARKER}: {error.what}: {error.next_step}", pytrace=False)
    caution = above_the_host(limit_bytes)
    if caution:
        item.warn(pytest.PytestWarning(f"marker {MARKER}: {caution}, so it won't be reached"))
    return limit_bytes
