"""What the guards of a host tell each other may be planted, torn, of another boot, or locked away: nobody is harmed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from memguard.core.layout import HOST_LOCK, NEIGHBOUR, VICTIM, read_pairs, write_pairs
from memguard.host import identity
from memguard.watchdog.neighbour_file import read_neighbour
from memguard.watchdog.nesting import guarded_clients
from tests.sandbox import wait_until
from tests.unit.watchdog.several import Guard, HostOfSessions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTILE_IDS = ["../../../tmp/x", "..", "-rf", "a b", "a/b", "é", "x" * 65, "a\x1b[2J"]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostOfSessions]:
    host = HostOfSessions(tmp_path, monkeypatch)
    yield host
    host.clean_up()


@pytest.fixture
def pair(host: HostOfSessions) -> tuple[Guard, Guard]:
    """A busy session and a smaller idle one, over the budget together."""
    busy, idle = host.guard("busy", 700, is_idle=False), host.guard("idle", 500)
    busy.publish()
    idle.publish()
    return busy, idle


def _agreed(*guards: Guard) -> list[str]:
    for guard in guards * 2:
        guard.agree()
    return [guard.guard_id for guard in guards if guard.agree()]


def _spoil(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _published(guard: Guard) -> str:
    with open(f"{guard.folder}/{NEIGHBOUR}", encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("footprint_bytes", "-5"),
        ("footprint_bytes", "9" * 40),
        ("footprint_bytes", "٣"),
        ("footprint_bytes", "1e9"),
        ("at_s", "nan"),
        ("at_s", "inf"),
        ("is_idle", "yes"),
        ("client", "1:2"),
        ("client", "../..:1:x:1"),
        ("generation", ""),
    ],
)
def test_a_neighbour_file_that_memguard_does_not_write_counts_as_none(
    pair: tuple[Guard, Guard], name: str, value: str
) -> None:
    busy, idle = pair
    lines = [f"{name}={value}" if line.startswith(f"{name}=") else line for line in _published(idle).splitlines()]
    _spoil(f"{idle.folder}/{NEIGHBOUR}", "\n".join(lines) + "\n")
    assert read_neighbour(idle.folder) is None
    assert _agreed(busy) == []  # 700 MB of 1,000 MB are left


def test_a_torn_neighbour_file_counts_as_none(pair: tuple[Guard, Guard]) -> None:
    busy, idle = pair
    whole = _published(idle)
    for length in range(len(whole) - 1):
        _spoil(f"{idle.folder}/{NEIGHBOUR}", whole[:length])
        found = read_neighbour(idle.folder)
        # Cut within the last line it may still be whole in all that counts; never is half a number believed.
        assert found is None or found.candidate.footprint_bytes == 500 * 1024 * 1024
    assert not _agreed(busy)


@pytest.mark.parametrize("kind", ["fifo", "link", "folder", "device"])
def test_what_is_no_plain_file_is_neither_waited_for_nor_followed(pair: tuple[Guard, Guard], kind: str) -> None:
    busy, idle = pair
    for path in (f"{idle.folder}/{NEIGHBOUR}", f"{idle.host.runtime}/{VICTIM}"):
        if os.path.lexists(path):
            os.unlink(path)
        _plant(kind, path)
    begun_s = time.monotonic()
    assert busy.agree() is False
    assert time.monotonic() - begun_s < 5


def _plant(kind: str, path: str) -> None:
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        os.mkdir(path)
    else:
        os.symlink("/dev/zero" if kind == "device" else "/proc/self/environ", path)


def test_a_file_that_others_may_write_to_is_not_believed(pair: tuple[Guard, Guard]) -> None:
    _, idle = pair
    os.chmod(f"{idle.folder}/{NEIGHBOUR}", 0o620)
    assert read_neighbour(idle.folder) is None


@pytest.mark.parametrize("guard_id", HOSTILE_IDS)
def test_a_claim_with_a_hostile_guard_id_never_stands(pair: tuple[Guard, Guard], guard_id: str) -> None:
    busy, idle = pair
    _claim_for(idle, guard=guard_id)
    assert _agreed(busy, idle) == ["idle"]


def _claim_for(victim: Guard, **changed: object) -> None:
    """A claim of now for `victim`, as memguard writes it."""
    pairs: dict[str, object] = {"guard": victim.guard_id, "generation": 0, "boot": victim.client.boot_id}
    pairs |= {"since_s": time.monotonic() - 1, "until_s": time.monotonic() + 100, "busy": 0, "taken": 1}
    pairs |= {"total_bytes": 1, "budget_bytes": 1, "passed": "", "reason": "planted"}
    write_pairs(f"{victim.host.runtime}/{VICTIM}", pairs | changed)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"boot": "another-boot"},
        {"since_s": 1e9, "until_s": 1e9 + 100},
        {"until_s": 1e12},
        {"until_s": "nan"},
        {"taken": "2"},
        {"passed": "idle:nan"},
        {"guard": "gone"},
    ],
)
def test_a_claim_of_another_boot_from_the_future_or_without_end_does_not_stand(
    pair: tuple[Guard, Guard], spoilt: dict[str, object]
) -> None:
    busy, idle = pair
    _claim_for(busy, **spoilt)
    assert _agreed(busy, idle) == ["idle"]


def test_nobody_is_left_out_for_ever_by_a_planted_claim(pair: tuple[Guard, Guard]) -> None:
    busy, idle = pair
    _claim_for(busy, guard="", until_s=time.monotonic() - 1, passed=f"idle:{time.monotonic() + 1e6:.0f}")
    assert _agreed(busy, idle) == ["idle"]


def test_what_a_claim_says_is_cleaned_before_it_is_shown(pair: tuple[Guard, Guard]) -> None:
    busy, idle = pair
    _claim_for(idle, reason="\x1b[2Jred\x07")
    idle.agree()
    assert idle.view.reason == "?[2Jred?"
    assert busy.agree() is False


@pytest.mark.parametrize("hours", [-1000, -1, 1, 1000])
def test_a_clock_that_is_set_moves_no_claim(
    pair: tuple[Guard, Guard], monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    busy, idle = pair
    assert _agreed(busy, idle) == ["idle"]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + hours * 3600)
    assert _agreed(busy, idle) == ["idle"]
    assert busy.view.standing == "idle"


def test_a_lock_held_by_a_stopped_process_costs_some_ms_and_is_said_once(pair: tuple[Guard, Guard]) -> None:
    busy, idle = pair
    program = (
        "import sys, time; from memguard.core.lock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire();"
        "open(sys.argv[1] + '.ready', 'w').close(); time.sleep(600)"
    )
    path = f"{busy.host.runtime}/{HOST_LOCK}"
    holder = subprocess.Popen([sys.executable, "-c", program, path])
    try:
        wait_until(lambda: os.path.exists(f"{path}.ready"), "the lock is held")
        holder.send_signal(signal.SIGSTOP)
        begun_s = time.monotonic()
        assert _agreed(busy, idle) == []
        assert time.monotonic() - begun_s < 5
        assert busy.logged() == []
        busy.host.pass_time(40)
        assert _agreed(busy, idle) == []
        assert sum("has been another's" in line for line in busy.logged()) == 2  # one line of each
    finally:
        holder.kill()
        holder.wait()
    assert _agreed(busy, idle) == ["idle"]


def test_a_full_disk_means_that_nobody_acts_and_one_line(
    pair: tuple[Guard, Guard], monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, idle = pair

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("memguard.core.layout.write_all", full)
        assert _agreed(busy, idle) == []
        idle.size_mb = 800
        idle.publish()
        idle.publish()
    assert sum("can't agree" in line for line in busy.logged()) == 2  # one of each
    assert sum("not told" in line for line in idle.logged()) == 1
    assert _agreed(busy, idle) == ["idle"]


def test_in_a_folder_that_others_may_write_to_nobody_acts(pair: tuple[Guard, Guard]) -> None:
    busy, idle = pair
    os.chmod(busy.host.runtime, 0o777)
    assert _agreed(busy, idle) == []
    assert guarded_clients(busy.host.runtime) == set()
    os.chmod(busy.host.runtime, 0o700)
    assert _agreed(busy, idle) == ["idle"]


def test_a_folder_with_a_hostile_name_is_no_guard(pair: tuple[Guard, Guard]) -> None:
    busy, idle = pair
    text = _published(idle)
    os.unlink(f"{idle.folder}/{NEIGHBOUR}")
    for name in ("a b", "-rf", "x" * 65, "a\x1b[2J"):
        os.mkdir(f"{busy.host.runtime}/guards/{name}", 0o700)
        _spoil(f"{busy.host.runtime}/guards/{name}/{NEIGHBOUR}", text)
    busy.agree()
    assert busy.view.total_bytes == 700 * 1024 * 1024


def test_a_planted_guard_restarts_nobody(pair: tuple[Guard, Guard]) -> None:
    """It names a living process as its client, and a size that no host has; its real size is what is read."""
    busy, idle = pair
    busy.size_mb = 400
    busy.publish()
    planted = f"{busy.host.runtime}/guards/planted"
    os.mkdir(planted, 0o700)
    own = identity.identify(os.getpid())
    assert own
    text = _published(idle).replace(idle.client.to_text(), own.to_text())
    _spoil(f"{planted}/{NEIGHBOUR}", text.replace(str(500 * 1024 * 1024), str(1 << 50)))
    assert _agreed(busy, idle) == []
    assert read_pairs(f"{busy.host.runtime}/{VICTIM}")["guard"] == ""
