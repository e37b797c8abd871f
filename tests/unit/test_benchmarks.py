"""The benchmarks run: their scripts start, and the quick one takes the path that it says it measures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
SCRIPTS = sorted(path.name for path in BENCHMARKS.glob("bench_*.py"))


def _run(script: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_says_what_it_measures(script: str) -> None:
    assert "--rounds" in _run(script, "--help")


def test_the_quiet_hook_is_measured_on_its_quiet_path() -> None:
    """The script itself raises when a run left no line, woke nobody, or logged anything."""
    output = _run("bench_quiet_hook.py", "--rounds", "2", "--processes", "3")
    assert "quiet hook / bare: " in output
    assert "limit 1.35: " in output


def test_footprints_are_measured_of_the_whole_tree() -> None:
    """The script itself raises when memguard or psutil sees less of it; no verdict is asked of so few rounds."""
    output = _run("bench_footprint.py", "--rounds", "2", "--size-mb", "8", "--tree", "12", "--host-processes", "1")
    assert "footprint_bytes / bare: " in output
    assert "a tree of 12 on a host of " in output
    assert "read_tree: " in output
