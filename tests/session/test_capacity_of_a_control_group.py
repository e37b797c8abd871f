"""In a control group with a limit, percent thresholds and the room that is left follow the limit, not the RAM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memguard.config.load import load_config
from memguard.host.capacity import capacity_bytes
from memguard.host.pressure import Gauge
from memguard.testing.fake_host import FakeHost
from tests.control_group import ControlGroup
from tests.sandbox import Sandbox
from tests.unit.host.workshop import Workshop

MB = 1024 * 1024
LIMIT_BYTES = 400 * MB
PERCENTAGES = "[thresholds]\nwarning_percent = 50\ncritical_percent = 65\nemergency_percent = 75\n"
# Waits to be put into the group, takes as much as it is told to, line by line, and says so.
TAKER = """
import sys
held = []
print("ready", flush=True)
for line in sys.stdin:
    what, size_mb = line.split()
    if what == "take":
        held.append(bytearray(int(size_mb) * 1024 * 1024))
        for offset in range(0, len(held[-1]), 4096): held[-1][offset] = 1
    else:
        with open(sys.argv[1], "wb+") as file:
            for _ in range(int(size_mb)): file.write(bytes(1024 * 1024))
            for _ in range(3):
                file.seek(0)
                while file.read(1024 * 1024): pass
    print("done", flush=True)
"""


@pytest.fixture
def group() -> Iterator[ControlGroup]:
    group = ControlGroup(LIMIT_BYTES)
    yield group
    group.remove()


@pytest.fixture
def workshop(group: ControlGroup) -> Iterator[Workshop]:
    """Closed before the group is removed: what it started is in the group."""
    assert group.pids() == []
    shop = Workshop()
    yield shop
    shop.close()


def _thresholds_mb(sandbox: Sandbox, group: ControlGroup | None = None) -> dict[str, int]:
    more: dict[str, Any] = {"preexec_fn": group.take} if group else {}
    lines = sandbox.memguard("config", "show", **more).stdout.splitlines()
    words = [line.split() for line in lines if line.startswith("thresholds.") and "_percent" not in line]
    return {line[0].partition(".")[2]: int(line[1]) for line in words}


def test_the_thresholds_that_a_person_is_shown_follow_the_limit(group: ControlGroup, sandbox: Sandbox) -> None:
    sandbox.config(PERCENTAGES)
    assert _thresholds_mb(sandbox, group) == {"warning": 200, "critical": 260, "emergency": 300}
    assert _thresholds_mb(sandbox)["warning"] > 200


def test_the_same_from_a_tree_of_version_2(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FIXTURE: a hybrid host or one of version 1 has no memory controller in version 2."""
    fake = FakeHost(str(tmp_path / "proc"))
    fake.write("meminfo", "MemTotal: 16777216 kB\n")
    fake.write("self/cgroup", "0::/user.slice/session.scope\n")
    fake.write("cgroup/user.slice/session.scope/memory.max", "max\n")
    fake.write("cgroup/user.slice/memory.max", f"{LIMIT_BYTES}\n")
    size_bytes = capacity_bytes(fake.root, f"{fake.root}/cgroup")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(sandbox.home / ".config"))
    sandbox.config(PERCENTAGES)
    limits = load_config(str(sandbox.project), size_bytes, {}).limits
    assert [size // MB for size in (limits.warning_bytes, limits.critical_bytes, limits.emergency_bytes)] == [
        200,
        260,
        300,
    ]


def test_a_group_fills_by_what_is_held_and_not_by_what_was_read(
    group: ControlGroup, workshop: Workshop, tmp_path: Path
) -> None:
    """Other processes of this host don't notice: the group of this test has room left."""
    process = workshop.start(TAKER, str(tmp_path / "file"))
    workshop.line(process)
    group.take(process.pid)
    gauge = Gauge(process.pid)
    assert capacity_bytes(pid=process.pid) == LIMIT_BYTES

    def tell(line: str) -> None:
        assert process.stdin is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        assert workshop.line(process) == "done"

    empty_bytes = gauge.left_bytes()
    assert LIMIT_BYTES - 20 * MB < empty_bytes <= LIMIT_BYTES
    tell("read 350")
    assert gauge.left_bytes() > LIMIT_BYTES - 40 * MB
    assert not gauge.is_short()
    tell("take 200")
    assert LIMIT_BYTES - 240 * MB < gauge.left_bytes() <= LIMIT_BYTES - 200 * MB
    assert not gauge.is_short()
    tell("take 185")
    assert gauge.left_bytes() <= 15 * MB
    assert gauge.is_short()
    assert not Gauge().is_short()
    assert Gauge().left_bytes() > LIMIT_BYTES
