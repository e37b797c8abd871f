"""The host's figures beside memory: as the host tells them, and where it tells nothing."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from memguard.host.health import CpuMeter, load_average, network_bytes, processor_count, read_disk

STAT = "cpu  {user} 0 {system} {idle} {iowait} 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 1\n"
NET = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo:  999      1    0    0    0     0          0         0      999       1    0    0    0     0       0          0
  eth0: 1000      7    0    0    0     0          0         0      200       5    0    0    0     0       0          0
 wlan0:   50      1    0    0    0     0          0         0        8       1    0    0    0     0       0          0
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "dev").write_text(NET)
    (tmp_path / "loadavg").write_text("1.75 2.00 3.00 4/321 9876\n")
    (tmp_path / "stat").write_text(STAT.format(user=100, system=100, idle=700, iowait=100))
    return tmp_path


def test_a_disk_is_what_the_file_system_says(tmp_path: Path) -> None:
    disk, told = read_disk("snapshots", str(tmp_path)), os.statvfs(tmp_path)
    assert disk.total_bytes == told.f_blocks * told.f_frsize
    assert disk.free_bytes == pytest.approx(told.f_bavail * told.f_frsize, rel=0.05)
    assert disk.used_percent == pytest.approx(psutil.disk_usage(str(tmp_path)).percent, abs=1)
    assert disk.is_known


def test_a_folder_that_is_not_there_yet_is_asked_for_by_the_one_above(tmp_path: Path) -> None:
    assert (
        read_disk("snapshots", str(tmp_path / "not" / "yet")).total_bytes == read_disk("x", str(tmp_path)).total_bytes
    )


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_is_no_folder_has_no_answer(path: str) -> None:
    disk = read_disk("snapshots", path)
    assert (disk.is_known, disk.free_bytes, disk.used_percent) == (False, -1, -1.0)


def test_the_processors_share_of_work_is_of_the_time_between_two_looks(proc: Path) -> None:
    meter = CpuMeter(str(proc))
    (proc / "stat").write_text(STAT.format(user=125, system=105, idle=750, iowait=120))
    assert meter.percent() == 30.0, "30 of 100 ticks; waiting for a disk is no work"
    assert meter.percent() == -1.0, "no time has passed"


def test_load_and_network_are_read_without_the_loopback(proc: Path) -> None:
    assert load_average(str(proc)) == 1.75
    assert network_bytes(str(proc)) == (208, 1050)


def test_they_agree_with_this_host() -> None:
    assert load_average() == pytest.approx(os.getloadavg()[0], abs=2)
    counters = psutil.net_io_counters(pernic=True)
    sent = sum(each.bytes_sent for name, each in counters.items() if name != "lo")
    assert network_bytes()[0] == pytest.approx(sent, rel=0.05, abs=1_000_000)
    assert processor_count() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("spoil", ["missing", "empty", "binary", "cut"])
def test_a_proc_that_tells_nothing_costs_the_figure_alone(proc: Path, spoil: str) -> None:
    meter = CpuMeter(str(proc))
    for name in ("stat", "loadavg", "net/dev"):
        path = proc / name
        if spoil == "missing":
            path.unlink()
        else:
            path.write_bytes({"empty": b"", "binary": b"\xff\0\xfe" * 40, "cut": path.read_bytes()[:3]}[spoil])
    if spoil == "cut":
        (proc / "net" / "dev").write_text(NET[:-20].replace("200", "2x0"))
    assert meter.percent() == -1.0
    assert (spoil == "cut" and load_average(str(proc)) == 1.7) or load_average(str(proc)) == -1.0
    assert network_bytes(str(proc)) == (-1, -1)
