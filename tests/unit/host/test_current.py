"""The platform's own functions, and nothing heavy with them."""

import subprocess
import sys
from pathlib import Path

from memguard.host import current, linux

ROOT = Path(__file__).parents[3]


def test_on_linux_it_is_proc() -> None:
    assert current.read_tree is linux.read_tree
    assert all(callable(getattr(current, name)) for name in current.__all__)


def test_what_the_watchdog_imports_is_light() -> None:
    modules = "current, identity, signals, confirm, descendants, sweep, capacity, pressure, terminal"
    code = f"import sys; sys.path.insert(0, sys.argv[1]); from memguard.host import {modules}; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True)
    heavy = {"psutil", "ctypes", "re", "typing", "json", "subprocess", "asyncio", "logging", "pathlib", "dataclasses"}
    assert not heavy & set(loaded.stdout.split())


def test_every_platform_offers_the_same() -> None:
    from memguard.host import darwin, portable

    made_of_the_others = {"walk", "footprint_bytes"}
    for module in (darwin, portable):
        assert all(callable(getattr(module, name)) for name in set(current.__all__) - made_of_the_others)
