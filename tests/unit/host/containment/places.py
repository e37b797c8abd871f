"""Where groups can be made here, and a tree on disk where they can't."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memguard.host.containment.cgroup_v1 import CgroupV1, make
from memguard.host.containment.group import Group, own_folder

GUARD = f"test{os.getpid()}"


def v1() -> bool:
    """Whether this process may make v1 memory groups."""
    folder = own_folder("memory", "/proc", "/sys/fs/cgroup")
    return bool(folder) and os.access(folder, os.W_OK)


def v2() -> bool:
    """Whether this process may make v2 groups, with or without memory control."""
    folder = own_folder("", "/proc", "/sys/fs/cgroup")
    return bool(folder) and os.access(folder, os.W_OK)


needs_v1 = pytest.mark.skipif(not v1(), reason="no v1 memory group may be made here")
needs_v2 = pytest.mark.skipif(not v2(), reason="no v2 group may be made here")


@contextmanager
def v1_group(launcher_pid: int = 0, is_alone: bool = False, guard_id: str = GUARD) -> Iterator[CgroupV1]:
    """A real v1 containment; `is_alone`: as where v2 isn't mounted beside it."""
    made = make(guard_id, launcher_pid, "/proc", "/sys/fs/cgroup")
    used = made
    if is_alone and made.held is not made.memory:
        made.held.remove()
        used = CgroupV1(made.memory, None, launcher_pid)
    try:
        yield used
    finally:
        used.end_all()
        assert used.remove(), "the groups stay"


class Tree:
    """A v2 tree on disk. FIXTURE: the kernel would fill new folders, and act on what is written."""

    def __init__(self, root: Path, guard_id: str, path: str = "/user/own") -> None:
        self.root = root / "cgroup"
        self.proc = root / "proc"
        self.own = self.root / path[1:]
        self.folder = self.own / f"memguard-{guard_id}"
        self.write(self.proc / "self" / "cgroup", f"0::{path}\n")
        self.write(self.root / "cgroup.controllers", "cpu memory pids\n")
        self.group(self.own, procs=f"{os.getpid()}\n")
        self.group(self.folder)
        for leaf in ("session", "own"):
            self.group(self.folder / leaf)

    def group(self, folder: Path, procs: str = "") -> None:
        """A group with memory control."""
        files = {
            "cgroup.procs": procs, "cgroup.controllers": "memory\n", "cgroup.subtree_control": "memory\n",
            "cgroup.kill": "", "cgroup.freeze": "0\n", "cgroup.events": "populated 1\nfrozen 1\n",
            "memory.current": "1000\n", "memory.high": "max\n", "memory.events": "low 0\nhigh 0\nmax 0\n",
        }  # fmt: skip
        for name, text in files.items():
            self.write(folder / name, text)

    def write(self, path: Path, text: str) -> None:
        """A file, with the folders above it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str) -> str:
        """A file of the session's leaf."""
        return (self.folder / "session" / name).read_text()


def group_of(pid: int, hierarchy: str) -> str:
    """The group of a process, as the kernel names it; `hierarchy` is `memory` or empty for v2."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == hierarchy:
            return path
    return ""


def members(group: Group) -> list[int]:
    return sorted(group.pids())
