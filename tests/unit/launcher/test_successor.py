"""What is started in a pane becomes the client that it is told to become."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from memguard.launcher import successor

CODE = "import json, os, sys; print(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ), os.getpid()]))"


def _become(folder: Path, launch: object, **variables: str) -> subprocess.CompletedProcess[str]:
    fifo = folder / "fifo"
    os.mkfifo(fifo, 0o600)
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", successor.__file__, str(fifo)], env={"PATH": "/usr/bin", **variables},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    fifo.write_bytes(launch if isinstance(launch, bytes) else json.dumps(launch).encode())
    output, error = process.communicate(timeout=20)
    return subprocess.CompletedProcess([str(process.pid)], process.returncode, output, error)


def test_it_becomes_the_client_and_stays_in_its_pane(tmp_path: Path) -> None:
    odd = "a;\n$(x) \udcff"
    launch = {
        "program": sys.executable,
        "words": ["claude", "-I", "-S", "-c", CODE, odd],
        "cwd": str(tmp_path),
        "environment": {"TOKEN": "s", "TMUX_PANE": "%old", "TERM": "dumb"},
    }
    done = _become(tmp_path, launch, TMUX_PANE="%7", TERM="screen", OTHER="of the server")
    assert done.returncode == 0, done.stderr
    words, cwd, environment, pid = json.loads(done.stdout)
    assert words == [odd]
    assert cwd == str(tmp_path)
    assert str(pid) == done.args[0]
    expected = {"TOKEN": "s", "TMUX_PANE": "%7", "TERM": "screen"}
    assert {name: environment.get(name) for name in expected} == expected
    assert "OTHER" not in environment


def test_a_shell_finds_no_signal_ignored(tmp_path: Path) -> None:
    """Python ignores SIGPIPE for itself; the client must not inherit that."""
    words = ["sh", "-c", "grep SigIgn /proc/$$/status"]
    done = _become(
        tmp_path, {"program": "/bin/sh", "words": words, "cwd": "/", "environment": {"PATH": "/usr/bin:/bin"}}
    )
    assert int(done.stdout.split()[1], 16) & (1 << 12) == 0


def test_what_can_not_be_started_is_one_line(tmp_path: Path) -> None:
    launch = {"program": "/nonexistent", "words": ["x"], "cwd": "/", "environment": {}}
    done = _become(tmp_path, launch)
    assert done.returncode == 1
    assert done.stderr.startswith("memguard: the client can't be started again: ")


def test_a_torn_word_is_one_line(tmp_path: Path) -> None:
    done = _become(tmp_path, b'{"program": ')
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
