"""Fixtures of the host's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.testing.fake_host import FakeHost

from .workshop import Workshop


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return FakeHost(str(tmp_path / "proc"))


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    shop = Workshop()
    yield shop
    shop.close()
