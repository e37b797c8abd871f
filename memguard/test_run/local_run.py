"""A run in one process: pytest without xdist."""

import pytest

from memguard.test_run.account import Account
from memguard.test_run.asked import Asked
from memguard.test_run.measured_tests import MeasuredTests
from memguard.test_run.reporting import Reporting


class LocalRun:
    """Measures, judges and reports; `begin` makes its hooks pytest's."""

    def __init__(self, session: pytest.Session, asked: Asked) -> None:
        self._account = Account(asked)
        self._tests = MeasuredTests(session, asked.limit_bytes, self._account.add_verdict)
        self._reporting = Reporting(self._account, self.end)
        # Looked up once: a test of nothing takes what three such look-ups do a hundred times.
        self._end_brief_test, self._ended = self._tests.end_brief_test, self._account.ledger.ended()

    def begin(self, plugins: pytest.PytestPluginManager) -> None:
        """Watch and report from here on."""
        plugins.register(self, "memguard-run")
        plugins.register(self._reporting, "memguard-reporting")
        self._tests.begin()
        self._reporting.begin()

    def end(self) -> None:
        """Stop watching; any number of times."""
        self._tests.end()
        self._account.see(self._tests.peak_bytes)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test is over."""
        if self._tests.is_looking or not self._end_brief_test(nodeid, self._ended):
            memory = self._tests.end_test(nodeid)
            self._ended += (nodeid, memory.start_bytes, memory.end_bytes, memory.peak_bytes)
