"""Fixtures that every folder of tests may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A machine of the test's own; nothing of the real home is touched, nothing is left running."""
    sandbox = Sandbox(tmp_path)
    yield sandbox
    sandbox.clean_up()


@pytest.fixture
def opted_in(sandbox: Sandbox) -> Sandbox:
    """The same, after `memguard init`."""
    sandbox.memguard("init")
    return sandbox
