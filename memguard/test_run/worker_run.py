"""A worker of xdist: it measures its own tree, and sends what it found with the last report of each test.

One that passes the run's limit all by itself interrupts its test without being told, so that a test that never ends
can't take the machine. Else the controller judges (`memguard.test_run.controller_run`).
"""

import os
from typing import Any

import pytest

from memguard.test_run.mailbox import Mailbox
from memguard.test_run.measured_tests import MeasuredTests
from memguard.test_run.running_test import TestMemory
from memguard.test_run.verdict import Verdict, headline

KEY = "memguard"  # in the input and output of a worker, and in the report of a test's teardown


class WorkerRun:
    """In a worker: measures, and sends what it found with each test's last report."""

    def __init__(self, session: pytest.Session, name: str, given: dict[str, Any]) -> None:
        self._name = name
        self._getpid = os.getpid  # kept, since tests replace functions in modules
        self._pid = os.getpid()
        self._session = session
        self._mailbox = Mailbox(given["mailbox"])
        self._verdicts: list[Verdict] = []
        self._tests = MeasuredTests(session, given["limit_bytes"], self._verdicts.append, self._ordered, worker=name)

    def begin(self, plugins: pytest.PytestPluginManager) -> None:
        """Watch from here on."""
        plugins.register(self, "memguard-run")
        self._tests.begin()
        self._tests.look_into_reports()  # and so before `pytest_runtest_logreport` here: the last registered is first
        self._mailbox.sign_in(self._name)
        self._stop_if_ordered()

    def end(self) -> None:
        """Stop watching; any number of times."""
        self._tests.end()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> bool | None:
        """No further test once the run is stopped, whatever else this worker was given; its fixtures are torn down."""
        self._stop_if_ordered()
        return True if self._session.shouldstop else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test is over with the last of its three reports, which takes along what was found."""
        if report.when == "teardown" and self._getpid() == self._pid:  # not a child that a test forked and forgot
            self._send(report, self._tests.end_test(report.nodeid))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """The worker is done. What no test's report could take along goes now: a limit passed in collection."""
        self.end()
        session.config.workeroutput[KEY] = [verdict.to_plain() for verdict in self._verdicts]  # type: ignore[attr-defined]

    def _stop_if_ordered(self) -> None:
        if not self._session.shouldstop and self._mailbox.is_stop_ordered():
            order = self._mailbox.stop_order()
            if order:
                self._session.shouldstop = f"memguard: {headline(order[0])}"

    def _ordered(self) -> Verdict | None:
        """Whether the controller wants this worker's test interrupted, and why."""
        order = self._mailbox.stop_order()
        if order is None or self._name not in order[1]:
            return None
        return order[0]._replace(worker=self._name)

    def _send(self, report: pytest.TestReport, memory: TestMemory) -> None:
        growth = memory.peak_bytes - memory.start_bytes
        verdicts = [verdict._replace(growth_bytes=growth) for verdict in self._verdicts]
        self._verdicts.clear()
        sizes = [memory.start_bytes, memory.end_bytes, memory.peak_bytes]
        setattr(report, KEY, {"sizes": sizes, "verdicts": [verdict.to_plain() for verdict in verdicts]})
