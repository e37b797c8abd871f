"""The smallest of RAM and the limits of control groups, from fake trees of both versions."""

import pytest

from memguard.core.errors import HostError
from memguard.host.capacity import capacity_bytes

from .fake_proc import FakeProc

GB = 1024**3
UNLIMITED_V1 = "9223372036854771712"


@pytest.fixture
def host(fake: FakeProc) -> FakeProc:
    fake.write("meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\n")
    return fake


def capacity_of(host: FakeProc, groups: str) -> int:
    host.write("self/cgroup", groups)
    return capacity_bytes(host.root, f"{host.root}/cgroup")


def test_without_limits_it_is_the_ram(host: FakeProc) -> None:
    host.write("cgroup/a/memory.max", "max\n")
    assert capacity_of(host, "0::/a\n") == 16 * GB


def test_the_own_group_limits(host: FakeProc) -> None:
    host.write("cgroup/a/b/memory.max", f"{2 * GB}\n")
    assert capacity_of(host, "0::/a/b\n") == 2 * GB


def test_a_group_above_limits_more(host: FakeProc) -> None:
    host.write("cgroup/a/b/c/memory.max", f"{8 * GB}\n")
    host.write("cgroup/a/memory.max", f"{3 * GB}\n")
    assert capacity_of(host, "0::/a/b/c\n") == 3 * GB


def test_the_mount_itself_limits_in_a_container(host: FakeProc) -> None:
    host.write("cgroup/memory.max", f"{GB}\n")
    assert capacity_of(host, "0::/../../elsewhere\n") == GB
    assert capacity_of(host, "0::/not/shown/here\n") == GB


def test_a_path_that_leads_upwards_reads_nothing_outside(host: FakeProc) -> None:
    host.write("memory.max", "1\n")
    host.write("cgroup/memory.max", "max\n")
    assert capacity_of(host, "0::/..\n") == 16 * GB


def test_version_1(host: FakeProc) -> None:
    host.write("cgroup/memory/a/memory.limit_in_bytes", UNLIMITED_V1)
    host.write("cgroup/memory/memory.limit_in_bytes", f"{5 * GB}\n")
    assert capacity_of(host, "7:cpu,cpuacct:/x\n4:memory:/a\n0::/\n") == 5 * GB


def test_version_1_unlimited_is_the_ram(host: FakeProc) -> None:
    host.write("cgroup/memory/a/memory.limit_in_bytes", UNLIMITED_V1)
    assert capacity_of(host, "4:memory:/a\n") == 16 * GB


def test_version_2_beside_version_1(host: FakeProc) -> None:
    host.write("cgroup/unified/a/memory.max", f"{6 * GB}\n")
    assert capacity_of(host, "4:memory:/b\n0::/a\n") == 6 * GB


def test_a_limit_above_the_ram_is_none(host: FakeProc) -> None:
    host.write("cgroup/a/memory.max", f"{64 * GB}\n")
    assert capacity_of(host, "0::/a\n") == 16 * GB


def test_a_host_that_says_nothing_is_an_error(fake: FakeProc) -> None:
    with pytest.raises(HostError, match="how much memory"):
        capacity_bytes(fake.root, f"{fake.root}/cgroup")


def test_this_host_has_some() -> None:
    assert capacity_bytes() > 64 * 1024**2
