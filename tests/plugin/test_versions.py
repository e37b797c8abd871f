"""The range of versions that is declared is the one that the suite is run on by hand, and this run is within it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin_versions import OLDEST

REPOSITORY = Path(__file__).parent.parent.parent


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".")[:2])


def test_the_page_declares_what_is_run() -> None:
    page = (REPOSITORY / "docs" / "pytest.md").read_text(encoding="utf-8")
    oldest_pytest, oldest_xdist = OLDEST.split("+")
    assert f"pytest {oldest_pytest.removesuffix('.0')} to" in page
    assert f"xdist {oldest_xdist.removesuffix('.0')} to" in page
    assert "python tests/plugin_versions.py" in page


def test_this_run_is_within_the_range() -> None:
    assert _numbers(pytest.__version__) >= _numbers(OLDEST.split("+")[0])


def test_the_script_says_how_it_is_used() -> None:
    script = str(REPOSITORY / "tests" / "plugin_versions.py")
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=True, timeout=60)
    assert "PYTEST[+XDIST]" in done.stdout
