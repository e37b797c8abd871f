"""When the host's health is worth a warning, how often, and when it is well again."""

from __future__ import annotations

import pytest

from memguard.core.host_settings import HealthLimits
from memguard.guard.health import HealthJudge
from memguard.host.health import Disk

MB = 1024 * 1024


def disk(free_mb: int, used_percent: float = 50.0, free_files: int = -1, needed_mb: int = 0) -> Disk:
    made = Disk("snapshots", "/state")
    made.total_bytes, made.free_bytes, made.used_percent = 100_000 * MB, free_mb * MB, used_percent
    made.free_files, made.needed_bytes = free_files, needed_mb * MB
    return made


def said(judge: HealthJudge, *disks: Disk, cpu: float = -1.0, load: float = -1.0) -> list[tuple[str, bool]]:
    return [(finding.name, finding.is_over) for finding in judge.look(list(disks), cpu, load)]


def test_a_disk_with_room_is_worth_no_word() -> None:
    assert said(HealthJudge(HealthLimits()), disk(256)) == []


def test_too_little_room_is_said_at_once_and_once_and_with_its_figures() -> None:
    judge = HealthJudge(HealthLimits())
    (finding,) = judge.look([disk(255)], -1, -1)
    assert (finding.what, finding.path) == ("255 MB free for snapshots (limit 256 MB)", "/state")
    assert said(judge, disk(100)) == []
    assert list(judge.warnings) == ["snapshots"]


def test_it_is_well_again_only_at_a_distance_so_that_what_wavers_warns_once() -> None:
    judge = HealthJudge(HealthLimits())
    assert said(judge, disk(255)) == [("snapshots", True)]
    assert said(judge, disk(300)) == said(judge, disk(250)) == said(judge, disk(319)) == []
    assert said(judge, disk(320)) == [("snapshots", False)]
    assert judge.warnings == {}
    assert said(judge, disk(255)) == [("snapshots", True)]


def test_room_for_files_counts_as_well_and_no_count_means_no_limit() -> None:
    judge = HealthJudge(HealthLimits())
    assert said(judge, disk(9999, free_files=-1)) == []
    assert said(judge, disk(9999, free_files=199)) == [("snapshots", True)]


def test_a_conversation_that_is_larger_than_the_room_is_said_before_its_snapshot() -> None:
    (finding,) = HealthJudge(HealthLimits()).look([disk(400, needed_mb=500)], -1, -1)
    assert finding.what == "400 MB free for snapshots, of up to 500 MB needed"


def test_the_share_that_is_used_counts_only_where_it_has_a_limit() -> None:
    assert said(HealthJudge(HealthLimits()), disk(9999, 99.9)) == []
    judge = HealthJudge(HealthLimits(disk_usage_percent=90))
    assert said(judge, disk(9999, 89.9)) == []
    assert said(judge, disk(9999, 90.0)) == [("snapshots", True)]
    assert said(judge, disk(9999, 86.0)) == []
    assert said(judge, disk(9999, 85.0)) == [("snapshots", False)]


def test_a_file_system_that_does_not_answer_is_named() -> None:
    (finding,) = HealthJudge(HealthLimits()).look([Disk("the project", "/mnt")], -1, -1)
    assert finding.what == "the file system of the project does not answer"


@pytest.mark.parametrize("name", ["cpu", "load"])
def test_busy_processors_count_when_they_have_been_for_three_looks_in_a_row(name: str) -> None:
    judge = HealthJudge(HealthLimits(cpu_percent=90, load_per_cpu=90))
    looks = [95.0, 95.0, 20.0, 90.0, 90.0, 90.0, 88.0, 70.0, -1.0]
    found = [said(judge, **{name: value}) for value in looks]
    changes = [(number, each[0][1]) for number, each in enumerate(found) if each]
    assert changes == [(5, True), (7, False)]


def test_processors_without_a_limit_may_work_for_ever() -> None:
    judge = HealthJudge(HealthLimits())
    assert [said(judge, cpu=100.0, load=900.0) for _ in range(9)] == [[]] * 9
