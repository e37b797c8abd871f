"""Which project a folder belongs to."""

import subprocess
from pathlib import Path

from memguard.core.layout import opted_in_key, project_key, project_root


def _git(folder: Path, *words: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def _repository(folder: Path) -> Path:
    folder.mkdir()
    _git(folder, "init", "-q")
    _git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


def _opt_in(state: Path, root: Path) -> None:
    folder = state / project_key(str(root))
    folder.mkdir(parents=True)
    (folder / "compiled").write_text("x=1\n")


def test_a_subfolder_counts_to_its_repository(tmp_path: Path) -> None:
    root = _repository(tmp_path / "repo")
    (root / "a" / "b").mkdir(parents=True)
    assert project_root(str(root / "a" / "b")) == str(root)


def test_a_linked_worktree_counts_to_the_main_one(tmp_path: Path) -> None:
    root = _repository(tmp_path / "repo")
    _git(root, "worktree", "add", "-q", str(tmp_path / "linked"))
    _opt_in(tmp_path / "state", root)
    assert opted_in_key(str(tmp_path / "linked"), str(tmp_path / "state")) == project_key(str(root))


def test_a_folder_that_only_claims_to_be_a_worktree_is_not_opted_in(tmp_path: Path) -> None:
    root = _repository(tmp_path / "repo")
    _git(root, "worktree", "add", "-q", str(tmp_path / "linked"))
    _opt_in(tmp_path / "state", root)
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / ".git").write_text((tmp_path / "linked" / ".git").read_text())
    assert opted_in_key(str(stranger), str(tmp_path / "state")) == ""


def test_a_repository_inside_an_opted_in_folder_is_not_opted_in(tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    _opt_in(tmp_path / "state", outer)
    inner = _repository(outer / "inner")
    assert opted_in_key(str(outer), str(tmp_path / "state"))
    assert opted_in_key(str(inner), str(tmp_path / "state")) == ""


def test_keys_of_different_roots_differ_and_are_one_file_name() -> None:
    roots = ["/a/b", "/a-b", "/a=b", "/a/=2d=b", "/a b", "/ä", "/" + "x" * 400, "/" + "x" * 401, "/..", "C:\\a"]
    keys = [project_key(root) for root in roots]
    assert len(set(keys)) == len(roots)
    assert all(len(key.encode()) <= 255 and "/" not in key and key not in (".", "..") for key in keys)
