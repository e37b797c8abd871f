"""The command in shared settings, run by a real shell."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from memguard.optin.events import EVENTS, Installation, shim_command
from memguard.optin.shim import remove_shim, write_shim

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sh")

SCRIPT = "import sys; print(sys.flags.isolated, sys.flags.no_site, sys.argv[1:], sys.stdin.read()); sys.exit(7)"


def run(command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    # No PATH: the command must get by with what the shell has built in.
    return subprocess.run(
        ["/bin/sh", "-c", command], input="{}", env=environment, capture_output=True, text=True, check=False, timeout=30
    )


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    scripts, state = tmp_path / "it's a folder" / "claude_hooks", tmp_path / "state home" / "memguard"
    scripts.mkdir(parents=True)
    state.mkdir(parents=True)
    (scripts / "stop.py").write_text(SCRIPT)
    return Installation(sys.executable, str(scripts), str(state))


def stop() -> str:
    return next(shim_command(event) for event in EVENTS if event.name == "Stop")


def test_it_runs_the_hook_with_its_stdin_and_passes_the_exit_code_on(installation: Installation) -> None:
    path = write_shim(installation)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    done = run(stop(), HOME="/nonexistent", XDG_STATE_HOME=os.path.dirname(installation.state_dir))
    assert done.stdout == f"1 1 {[installation.state_dir]!r} {{}}\n"
    assert done.returncode == 7


def test_the_home_folder_is_enough(installation: Installation, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".local" / "state").mkdir(parents=True)
    (home / ".local" / "state" / "memguard").symlink_to(installation.state_dir)
    write_shim(installation)
    assert run(stop(), HOME=str(home)).returncode == 7
    assert run(stop(), HOME=str(home), XDG_STATE_HOME="").returncode == 7


def test_where_memguard_is_missing_nothing_is_said_and_nothing_fails(tmp_path: Path) -> None:
    for environment in ({"HOME": str(tmp_path)}, {}, {"HOME": str(tmp_path), "XDG_STATE_HOME": "/nonexistent"}):
        done = run(stop(), **environment)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_shim_that_memguard_left_behind_is_silent_too(installation: Installation) -> None:
    write_shim(installation)
    os.unlink(f"{installation.scripts_dir}/stop.py")
    done = run(stop(), XDG_STATE_HOME=os.path.dirname(installation.state_dir))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_only_memguards_own_scripts_can_be_named(installation: Installation) -> None:
    path = write_shim(installation)
    Path(installation.scripts_dir, "evil.py").write_text(SCRIPT)
    for name in ("evil", "../claude_hooks/stop", "stop.py", ""):
        done = run(f"'{path}' '{name}'")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_can_be_removed(installation: Installation) -> None:
    write_shim(installation)
    assert remove_shim(installation.state_dir)
    assert not remove_shim(installation.state_dir)
