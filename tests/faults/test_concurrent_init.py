"""Several inits and uninstalls at once lose nothing: neither a hook, nor a project, nor what was there before."""

import json
import os
import subprocess
import sys
from pathlib import Path

from memguard.optin.events import this_installation, wanted_entries
from memguard.optin.merge import is_complete

PROJECTS = 4
ORIGINAL = b'{\n  "model": "opus"\n}\n'
PROGRAM = """
import sys
from memguard.config import dirs
from memguard.config.load import load_config
from memguard.optin.project import ProjectOptIn
project = ProjectOptIn(sys.argv[2], dirs.state_dir())
sys.stdin.readline()
if sys.argv[1] == "out":
    project.opt_out()
else:
    project.opt_in(load_config(sys.argv[2], 0), dirs.runtime_dir(), sys.argv[1])
"""


def _all_at_once(what: str, roots: list[Path], home: Path) -> None:
    """Start one process for each root, and let them go when all are ready."""
    environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", PROGRAM, what]
    running = [subprocess.Popen([*command, str(root)], env=environment, stdin=subprocess.PIPE) for root in roots]
    for process in running:
        assert process.stdin
        process.stdin.write(b"go\n")
        process.stdin.flush()
    assert [process.wait(60) for process in running] == [0] * len(roots)
    for process in running:
        assert process.stdin
        process.stdin.close()


def _home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True)
    (home / "run").chmod(0o700)
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_bytes(ORIGINAL)
    return home


def test_inits_of_many_projects_into_one_settings_file(tmp_path: Path) -> None:
    home = _home(tmp_path)
    roots = [tmp_path / f"project{number}" for number in range(PROJECTS)]
    for root in roots:
        root.mkdir()
    _all_at_once("user", roots, home)
    state = home / ".local" / "state" / "memguard"
    settings = json.loads((home / ".claude" / "settings.json").read_bytes())
    assert is_complete(settings, wanted_entries("user", this_installation(str(state))))
    assert settings["model"] == "opus"
    assert len(list(state.glob("*/compiled"))) == PROJECTS
    _all_at_once("out", roots, home)
    assert (home / ".claude" / "settings.json").read_bytes() == ORIGINAL
    assert list(state.glob("*/compiled")) == []


def test_inits_of_one_project(tmp_path: Path) -> None:
    home, root = _home(tmp_path), tmp_path / "project"
    (root / ".claude").mkdir(parents=True)
    (root / ".claude" / "settings.local.json").write_bytes(ORIGINAL)
    _all_at_once("local", [root] * PROJECTS, home)
    settings = json.loads((root / ".claude" / "settings.local.json").read_bytes())
    state = home / ".local" / "state" / "memguard"
    assert is_complete(settings, wanted_entries("local", this_installation(str(state))))
    _all_at_once("out", [root] * PROJECTS, home)
    assert (root / ".claude" / "settings.local.json").read_bytes() == ORIGINAL
    assert sorted(os.listdir(root)) == [".claude"]
