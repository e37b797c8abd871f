"""Which group a process is in: in the layouts that hosts and containers show."""

from __future__ import annotations

import os
from pathlib import Path

from memguard.host.containment.group import Group, outside, own_folder

from .places import needs_v1


def _layout(root: Path, line: str, folder: str) -> str:
    """A host whose `/proc` says `line`, and where `folder` lists this process."""
    (root / "proc" / "self").mkdir(parents=True, exist_ok=True)
    (root / "proc" / "self" / "cgroup").write_text(line + "\n")
    (root / "cgroup" / folder).mkdir(parents=True, exist_ok=True)
    (root / "cgroup" / folder / "cgroup.procs").write_text(f"1\n{os.getpid()}\n")
    return str(root / "cgroup" / folder)


def _own(root: Path, controller: str) -> str:
    return own_folder(controller, str(root / "proc"), str(root / "cgroup"))


def test_v1_v2_and_v2_beside_v1(tmp_path: Path) -> None:
    for name, line, folder, controller in (
        ("v1", "4:cpu,memory:/a/b", "memory/a/b", "memory"),
        ("v2", "0::/a/b", "a/b", ""),
        ("beside", "0::/a/b", "unified/a/b", ""),
        ("root", "0::/", "unified", ""),
    ):
        expected = _layout(tmp_path / name, line, folder)
        assert _own(tmp_path / name, controller) == expected, name


def test_in_a_container_that_is_shown_its_own_group_as_the_mount(tmp_path: Path) -> None:
    """The kernel tells the host's path."""
    expected = _layout(tmp_path, "4:memory:/docker/0123", "memory")
    assert _own(tmp_path, "memory") == expected


def test_a_group_that_does_not_list_us_is_not_ours(tmp_path: Path) -> None:
    """Another container's, of the same name; or a path that leads out of what is shown."""
    folder = _layout(tmp_path, "4:memory:/a", "memory/a")
    Path(folder, "cgroup.procs").write_text("1\n")
    assert _own(tmp_path, "memory") == ""
    _layout(tmp_path / "out", "0::/../a", "unified/a")
    assert _own(tmp_path / "out", "") == ""


def test_no_session_lies_in_anothers_group(tmp_path: Path) -> None:
    """`memguard run` in a tmux server that a guarded tool once started."""
    _layout(tmp_path, "4:memory:/a/memguard-bb", "memory/a/memguard-bb")
    assert _own(tmp_path, "memory") == str(tmp_path / "cgroup" / "memory" / "a")
    assert outside("/x/memguard-bb/session/of-a-tool") == "/x"


def test_hostile_numbers_in_a_list_are_nobody(tmp_path: Path) -> None:
    """0 is a process of another pid namespace; the rest no kernel writes."""
    (tmp_path / "cgroup.procs").write_text("0\n-5\n12\nnan\n\n99999999999999999999\n")
    assert Group(str(tmp_path)).pids() == [12, 99999999999999999999]


def test_a_folder_that_is_gone_has_nobody_and_is_removed(tmp_path: Path) -> None:
    group = Group(str(tmp_path / "gone"))
    assert group.pids() == []
    assert group.remove()
    assert not group.kill()
    assert not group.freeze()


@needs_v1
def test_this_very_process_is_found_here() -> None:
    folder = own_folder("memory", "/proc", "/sys/fs/cgroup")
    assert str(os.getpid()) in Path(folder, "cgroup.procs").read_text().split()
