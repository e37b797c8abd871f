"""The smallest of RAM and the limits of control groups, from fake trees of both versions."""

import pytest

from memguard.core.errors import HostError
from memguard.host.capacity import capacity_bytes
from memguard.testing.fake_host import FakeHost

GB = 1024**3
UNLIMITED_V1 = "9223372036854771712"


@pytest.fixture
def host(fake: FakeHost) -> FakeHost:
    fake.write("meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\n")
    return fake


def capacity_of(host: FakeHost, groups: str) -> int:
    host.write("self/cgroup", groups)
    return capacity_bytes(host.root, f"{host.root}/cgroup")


def test_without_limits_it_is_the_ram(host: FakeHost) -> None:
    host.write("cgroup/a/memory.max", "max\n")
    assert capacity_of(host, "0::/a\n") == 16 * GB


def test_the_own_group_limits(host: FakeHost) -> None:
    host.write("cgroup/a/b/memory.max", f"{2 * GB}\n")
    assert capacity_of(host, "0::/a/b\n") == 2 * GB


def test_a_group_above_limits_more(host: FakeHost) -> None:
    host.write("cgroup/a/b/c/memory.max", f"{8 * GB}\n")
    host.write("cgroup/a/memory.max", f"{3 * GB}\n")
    assert capacity_of(host, "0::/a/b/c\n") == 3 * GB


def test_the_mount_itself_limits_in_a_container(host: FakeHost) -> None:
    host.write("cgroup/memory.max", f"{GB}\n")
    assert capacity_of(host, "0::/../../elsewhere\n") == GB
    assert capacity_of(host, "0::/not/shown/here\n") == GB


def test_a_path_that_leads_upwards_reads_nothing_outside(host: FakeHost) -> None:
    host.write("memory.max", "1\n")
    host.write("cgroup/memory.max", "max\n")
    assert capacity_of(host, "0::/..\n") == 16 * GB


def test_version_1(host: FakeHost) -> None:
    host.write("cgroup/memory/a/memory.limit_in_bytes", UNLIMITED_V1)
    host.write("cgroup/memory/memory.limit_in_bytes", f"{5 * GB}\n")
    assert capacity_of(host, "7:cpu,cpuacct:/x\n4:memory:/a\n0::/\n") == 5 * GB


def test_version_1_unlimited_is_the_ram(host: FakeHost) -> None:
    host.write("cgroup/memory/a/memory.limit_in_bytes", UNLIMITED_V1)
    assert capacity_of(host, "4:memory:/a\n") == 16 * GB


def test_version_2_beside_version_1(host: FakeHost) -> None:
    host.write("cgroup/unified/a/memory.max", f"{6 * GB}\n")
    assert capacity_of(host, "4:memory:/b\n0::/a\n") == 6 * GB


def test_a_limit_above_the_ram_is_none(host: FakeHost) -> None:
    host.write("cgroup/a/memory.max", f"{64 * GB}\n")
    assert capacity_of(host, "0::/a\n") == 16 * GB


def test_a_host_that_says_nothing_is_an_error(fake: FakeHost) -> None:
    with pytest.raises(HostError, match="how much memory"):
        capacity_bytes(fake.root, f"{fake.root}/cgroup")


@pytest.mark.parametrize(
    "text", ["", "max\n", "-1\n", "0\n", "garbage", "12 34\n", "1e9\n", UNLIMITED_V1, "9" * 60, "\0\xff"]
)
@pytest.mark.parametrize("name", ["a/memory.max", "a/memory.high", "memory/a/memory.limit_in_bytes"])
def test_what_is_no_limit(host: FakeHost, name: str, text: str) -> None:
    host.write(f"cgroup/{name}", text)
    assert capacity_of(host, "4:memory:/a\n0::/a\n") == 16 * GB


def test_what_holds_growth_back_is_a_limit_too(host: FakeHost) -> None:
    host.write("cgroup/a/memory.max", f"{8 * GB}\n")
    host.write("cgroup/a/memory.high", f"{2 * GB}\n")
    assert capacity_of(host, "0::/a\n") == 2 * GB


def test_a_trip_wire_of_our_own_is_not(host: FakeHost) -> None:
    """It is derived from the capacity: a command in the session would find less and less of it."""
    host.write("cgroup/u/memguard-1.scope/memory.max", f"{8 * GB}\n")
    host.write("cgroup/u/memguard-1.scope/memory.high", f"{2 * GB}\n")
    assert capacity_of(host, "0::/u/memguard-1.scope\n") == 8 * GB


@pytest.mark.parametrize("groups", ["", "\n", "0\n", "0:\n", "::\n", "x:memory\n", "\xff:memory:\xff\n"])
def test_torn_groups_are_none(host: FakeHost, groups: str) -> None:
    host.write("cgroup/memory/other", "")
    assert capacity_of(host, groups) == 16 * GB


def test_version_1_tells_of_limits_that_a_container_does_not_show(host: FakeHost) -> None:
    host.write("cgroup/memory/memory.limit_in_bytes", UNLIMITED_V1)
    host.write("cgroup/memory/memory.stat", f"cache 7\nhierarchical_memory_limit {7 * GB}\ntotal_cache 7\n")
    assert capacity_of(host, "4:memory:/docker/0123\n") == 7 * GB


def test_another_process_is_bound_by_its_own_groups(host: FakeHost) -> None:
    host.write("self/cgroup", "0::/a\n")
    host.write("10/cgroup", "0::/b\n")
    host.write("cgroup/a/memory.max", f"{3 * GB}\n")
    host.write("cgroup/b/memory.max", f"{5 * GB}\n")
    assert capacity_bytes(host.root, f"{host.root}/cgroup") == 3 * GB
    assert capacity_bytes(host.root, f"{host.root}/cgroup", 10) == 5 * GB
    assert capacity_bytes(host.root, f"{host.root}/cgroup", 11) == 16 * GB


def test_a_group_that_was_removed_leaves_those_above(host: FakeHost) -> None:
    host.write("cgroup/a/memory.max", f"{3 * GB}\n")
    assert capacity_of(host, "0::/a/b (deleted)\n") == 3 * GB


def test_this_host_has_some() -> None:
    assert capacity_bytes() > 64 * 1024**2
