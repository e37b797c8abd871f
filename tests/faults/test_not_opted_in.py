"""A project that nobody opted in: hooks leave no trace."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sandbox import Sandbox

SCRIPTS = [path.stem for path in Path(__file__).parents[2].glob("claude_hooks/[a-z]*.py")]


def _everything(folder: Path) -> list[tuple[str, int]]:
    paths = [os.path.join(parent, name) for parent, _, files in os.walk(folder) for name in files]
    return sorted((path, os.stat(path).st_mtime_ns) for path in paths)


def test_no_hook_reads_its_input_or_writes_anything(sandbox: Sandbox, tmp_path: Path) -> None:
    before = _everything(tmp_path)
    for script in SCRIPTS:
        done = sandbox.hook(script, b"x")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(SCRIPTS) == 9
    assert _everything(tmp_path) == before
