"""A memory control group of a test's own, below the one that the tests run in; removed after the test."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.sandbox import wait_until

ROOT = Path("/sys/fs/cgroup")


class ControlGroup:
    """A group with a limit, of either version; skips the test where none may be made."""

    def __init__(self, limit_bytes: int) -> None:
        self.is_v1 = (ROOT / "memory").is_dir()
        self.folder = _own_folder(self.is_v1) / f"test-{uuid.uuid4().hex[:12]}"
        try:
            self.folder.mkdir()
        except OSError as error:
            pytest.skip(f"no control group may be made here: {error}")
        try:
            name = "memory.limit_in_bytes" if self.is_v1 else "memory.max"
            (self.folder / name).write_text(str(limit_bytes))
        except OSError as error:
            self.remove()
            pytest.skip(f"no limit may be set on a control group here: {error}")

    def take(self, pid: int = 0) -> None:
        """Put a process into the group; 0 is whoever calls."""
        (self.folder / "cgroup.procs").write_text(str(pid))

    def pids(self) -> list[int]:
        """Who is in the group."""
        return [int(word) for word in (self.folder / "cgroup.procs").read_text().split()]

    def remove(self) -> None:
        """Remove the group once nobody is in it."""
        wait_until(lambda: not self.pids(), "the group is empty")
        self.folder.rmdir()


def _own_folder(is_v1: bool) -> Path:
    """The folder of the group that this process is in."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if is_v1 and "memory" in controllers.split(","):
            return Path(f"{ROOT}/memory{path}")
        if not is_v1 and number == "0":
            return Path(f"{ROOT}{path}")
    return ROOT
