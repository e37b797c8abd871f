"""Runs of pytest with the plugin, each in a folder and a process of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memguard.test_run.session_budget import MARKS
from tests.plugin.suites import FILL, SESSION

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("--memguard-limit", "150M")`: pytest on the files of `pytester`, with memguard as its only plugin."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in (*MARKS, "PYTEST_ADDOPTS", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    pytester.makepyfile(filling=FILL)

    def run(*words: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess("-p", "memguard", *words, timeout=60)

    return run


@pytest.fixture
def run_distributed(run: Run) -> Run:
    """The same by two workers of xdist; where there is none (tests/plugin_versions.py), its tests are skipped."""
    pytest.importorskip("xdist")
    return lambda *words: run("-p", "xdist", "-n", "2", *words)


@pytest.fixture
def inside(pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`inside("200", …)`: a run in a session that allows the call 200 MB; `is_nested`: one that a test starts."""
    monkeypatch.setenv("CLAUDECODE", "1")

    def inside(megabytes: str, *words: str, is_nested: bool = False) -> pytest.RunResult:
        pytester.makeconftest(SESSION.format(megabytes=megabytes))
        if not is_nested:
            monkeypatch.delenv("PYTEST_CURRENT_TEST")
        return run(*words)

    return inside
