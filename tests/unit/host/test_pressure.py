"""Whether a host or a group is short of memory, and what is left: fixture trees, and this host."""

import pytest

from memguard.core.reading import Pressure
from memguard.host import pressure
from memguard.host.pressure import Gauge, is_host_short, read_pressure
from memguard.testing.fake_clock import FakeClock
from memguard.testing.fake_host import FakeHost

KB = 1024
MB = 1024 * KB
GB = 1024 * MB
STALLS = "some avg10={some} avg60=0.00 avg300=0.00 total=1\nfull avg10={full} avg60=99.00 avg300=99.00 total=1\n"


class Host:
    """A host of 16 GB; what is left out is not there."""

    def __init__(self, fake: FakeHost) -> None:
        self.fake = fake
        self.root = fake.root
        self.cgroup_root = f"{fake.root}/cgroup"

    def has(self, available_mb: int, full: str = "") -> None:
        sizes_kb = {"MemTotal": 16 * MB, "MemFree": 1, "MemAvailable": available_mb * KB, "SwapTotal": 9, "SwapFree": 7}
        self.fake.write("meminfo", "".join(f"{name}:  {size_kb} kB\n" for name, size_kb in sizes_kb.items()))
        if full:
            self.fake.write("pressure/memory", STALLS.format(some="12.50", full=full))

    def group(self, folder: str, limit: str, usage_mb: int, inactive_mb: int = 0, active_mb: int = 0) -> None:
        """A group of v2; in v1, where the folder begins with `memory/`."""
        is_v1 = folder.startswith("memory/")
        limit_name, usage_name = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes") if is_v1 else ("memory.max", "memory.current")
        )
        prefix = "total_" if is_v1 else ""
        self.fake.write(f"cgroup/{folder}/{limit_name}", f"{limit}\n")
        self.fake.write(f"cgroup/{folder}/{usage_name}", f"{usage_mb * MB}\n")
        stat = f"anon 1\nfile 2\n{prefix}inactive_file {inactive_mb * MB}\n{prefix}active_file {active_mb * MB}\n"
        self.fake.write(f"cgroup/{folder}/memory.stat", stat)

    def gauge(self, pid: int = 0) -> Gauge:
        return Gauge(pid, self.root, self.cgroup_root)

    def left_bytes(self, pid: int = 0) -> int:
        return self.gauge(pid).left_bytes()

    def is_short(self, pid: int = 0) -> bool:
        return self.gauge(pid).is_short()


@pytest.fixture
def host(fake: FakeHost) -> Host:
    made = Host(fake)
    made.has(available_mb=8192)
    fake.write("self/cgroup", "4:memory:/v1/mine\n0::/slice/mine\n")
    return made


def test_all_that_the_host_tells(host: Host) -> None:
    host.has(available_mb=512, full="3.25")
    reading = read_pressure(host.root)
    assert (reading.total_bytes, reading.available_bytes) == (16 * GB, 512 * MB)
    assert (reading.swap_total_bytes, reading.swap_free_bytes) == (9 * KB, 7 * KB)
    assert (reading.psi_some_avg10, reading.psi_full_avg10) == (12.5, 3.25)


def test_what_is_absent_is_unknown(fake: FakeHost) -> None:
    """No /proc at all; an old kernel without MemAvailable; one without PSI."""
    for text in ("", "MemTotal: 16 kB\n"):
        fake.write("meminfo", text)
        reading = read_pressure(fake.root)
        assert (reading.available_bytes, reading.psi_some_avg10, reading.psi_full_avg10) == (-1, -1, -1)
        assert reading.swap_total_bytes == -1
        gauge = Host(fake).gauge()
        assert (gauge.is_short(), gauge.left_bytes()) == (False, -1)


@pytest.mark.parametrize("full", ["", "x", "-1", "101", "nan", "1e9"])
def test_a_spoilt_stall_is_unknown(host: Host, full: str) -> None:
    host.fake.write("pressure/memory", STALLS.format(some=full, full=full))
    reading = read_pressure(host.root)
    assert (reading.psi_some_avg10, reading.psi_full_avg10) == (-1, -1)


@pytest.mark.parametrize("text", ["MemTotal: x kB\nMemAvailable: -7 kB\n", "MemTotal:\nMemAvailable:", "\0\xff"])
def test_spoilt_sizes_are_no_shortage(host: Host, text: str) -> None:
    host.fake.write("meminfo", text)
    assert not host.is_short()


