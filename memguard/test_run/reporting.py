"""What is said of a run, by the process that the person started: header, summary, junit, JSON, exit code.

What only some runs need is imported by those: pytest's way to import a plugin's module takes it a millisecond.
"""

import os
from collections.abc import Callable

import pytest

from memguard.core.units import format_size
from memguard.test_run import STOPPED_EXIT_CODE
from memguard.test_run.account import Account
from memguard.test_run.asked import PERSON, SESSION
from memguard.test_run.summary import shown_from, summary_lines


class Reporting:
    """`end`: stop watching, and complete the account."""

    def __init__(self, account: Account, end: Callable[[], None]) -> None:
        self._account = account
        self._end = end
        self._getpid = os.getpid  # kept, since tests replace functions in modules
        self._pid = os.getpid()
        self._trouble = ""

    def begin(self) -> None:
        """A report that a killed run leaves behind says that it isn't finished."""
        self._write(is_over=False)

    def pytest_report_header(self) -> list[str]:
        """The limit, before anything runs."""
        asked = self._account.asked
        lines = [f"memguard: {asked.caution}"] if asked.caution else []
        if asked.limit_bytes:
            lines.append(f"memguard: the run may hold {format_size(asked.limit_bytes)} ({asked.origin})")
        return lines

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Before pytest writes its junit file."""
        if self._getpid() != self._pid:  # a child that a test forked and forgot
            return
        self._end()
        if session.config.getoption("xmlpath", None):
            from memguard.test_run.junit import add_properties

            add_properties(session.config, self._account)
        self._write(is_over=True)
        if self._account.stopped:
            session.exitstatus = STOPPED_EXIT_CODE

    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """The section at the end."""
        if self._getpid() != self._pid:
            return
        if self._is_wanted():
            terminalreporter.section("memguard")
            invocation = terminalreporter.config.invocation_params
            shown = shown_from(str(invocation.dir), str(terminalreporter.config.rootpath))
            for line in summary_lines(self._account, shown):
                terminalreporter.write_line(line, red=line.startswith("STOPPED"))
        if self._trouble:
            terminalreporter.write_line(self._trouble, red=True)

    def _is_wanted(self) -> bool:
        by = self._account.asked.by
        return by == PERSON or (by == SESSION and self._account.is_notable())

    def _write(self, *, is_over: bool) -> None:
        path = self._account.asked.report_path
        if not path:
            return
        from memguard.test_run.report_file import document, write_report

        self._trouble = ""
        try:
            write_report(path, document(self._account, is_over=is_over))
        except OSError as error:
            self._trouble = f"memguard: {path} can't be written: {error.strerror}"
