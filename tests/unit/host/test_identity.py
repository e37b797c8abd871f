"""A process is more than its pid."""

import os
from functools import partial
from pathlib import Path

import pytest

from memguard.core.errors import HostError
from memguard.core.identity import ProcessId
from memguard.host import current, linux_facts
from memguard.host.identity import belongs_to_me, boot_id, identify, is_alive, is_local, own_line, pid_namespace
from memguard.testing.fake_host import FakeHost

from .workshop import Workshop, until

STRANGER = "import os, time; os.setuid(65534); print('ready', flush=True); time.sleep(600)"
SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"


def test_identity_survives_being_written_down() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert ProcessId.from_text(me.to_text()) == me
    assert is_alive(me)


@pytest.mark.parametrize(
    "change", [{"start_ticks": 1}, {"boot_id": "another"}, {"pid_namespace": "1"}, {"start_ticks": 0}], ids=str
)
def test_every_part_must_match(change: dict[str, int | str]) -> None:
    me = identify(os.getpid())
    assert me is not None
    for name, value in change.items():
        setattr(me, name, value)
    assert not is_alive(me)
    assert is_local(me) == ("start_ticks" in change)


def test_a_zombie_is_not_alive_and_a_reaped_one_is_nobody(workshop: Workshop) -> None:
    process = workshop.start("input()")
    who = identify(process.pid)
    assert who is not None
    process.kill()
    until(lambda: not is_alive(who))
    assert identify(process.pid) == who
    process.wait()
    assert identify(process.pid) is None


def test_a_process_of_mine_is_mine(workshop: Workshop) -> None:
    assert belongs_to_me(workshop.ready(SLEEPER).pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's process")
def test_another_users_process_is_not(workshop: Workshop) -> None:
    assert not belongs_to_me(workshop.ready(STRANGER).pid)


def test_a_setuid_program_is_not_mine(fake: FakeHost) -> None:
    me, other = os.geteuid(), os.geteuid() + 1
    fake.write("10/status", f"Name:\tsu\nUid:\t{me}\t{other}\t{other}\t{other}\n")
    fake.write("11/status", f"Name:\tUid:\\n\nUid:\t{me}\t{me}\t{me}\t{me}\n")
    assert not linux_facts.is_mine(10, fake.root)
    assert linux_facts.is_mine(11, fake.root)
    assert not linux_facts.is_mine(12, fake.root)


def test_ids_of_this_host_fit_into_a_process_id() -> None:
    assert len(boot_id()) == 36
    assert pid_namespace().isdigit()
    assert pid_namespace() in os.readlink("/proc/self/ns/pid")


def test_a_proc_of_another_namespace_is_refused(tmp_path: Path) -> None:
    os.symlink("1", tmp_path / "self")
    with pytest.raises(HostError, match="namespace"):
        linux_facts.pid_namespace(str(tmp_path))
    with pytest.raises(HostError, match="boot id"):
        linux_facts.boot_id(str(tmp_path))


def test_own_line_is_this_process_and_its_ancestors(workshop: Workshop) -> None:
    child = workshop.ready(SLEEPER)
    assert {os.getpid(), os.getppid()} <= own_line()
    assert child.pid not in own_line()


def test_a_process_reaped_between_the_two_reads_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parent reaps it right after the first read, so whichever comes second finds nothing."""
    who = identify(os.getpid())
    assert who is not None
    reads: list[int] = []

    def read(pid: int, *, at_first: int) -> int:
        reads.append(pid)
        return at_first if len(reads) == 1 else 0

    monkeypatch.setattr(current, "is_zombie", partial(read, at_first=True))
    monkeypatch.setattr(current, "start_ticks", partial(read, at_first=who.start_ticks))
    assert not is_alive(who)
