"""The project as it is on the disk: working directory, git, and which of its files the session has open."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, TypedDict

from memguard.state.git import UNKNOWN, Git
from memguard.state.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_STATUS_LINES = 100
_MOST_DIFF_CHARS = 6000
_MOST_OPEN_FILES = 100
# A submodule is a repository with a configuration of its own, which nobody has looked at.
_NO_SUBMODULES = "--ignore-submodules=all"
_DIFF = ("diff", "--stat=100", "--no-ext-diff", "--no-textconv", "--no-color", _NO_SUBMODULES)


class GitState(TypedDict):
    """`branch` and `head` are `unknown` where git can't say, empty where there is nothing to say."""

    branch: str
    head: str
    status: list[str]
    diff: str


class ProjectSnapshot(TypedDict):
    """The project. `open_files` are paths below `cwd`."""

    cwd: str
    git: GitState
    open_files: list[str]


def unknown_git() -> GitState:
    """Where git can't say."""
    return {"branch": UNKNOWN, "head": UNKNOWN, "status": [], "diff": UNKNOWN}


def read_git(directory: str) -> GitState:
    """Branch, head, changed files and the size of the changes; `unknown` where it takes longer than 1 s in all."""
    if not os.path.isdir(directory):
        return unknown_git()
    git = Git(directory)
    text = git.run("status", "--porcelain=v2", "--branch", "-z", _NO_SUBMODULES)
    if text is None:
        return unknown_git()
    found = _parse_status(text.split("\0"))
    diff = git.run(*_DIFF, "HEAD")
    found["diff"] = redact_text(UNKNOWN if diff is None else diff)[:_MOST_DIFF_CHARS]
    return found


def _parse_status(entries: list[str]) -> GitState:
    found: GitState = {"branch": UNKNOWN, "head": UNKNOWN, "status": [], "diff": ""}
    remaining = iter(entries)
    for entry in remaining:
        if entry.startswith("# branch.oid "):
            found["head"] = entry.removeprefix("# branch.oid ").strip("()")
        elif entry.startswith("# branch.head "):
            found["branch"] = redact_text(entry.removeprefix("# branch.head "))
        elif entry and not entry.startswith("#"):
            found["status"].append(redact_text(_shown_entry(entry)))
            if entry.startswith("2 "):
                next(remaining, None)  # a renamed file's old name
    found["status"] = found["status"][:_MOST_STATUS_LINES]
    return found


def _shown_entry(entry: str) -> str:
    """`1 .M N... 100644 ... path` as `.M path`; the number of fields before the path goes by the kind of entry."""
    fields_before = {"1": 8, "2": 9, "u": 10}
    kind = entry[:1]
    if kind == "?":
        return f"?? {entry[2:]}"
    parts = entry.split(" ", fields_before.get(kind, 1))
    return f"{parts[1] if len(parts) > 1 else ''} {parts[-1]}"


def open_files(pids: Iterable[int], directory: str) -> list[str]:
    """Plain files below `directory` that these processes have open (Linux; elsewhere empty)."""
    root = os.path.realpath(directory)
    found = {path for pid in pids for path in _open_in(pid) if path.startswith(root + os.sep)}
    return [redact_text(path[len(root) + 1 :]) for path in sorted(found)][:_MOST_OPEN_FILES]


def _open_in(pid: int) -> list[str]:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [path for name in names if (path := _plain_file(f"{folder}/{name}"))]


def _plain_file(link: str) -> str:
    try:
        return os.readlink(link) if stat.S_ISREG(os.stat(link).st_mode) else ""
    except OSError:
        return ""


def snapshot_project(cwd: str, pids: Iterable[int]) -> ProjectSnapshot:
    """The project that a session works in."""
    return {"cwd": redact_text(cwd), "git": read_git(cwd), "open_files": open_files(pids, cwd)}
