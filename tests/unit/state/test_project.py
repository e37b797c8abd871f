"""git is asked, and what a hostile repository would have it run is not run."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from pathlib import Path

import pytest

from memguard.state import git as git_module
from memguard.state.git import run_git
from memguard.state.project import open_files, read_git, snapshot_project, unknown_git
from memguard.testing.waiting import wait_until


def git(folder: Path, *arguments: str) -> None:
    variables = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "-C", str(folder), *arguments], env=variables, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-b", "main")
    git(folder, "config", "user.email", "me@example.org")
    git(folder, "config", "user.name", "Me")
    (folder / "a.txt").write_text("one\n")
    (folder / "gone.txt").write_text("x\n" * 30)
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def test_branch_head_status_and_size_of_the_changes(repository: Path) -> None:
    (repository / "a.txt").write_text("two\n")
    (repository / "new file.txt").write_text("x\n")
    git(repository, "mv", "gone.txt", "moved.txt")
    found = read_git(str(repository))
    assert found["branch"] == "main"
    assert len(found["head"]) == 40
    assert found["status"] == [".M a.txt", "R. moved.txt", "?? new file.txt"]
    assert "2 files changed, 1 insertion(+), 1 deletion(-)" in found["diff"]


def test_before_the_first_commit_and_outside_of_git(tmp_path: Path) -> None:
    assert read_git(str(tmp_path)) == unknown_git()
    assert read_git(str(tmp_path / "none")) == unknown_git()
    git(tmp_path, "init", "-b", "main")
    assert (read_git(str(tmp_path))["branch"], read_git(str(tmp_path))["head"]) == ("main", "initial")


def planted(repository: Path, folder: Path) -> dict[str, Path]:
    """Every way to run something that a repository's own files can name, each writing its own mark."""
    marks = {
        name: folder / name
        for name in ("fsmonitor", "external", "driver", "textconv", "clean", "process", "hook", "pager")
    }
    (repository / ".gitattributes").write_text("*.txt filter=evil diff=evil\n*.other filter=e=v.il\n")
    (repository / "x.other").write_text("x\n")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "attributes")
    hook = repository / ".git" / "hooks" / "post-index-change"
    hook.write_text(f"#!/bin/sh\ntouch '{marks['hook']}'\n")
    hook.chmod(0o755)
    settings = {
        "core.fsmonitor": f"touch '{marks['fsmonitor']}'; false",
        "diff.external": f"touch '{marks['external']}'; true",
        "diff.evil.command": f"touch '{marks['driver']}'; true",
        "diff.evil.textconv": f"touch '{marks['textconv']}'; cat",
        "filter.evil.process": f"touch '{marks['process']}'; false",
        "filter.e=v.il.clean": f"touch '{marks['clean']}'; cat",
        "filter.e=v.il.required": "true",
        "core.pager": f"touch '{marks['pager']}'; cat",
        "status.submoduleSummary": "true",
    }
    for name, value in settings.items():
        git(repository, "config", name, value)
    for name in ("a.txt", "x.other"):
        path = repository / name
        path.write_text("changed\n")
        os.utime(path, (1, 1))
    return marks


def test_a_hostile_repository_runs_nothing(repository: Path, tmp_path: Path) -> None:
    marks = planted(repository, tmp_path)
    found = read_git(str(repository))
    assert [name for name, mark in marks.items() if mark.exists()] == []
    assert found["branch"] == "main"
    assert ".M a.txt" in found["status"]


def test_the_traps_are_real(repository: Path, tmp_path: Path) -> None:
    marks = planted(repository, tmp_path)

    def plain_git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=False)

    plain_git("status")
    git(repository, "config", "--unset", "core.fsmonitor")
    git(repository, "config", "--remove-section", "filter.evil")
    for arguments in (["status"], ["diff"], ["diff", "--no-ext-diff"]):
        plain_git(*arguments)
    # git doesn't wait for all of them.
    for name in ("fsmonitor", "process", "clean", "driver", "textconv"):
        wait_until(marks[name].exists, name)


def test_variables_from_outside_mean_nothing(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "git"
    program.write_text(f"#!/bin/sh\ntouch '{tmp_path}/mark'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(program))
    assert read_git(str(repository))["branch"] == "main"
    assert not (tmp_path / "mark").exists()


def test_all_questions_to_git_together_have_one_second(repository: Path) -> None:
    """Each of three calls may take 0.4 s here; on their own none would be too slow."""
    program = repository / "slow"
    program.write_text('#!/bin/sh\nsleep 0.4\nexec /usr/bin/git "$@"\n')
    program.chmod(0o755)
    (repository / "bin").mkdir()
    (repository / "bin" / "git").symlink_to(program)
    before_s = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(git_module._VARIABLES, "PATH", f"{repository / 'bin'}:/usr/bin:/bin")
        found = read_git(str(repository))
    assert time.monotonic() - before_s < 1.5
    assert (found["branch"], found["diff"]) == ("main", "unknown")


def test_of_endless_output_only_the_beginning_is_kept(repository: Path) -> None:
    for number in range(3000):
        (repository / f"{number:04}-{'x' * 180}").touch()
    shown = run_git(str(repository), "status", "--porcelain=v2", "-z", timeout_s=20)
    assert shown is not None
    assert len(shown) == 262144


def test_git_that_hangs_is_unknown_in_time(repository: Path) -> None:
    os.mkfifo(repository / ".git" / "hanging")
    git(repository, "config", "core.excludesFile", str(repository / ".git" / "hanging"))
    before_s = time.monotonic()
    assert run_git(str(repository), "status", timeout_s=0.3) is None
    assert time.monotonic() - before_s < 3


def test_open_files_below_the_project_only(tmp_path: Path) -> None:
    folder, outside = tmp_path / "project", tmp_path / "outside.txt"
    (folder / "deep").mkdir(parents=True)
    with (folder / "deep" / "open.txt").open("w"), outside.open("w"):
        assert open_files([os.getpid(), 999999999], str(folder)) == ["deep/open.txt"]


def test_the_whole_snapshot(repository: Path) -> None:
    found = snapshot_project(str(repository), [])
    assert (found["cwd"], found["git"]["branch"], found["open_files"]) == (str(repository), "main", [])
