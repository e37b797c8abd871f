"""The rules with and without the library, in one process."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest

from memguard.state.redact import rules
from memguard.state.redact.library import Library

HAS_LIBRARY = importlib.util.find_spec("kingfisher_sdk") is not None
needs_library = pytest.mark.skipif(not HAS_LIBRARY, reason="the extra `secrets` is not installed")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The library, compiled once for all tests."""
    made = Library(str(tmp_path_factory.mktemp("library")), compiles=True)
    assert made.name, made.trouble
    return made


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Library | None], None]:
    """Puts a library in place for one test, or none."""
    return lambda made: monkeypatch.setattr(rules._InUse, "library", made)


@pytest.fixture(params=["own set", pytest.param("library", marks=needs_library)])
def each_set(request: pytest.FixtureRequest, use: Callable[[Library | None], None]) -> str:
    """Runs the test with the own set alone, and with the library."""
    use(request.getfixturevalue("library") if request.param == "library" else None)
    return str(request.param)