@pytest.mark.parametrize(
    ("available_mb", "full", "expected"),
    [(820, 0.0, False), (810, -1.0, True), (1600, 20.0, True), (1600, 19.0, False), (1700, 100.0, False)],
)
def test_little_is_short_and_a_standstill_makes_it_so_sooner(available_mb: int, full: float, expected: bool) -> None:
    reading = Pressure(16 * GB, available_mb * MB)
    reading.psi_full_avg10 = full
    assert is_host_short(reading) == expected


@pytest.mark.parametrize("folder", ["slice/mine", "slice", "memory/v1/mine", "memory/v1"])
def test_a_full_group_is_a_shortage_whatever_the_host_has(host: Host, folder: str) -> None:
    host.group(folder, str(1000 * MB), usage_mb=960, inactive_mb=5)
    assert host.is_short()
    assert host.left_bytes() == 45 * MB


@pytest.mark.parametrize("folder", ["slice/mine", "memory/v1"])
def test_page_cache_fills_no_group(host: Host, folder: str) -> None:
    """A program that has read many files has left the group full of what is given back for the asking."""
    host.group(folder, str(1000 * MB), usage_mb=1000, inactive_mb=300, active_mb=500)
    assert not host.is_short()
    assert host.left_bytes() == 800 * MB


def test_what_the_tightest_has_left_counts(host: Host) -> None:
    assert host.left_bytes() == 8 * GB
    host.group("slice/mine", str(6 * GB), usage_mb=1024)
    assert host.left_bytes() == 5 * GB
    host.group("memory/v1", str(2 * GB), usage_mb=1024)
    assert host.left_bytes() == GB
    host.group("memory/v1", str(2 * GB), usage_mb=4096)
    assert host.left_bytes() == 0
    host.has(available_mb=0)
    assert host.left_bytes() == 0


@pytest.mark.parametrize("limit", ["max", "9223372036854771712", "-1", "0", "garbage", ""])
def test_a_group_without_a_limit_leaves_what_the_host_has(host: Host, limit: str) -> None:
    host.group("slice/mine", limit, usage_mb=9000)
    host.group("memory/v1/mine", limit, usage_mb=9000)
    assert host.left_bytes() == 8 * GB
    assert not host.is_short()


@pytest.mark.parametrize("usage", ["-1", "garbage", "", None])
def test_a_limited_group_of_unknown_use_says_nothing(host: Host, usage: str | None) -> None:
    host.fake.write("cgroup/slice/mine/memory.max", f"{GB}\n")
    if usage is not None:
        host.fake.write("cgroup/slice/mine/memory.current", usage)
    assert host.left_bytes() == 8 * GB
    assert not host.is_short()


def test_without_statistics_all_of_the_use_counts(host: Host) -> None:
    host.fake.write("cgroup/slice/mine/memory.max", f"{GB}\n")
    host.fake.write("cgroup/slice/mine/memory.current", f"{1000 * MB}\n")
    host.fake.write("cgroup/slice/mine/memory.stat", "inactive_file -3\nactive_file x\n")
    assert host.left_bytes() == 24 * MB


def test_the_groups_are_those_of_the_process_that_is_asked_for(host: Host) -> None:
    host.fake.write("10/cgroup", "0::/other\n")
    host.group("other", str(GB), usage_mb=1000)
    assert (host.is_short(), host.is_short(10)) == (False, True)
    assert (host.left_bytes(), host.left_bytes(10)) == (8 * GB, 24 * MB)


def test_a_gauge_reads_use_each_time_and_limits_now_and_then(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    clock.replace_in(monkeypatch, pressure)
    host.group("slice/mine", str(GB), usage_mb=24)
    gauge = host.gauge()
    assert gauge.left_bytes() == 1000 * MB
    host.group("slice/mine", str(2 * GB), usage_mb=124)
    assert gauge.left_bytes() == 900 * MB
    clock.advance(6)
    assert gauge.left_bytes() == 1924 * MB
    host.group("slice/mine", "max", usage_mb=124)
    clock.advance(6)
    assert gauge.left_bytes() == 8 * GB


def test_a_gauge_takes_a_pressure_that_was_just_read(host: Host) -> None:
    gauge = host.gauge()
    assert (gauge.is_short(Pressure(GB, 9 * MB)), gauge.left_bytes(Pressure(GB, 9 * MB))) == (True, 9 * MB)
    assert (gauge.is_short(), gauge.left_bytes()) == (False, 8 * GB)


def test_this_host() -> None:
    reading = read_pressure()
    assert 0 < reading.available_bytes <= reading.total_bytes
    assert 0 <= Gauge().left_bytes() <= reading.total_bytes
    assert -1 <= reading.psi_full_avg10 <= reading.psi_some_avg10 <= 100
