"""memguard's plugin for pytest: a test run that stops itself at a limit of memory, and says which tests took it.

    pytest --memguard-limit 4G

Every pytest run of everybody who has memguard installed imports this: all that it needs is imported once somebody asks
for it, by an option, the ini file, a marker, or a guarded session that the run is part of. Nothing is registered before
that. `-p no:memguard` switches it off. The page for users is docs/pytest.md.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from memguard.test_run.controller_run import ControllerRun
    from memguard.test_run.local_run import LocalRun
    from memguard.test_run.worker_run import WorkerRun
    from memguard.testing.events import EventFactory
    from memguard.testing.fake_clock import FakeClock
    from memguard.testing.fake_host import FakeHost
    from memguard.testing.leaky_client import LeakyClient

_MARKER = "memguard(limit): fail the test when it adds more memory than that, such as limit='200MB', with its processes"
_LIMIT = "stop the run in order when it holds more than SIZE, such as 4G, with all its processes (exit code 12)"
_active = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options and the ini value."""
    group = parser.getgroup("memguard", "memory of the test run (memguard)")
    group.addoption("--memguard", action="store_true", help="measure, and say at the end which tests kept memory")
    group.addoption("--memguard-limit", metavar="SIZE", help=_LIMIT)
    group.addoption("--memguard-report", metavar="FILE", help="measure, and write the figures of each test as JSON")
    parser.addini("memguard_limit", f"{_LIMIT}; the option counts before it", default="")


def pytest_configure(config: pytest.Config) -> None:
    """The marker's name, for `--strict-markers`."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin, where somebody asked for it; before xdist starts its workers."""
    given = getattr(session.config, "workerinput", None)  # a worker does what its controller says
    with _importing(session.config):
        if given is None:
            _begin_if_asked(session)
        elif "memguard" in given:
            from memguard.test_run.worker_run import WorkerRun

            _begin(session, WorkerRun(session, given["workerid"], given["memguard"]))


def pytest_collection_finish(session: pytest.Session) -> None:
    """A marker asks, too, but only for its test: nothing is said of the run."""
    if _active in session.config.stash:
        return
    with _importing(session.config):
        from memguard.test_run.marked import marked_items

        if marked_items(session.items):
            from memguard.test_run.asked import MARKED, Asked
            from memguard.test_run.local_run import LocalRun

            _begin(session, LocalRun(session, Asked(MARKED)))


@contextmanager
def _importing(config: pytest.Config) -> Iterator[None]:
    """Import our own modules as Python does, and not by pytest's hook that rewrites assertions.

    It takes 0.3 ms for each, though there is nothing to rewrite: two thirds of what it takes to begin.
    """
    hook = getattr(config.pluginmanager, "rewrite_hook", None)
    if hook not in sys.meta_path:
        yield
        return
    place = sys.meta_path.index(hook)
    sys.meta_path.remove(hook)
    try:
        yield
    finally:
        sys.meta_path.insert(place, hook)


def _begin_if_asked(session: pytest.Session) -> None:
    config = session.config
    may_be_guarded = any(name.startswith("CLAUDE") for name in os.environ)
    if not may_be_guarded and not _is_typed(config):
        return
    from memguard.test_run.asked import asked_of

    asked = asked_of(config, os.environ if may_be_guarded else {})
    if asked is None:
        return
    if config.pluginmanager.has_plugin("dsession"):
        from memguard.test_run.controller_run import ControllerRun

        _begin(session, ControllerRun(session, asked))
    else:
        from memguard.test_run.local_run import LocalRun

        _begin(session, LocalRun(session, asked))


def _is_typed(config: pytest.Config) -> bool:
    options = (config.getoption(f"memguard_{name}") for name in ("limit", "report"))
    return bool(
        config.getoption("memguard") or any(option is not None for option in options) or config.getini("memguard_limit")
    )


def _begin(session: pytest.Session, run: "LocalRun | WorkerRun | ControllerRun") -> None:
    session.config.stash[_active] = True
    session.config.add_cleanup(run.end)
    run.begin(session.config.pluginmanager)


@pytest.fixture
def memguard_events() -> "EventFactory":
    """A Claude session that makes the JSON of hook events (docs/testing.md)."""
    from memguard.testing.fixtures import events

    return events()


@pytest.fixture
def memguard_host(tmp_path: "Path") -> "FakeHost":
    """A /proc on disk, with a process tree (docs/testing.md)."""
    from memguard.testing.fixtures import host

    return host(tmp_path)


@pytest.fixture
def memguard_clock() -> "FakeClock":
    """A clock that stands still (docs/testing.md)."""
    from memguard.testing.fixtures import clock

    return clock()


@pytest.fixture
def memguard_leaky_client(tmp_path: "Path") -> "Iterator[LeakyClient]":
    """A stand-in for Claude Code that runs hooks and tools, and leaks (docs/testing.md)."""
    from memguard.testing.fixtures import leaky_client

    with leaky_client(tmp_path) as client:
        yield client
