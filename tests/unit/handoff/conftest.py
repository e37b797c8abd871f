"""A state folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transcripts import Box


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A state folder, a client's folder with an empty transcript, and captures of it."""
    return Box(tmp_path)
