"""Who asked for what: a person, the session, or nobody."""

from __future__ import annotations

import pytest

from memguard.test_run import session_budget
from memguard.test_run.asked import PERSON, SESSION, Asked, asked_of
from memguard.test_run.session_budget import SessionBudget

pytest_plugins = ["pytester"]

MB, GB = 1024**2, 1024**3
Config = pytest.Config


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that allows this call 2 GB."""
    budget = SessionBudget(is_guarded=True, budget_bytes=2 * GB, pattern="Bash(pytest*)")
    monkeypatch.setattr(session_budget, "session_budget", lambda _environment: budget)


def _asked(pytester: pytest.Pytester, *words: str, inside: str = "") -> Asked | None:
    environment = {"CLAUDECODE": "1", **({"PYTEST_CURRENT_TEST": inside} if inside else {})}
    return asked_of(pytester.parseconfig(*words), environment)


def test_nobody(pytester: pytest.Pytester) -> None:
    assert _asked(pytester) is None


@pytest.mark.usefixtures("guarded")
def test_the_session_alone_leaves_a_tenth_of_its_budget(pytester: pytest.Pytester) -> None:
    asked = _asked(pytester)
    assert asked is not None
    assert (asked.by, asked.limit_bytes) == (SESSION, 2 * GB - GB // 5)
    assert asked.origin == "205 MB below this call's 2.0 GB, [tools] Bash(pytest*)"


@pytest.mark.parametrize(("budget_mb", "limit_mb"), [(2000, 1800), (400, 336), (100, 50)])
def test_a_small_budget_leaves_more_than_a_tenth_and_half_at_the_most(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, budget_mb: int, limit_mb: int
) -> None:
    budget = SessionBudget(is_guarded=True, budget_bytes=budget_mb * MB, pattern="default")
    monkeypatch.setattr(session_budget, "session_budget", lambda _environment: budget)
    asked = _asked(pytester)
    assert asked is not None
    assert asked.limit_bytes == limit_mb * MB


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize(("text", "limit_bytes"), [("1G", GB), ("3G", 2 * GB - GB // 5)])
def test_the_lower_of_both_counts(pytester: pytest.Pytester, text: str, limit_bytes: int) -> None:
    """The run is to stop itself before memguard must, whatever was typed."""
    asked = _asked(pytester, "--memguard-limit", text)
    assert asked is not None
    assert (asked.by, asked.limit_bytes) == (PERSON, limit_bytes)


@pytest.mark.usefixtures("guarded")
def test_a_run_inside_a_test_has_the_limit_that_it_asks_for(pytester: pytest.Pytester) -> None:
    """The run around it is watched, and it with it."""
    assert _asked(pytester, inside="test_outer") is None
    asked = _asked(pytester, "--memguard-limit", "3G", inside="test_outer")
    assert asked is not None
    assert asked.limit_bytes == 3 * GB


def test_a_session_without_a_budget_measures_only(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = SessionBudget(is_guarded=True, budget_bytes=0, pattern="")
    monkeypatch.setattr(session_budget, "session_budget", lambda _environment: budget)
    asked = _asked(pytester)
    assert asked is not None
    assert (asked.by, asked.limit_bytes) == (SESSION, 0)


def test_a_report_is_relative_to_where_pytest_was_started(pytester: pytest.Pytester) -> None:
    asked = _asked(pytester, "--memguard-report=here/memory.json")
    assert asked is not None
    assert asked.report_path == str(pytester.path / "here" / "memory.json")
