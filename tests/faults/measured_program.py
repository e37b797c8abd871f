"""A Python of its own that watches itself, as a test run does: small, so that figures stand out, and free to die."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
MB = 1024 * 1024
# `watch` has begun when the code runs; `say` prints one line of JSON; `hold` gives memory that is really held.
BEFORE = f"""
import json, mmap, os, resource, signal, subprocess, sys, threading, time
sys.path.insert(0, {str(ROOT)!r})
from memguard.test_run.watch import Watch
from memguard.testing.waiting import wait_until
MB = {MB}
told = []
def tell(excess, is_run):
    told.append([excess.growth_bytes, is_run, [each.pid for each in excess.largest]])
def say(**facts):
    print(json.dumps(facts), flush=True)
def hold(megabytes):
    block = mmap.mmap(-1, megabytes * MB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    block[::4096] = b"1" * (megabytes * MB // 4096)
    return block
watch = Watch(int(os.environ.get("RUN_LIMIT", "0")), tell)
watch.begin()
"""


def command(code: str, *words: str) -> list[str]:
    """The command line of a program that runs `code`."""
    return [sys.executable, "-I", "-S", "-c", BEFORE + code, *words]


def facts_of(words: Sequence[str], exit_code: int = 0) -> list[dict[str, Any]]:
    """Each line that it says; AssertionError when it ends in another way than it should, or says nothing of it."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]
