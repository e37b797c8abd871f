"""Fixtures of the host's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .fake_proc import FakeProc
from .workshop import Workshop


@pytest.fixture
def fake(tmp_path: Path) -> FakeProc:
    return FakeProc(str(tmp_path / "proc"))


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    shop = Workshop()
    yield shop
    shop.close()
