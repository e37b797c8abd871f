"""A process tree on disk, as memguard's own readings see it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memguard.core.part import MCP, TOOL
from memguard.host import confirm, linux, linux_facts
from memguard.host.environment import marks_of
from memguard.host.origin import origin_of, program_of
from memguard.testing.fake_host import FakeHost

KB = 1024


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(f"{tmp_path}/proc")


def sizes(host: FakeHost, pid: int = 10) -> dict[int, int]:
    return {process.pid: process.footprint_bytes for process in linux.read_tree(pid, host.root).processes}


@pytest.mark.parametrize("with_children", [True, False])
def test_a_tree_needs_no_more_than_parents(tmp_path: Path, with_children: bool) -> None:
    host = FakeHost(f"{tmp_path}/proc", with_children)
    host.add(10, 1, anon_kb=100)
    host.add(20, 10, anon_kb=30, shmem_kb=20, swap_kb=7)
    host.add(30, 20)
    host.add(40, 1, anon_kb=999)
    assert sizes(host) == {10: 100 * KB, 20: 57 * KB, 30: 0}


def test_children_are_listed_by_thread_where_a_test_says_so(host: FakeHost) -> None:
    host.add(10, 1, children={10: [20], 11: [30]})
    host.add(20, 10)
    host.add(30, 10)
    host.add(40, 10)
    assert set(sizes(host)) == {10, 20, 30}, "the kernel has not listed the last"


def test_a_process_can_grow_and_keep_all_else(host: FakeHost) -> None:
    host.add(10, 1, name="claude", start_ticks=77, anon_kb=100, words=["claude", "-p"], uid=12)
    host.change(10, anon_kb=5000, swap_kb=24)
    assert sizes(host) == {10: 5024 * KB}
    assert (linux.start_ticks(10, host.root), program_of(10, host.root)) == (77, "claude")
    assert not linux_facts.is_mine(10, host.root)
    with pytest.raises(KeyError):
        host.change(11, anon_kb=1)


def test_what_a_process_that_ends_has_started_is_inits(host: FakeHost) -> None:
    host.add(10, 1)
    host.add(20, 10)
    host.add(30, 20, anon_kb=8)
    host.end(20)
    assert set(sizes(host)) == {10}
    assert linux.parent_pid(30, host.root) == 1
    assert linux.footprint_bytes(30, host.root) == 8 * KB
    with pytest.raises(KeyError):
        host.end(20)


def test_variables_and_words_say_what_a_process_is(host: FakeHost) -> None:
    tool = {"CLAUDE_PID": "10", "CLAUDE_CODE_SESSION_ID": "abc"}
    host.add(10, 1, name="claude")
    host.add(20, 10, variables=tool, words=["/bin/bash", "-c", "make"])
    host.add(30, 10, variables={"CLAUDE_PROJECT_DIR": "/p"}, words=["node", "/opt/files/index.js"])
    assert (origin_of(20, 10, host.root), origin_of(30, 10, host.root)) == (TOOL, MCP)
    assert (marks_of(20, host.root).session_id, program_of(30, host.root)) == ("abc", "files")
    assert linux_facts.command_name(20, host.root) == "tool\n"


def test_a_share_is_shown_where_one_is_given(host: FakeHost) -> None:
    host.add(10, 1, anon_kb=1000, pss_kb=400)
    host.add(20, 10, anon_kb=1000)
    shares = confirm.shares_bytes(linux.read_tree(10, host.root), host.root)
    assert shares == {10: 400 * KB, 20: 1000 * KB}


def test_a_process_is_this_users_unless_it_is_said_to_be_anothers(host: FakeHost) -> None:
    host.add(10, 1)
    host.add(11, 1, uid=os.geteuid() + 1)
    assert (linux_facts.is_mine(10, host.root), linux_facts.is_mine(11, host.root)) == (True, False)


def test_the_hosts_memory_can_be_said(host: FakeHost) -> None:
    host.memory(16_000, 4_000, swap_total_kb=100, swap_free_kb=40)
    reading = linux_facts.read_pressure(host.root)
    assert (reading.total_bytes, reading.available_bytes) == (16_000 * KB, 4_000 * KB)
    assert (reading.swap_total_bytes, reading.swap_free_bytes) == (100 * KB, 40 * KB)
    assert linux_facts.capacity_bytes(host.root) == 16_000 * KB


def test_a_test_can_write_what_no_kernel_would(host: FakeHost) -> None:
    host.add(10, 1)
    host.write("10/stat", "10 (torn")
    assert linux.read_tree(10, host.root).processes == []
