"""The process that the person started, where xdist distributes: it watches the whole tree, and alone stops the run."""

import signal
import threading
from typing import Any

import pytest

from memguard.host import current
from memguard.host.signals import send
from memguard.test_run.account import Account
from memguard.test_run.asked import Asked
from memguard.test_run.excess import Excess
from memguard.test_run.mailbox import Mailbox
from memguard.test_run.reporting import Reporting
from memguard.test_run.summary import held_by
from memguard.test_run.verdict import Verdict, headline, verdict_of
from memguard.test_run.watch import Watch
from memguard.test_run.worker_run import KEY

_NUMBER = getattr(signal, "SIGURG", 0)
# A signal that comes right before a call that blocks is handled after it: so it is sent again.
_AGAIN_S = 1.0
# So many times; then the test of the next worker is interrupted, too, where that isn't enough yet.
_TIMES = 2


class ControllerRun:
    """In the process that the person started: watches the whole tree, and alone stops the run."""

    def __init__(self, session: pytest.Session, asked: Asked) -> None:
        self._session = session
        self._account = Account(asked)
        self._watch = Watch(asked.limit_bytes, self._over)
        self._mailbox = Mailbox()
        self._reporting = Reporting(self._account, self.end)
        self._interrupted: list[str] = []
        self._waiting: set[str] = set()  # interrupted, and their test isn't over yet
        self._rounds = 0
        self._again: threading.Timer | None = None
        self._is_over = False

    def begin(self, plugins: pytest.PytestPluginManager) -> None:
        """Watch and report from here on."""
        plugins.register(self, "memguard-controller")
        plugins.register(self._reporting, "memguard-reporting")
        self._watch.begin()
        self._reporting.begin()

    def end(self) -> None:
        """Stop watching; any number of times."""
        self._is_over = True
        if self._again is not None:
            self._again.cancel()
        self._watch.end()
        self._mailbox.remove()
        self._account.see(self._watch.peak_bytes)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A worker is about to be started."""
        limit_bytes = self._account.asked.limit_bytes
        node.workerinput[KEY] = {"limit_bytes": limit_bytes, "mailbox": self._mailbox.folder}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self) -> None:
        """One has signed in."""
        self._mailbox.workers()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """A worker has ended: in order, or not."""
        self._hear(getattr(node, "workeroutput", {}).get(KEY, []))
        self._mailbox.sign_out(node.gateway.id)
        self._waiting.discard(node.gateway.id)
        if error and not self._is_over:
            self._account.add_crash(node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """The test that a worker was running when it ended."""
        crash = self._account.name_crash(report.node.gateway.id, crashitem)
        if crash and isinstance(report.longrepr, str):
            report.longrepr += f"\nmemguard: {held_by(crash)}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What a worker has found of one test."""
        found = getattr(report, KEY, None)
        if found is None:
            return
        start_bytes, end_bytes, peak_bytes = found["sizes"]
        worker = getattr(report, "worker_id", "")
        self._waiting.discard(worker)
        self._account.ledger.add(report.nodeid, start_bytes, end_bytes, peak_bytes, worker)
        self._hear(found["verdicts"])

    def _hear(self, verdicts: list[dict[str, Any]]) -> None:
        """What a worker has found to be over a limit."""
        for verdict in map(Verdict.from_plain, verdicts):
            self._account.add_verdict(verdict)
            if verdict.is_run:
                self._stop(verdict)

    def _over(self, excess: Excess, _is_run: bool) -> None:
        """The whole tree is over the run's limit: called in the watch's thread."""
        verdict = verdict_of(excess, "", "", is_run=True)
        self._account.add_verdict(verdict)
        self._stop(verdict)
        self._interrupt_largest(verdict)

    def _stop(self, verdict: Verdict) -> None:
        text = f"memguard: {headline(verdict)}"
        self._session.shouldstop = text
        distributing = self._session.config.pluginmanager.get_plugin("dsession")
        if distributing is not None and not distributing.shouldstop:
            distributing.shouldstop = text
        if not self._mailbox.is_stop_ordered():
            self._mailbox.order_stop(verdict, [])

    def _interrupt_largest(self, verdict: Verdict) -> None:
        """The test of the largest worker ends now; those of the others go on to their end, if that is enough."""
        workers = self._mailbox.workers()
        left = [name for name in workers if name not in self._interrupted]
        if self._is_over or not workers:
            return
        if not left:  # all tests have caught it and gone on
            left = list(workers)
            self._interrupted.clear()
        largest = max(left, key=lambda name: sum(found[3] for found in current.walk(workers[name].pid)))
        self._interrupted.append(largest)
        self._account.name_worker(largest)
        self._waiting.add(largest)
        self._mailbox.order_stop(verdict, self._interrupted)
        self._signal(verdict)

    def _signal(self, verdict: Verdict) -> None:
        workers = self._mailbox.workers()
        for name in self._waiting & workers.keys():
            if _NUMBER:
                send(workers[name], _NUMBER)
        self._rounds += 1
        self._again = threading.Timer(_AGAIN_S, self._see_to_it, (verdict,))
        self._again.daemon = True
        self._again.start()

    def _see_to_it(self, verdict: Verdict) -> None:
        """Until every test that was interrupted is over, and all hold less than the limit."""
        is_over_limit = self._watch.reading() > verdict.limit_bytes
        if self._is_over or not (self._waiting or is_over_limit):
            return
        if is_over_limit and self._rounds % _TIMES == 0:
            self._interrupt_largest(verdict)
        else:
            self._signal(verdict)
