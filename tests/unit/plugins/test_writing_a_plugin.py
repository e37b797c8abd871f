"""docs/writing-a-plugin.md, followed to the letter: its files, its commands, its configuration."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from memguard.plugins.hookspecs import HOOKS
from tests.installation import Installation
from tests.sandbox import ROOT, Sandbox, wait_until

DOC = (ROOT / "docs" / "writing-a-plugin.md").read_text()
FILES = dict(re.findall(r"^```(?:toml|python)\n# (\S+)\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL))
COMMANDS = [
    line for block in re.findall(r"^```sh\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL) for line in block.split("\n")
]
TIGHT = "[thresholds]\nwarning = 90\ncritical = 120\nemergency = 2000\n[restart_policy]\nboundary_timeout = 1\n"


def test_the_page_says_what_the_code_does(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(FILES) == DOC.count("```toml") + DOC.count("```python"), "each block begins with the name of its file"
    installation = Installation(tmp_path / "environment")
    package = tmp_path / "package"
    package.mkdir()
    for name in ("pyproject.toml", "memguard_chronicle.py", "test_chronicle.py"):
        (package / name).write_text(FILES[name])
    install, test, listing = filter(None, COMMANDS)
    _run(installation, package, install)
    assert " passed" in _run(installation, package, test)
    monkeypatch.setattr(sys, "executable", installation.python)
    sandbox.config(TIGHT + FILES["config.toml"])
    assert re.search(r"^chronicle +enabled +memguard-chronicle 1\.0$", _memguard(sandbox, listing), re.MULTILINE)
    sandbox.memguard("init")
    session = sandbox.start("--steps", "40", "--leak-mb", "40", "--step-s", "0.5", "count")
    path = sandbox.state / "plugins" / "chronicle" / "chronicle"
    text = wait_until(lambda: path.exists() and path.read_text(), "the first line of the chronicle", 60)
    assert re.fullmatch(r"[0-9a-f-]{36} held \d+ MB, attempt 1\n", str(text))
    called = wait_until(
        lambda: re.search(r"session \S+: (\d+) calls", _memguard(sandbox, listing)), "calls in the list"
    )
    assert called
    session.terminate()
    session.communicate(timeout=60)


def _run(installation: Installation, folder: Path, line: str) -> str:
    """A line of the page, with the Python that memguard runs with."""
    program, *words = line.split()
    assert program == "python"
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        [installation.python, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _memguard(sandbox: Sandbox, line: str) -> str:
    program, *words = line.split()
    assert program == "memguard"
    return sandbox.memguard(*words).stdout


def test_each_hook_has_its_row() -> None:
    rows = DOC[DOC.index("| hook | argument | when |") : DOC.index("`memguard.plugins` has the classes")]
    assert set(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == set(HOOKS)
