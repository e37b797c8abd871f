"""A signal reaches the process that was meant, or nobody."""

import os
import signal
import time

import pytest

from memguard.core.identity import ProcessId
from memguard.host import signals
from memguard.host.identity import identify, is_alive, own_line
from memguard.host.signals import Batch, send, wait_gone

from .workshop import Workshop, gone, until

STRANGER = "import os, time; os.setuid(65534); print('ready', flush=True); time.sleep(600)"
SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"


@pytest.fixture(params=[True, False], ids=["pidfd", "no pidfd"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every host's way: Linux has pidfds, macOS has none."""
    monkeypatch.setattr(signals, "_HAS_PIDFD", request.param and signals._HAS_PIDFD)


@pytest.mark.usefixtures("way")
def test_reaches_the_process_that_was_meant(workshop: Workshop) -> None:
    who = workshop.ready(SLEEPER)
    assert send(who, signal.SIGTERM)
    assert wait_gone([who], 10) == []
    assert gone(who)


@pytest.mark.usefixtures("way")
def test_a_reused_pid_is_never_signalled(workshop: Workshop) -> None:
    who = workshop.ready(SLEEPER)
    for former in (
        ProcessId(who.pid, who.start_ticks - 1, who.boot_id, who.pid_namespace),
        ProcessId(who.pid, who.start_ticks, "another boot", who.pid_namespace),
        ProcessId(who.pid, who.start_ticks, who.boot_id, "1"),
    ):
        assert not send(former, signal.SIGKILL)
        assert wait_gone([former], 0) == []
    assert wait_gone([who], 0.1) == [who]


def test_the_process_is_held_before_it_is_compared(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other way round, a pid that is given away in between would be signalled."""
    who = workshop.ready(SLEEPER)
    order: list[str] = []
    hold = signals._open

    def noted_open(pid: int) -> int:
        order.append("held")
        return hold(pid)

    def noted_compare(process: ProcessId) -> bool:
        order.append("compared")
        return is_alive(process)

    monkeypatch.setattr(signals, "_open", noted_open)
    monkeypatch.setattr(signals, "is_alive", noted_compare)
    assert send(who, 0)
    assert order == ["held", "compared"]


def test_never_itself_nor_its_ancestors_nor_a_group() -> None:
    for pid in (os.getpid(), os.getppid(), 1):
        who = identify(pid)
        assert who is not None
        assert not send(who, 0)
    for pid in (0, -1, -os.getpgrp()):
        assert not send(ProcessId(pid, 0, "", ""), 0)


def test_nor_in_a_batch_also_in_one_within_another(workshop: Workshop) -> None:
    other = workshop.ready(SLEEPER)
    for pid in (os.getpid(), os.getppid(), 1):
        who = identify(pid)
        assert who is not None
        with Batch(), Batch():
            assert not send(who, 0)
            assert send(other, 0)


def test_in_a_batch_the_ancestors_are_looked_up_once(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of one each time: they are others by then."""
    who, looked_up = workshop.ready(SLEEPER), []

    def noted() -> frozenset[int]:
        looked_up.append(1)
        return own_line()

    monkeypatch.setattr(signals, "own_line", noted)
    with Batch():
        assert send(who, 0)
        with Batch():
            assert send(who, 0)
        assert send(who, 0)
    assert len(looked_up) == 1
    assert send(who, 0)
    assert send(who, 0)
    assert len(looked_up) == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's process")
@pytest.mark.usefixtures("way")
def test_never_another_users_process(workshop: Workshop) -> None:
    process = workshop.start(STRANGER)
    workshop.line(process)
    who = identify(process.pid)
    assert who is not None
    assert not send(who, signal.SIGKILL)
    assert is_alive(who)


@pytest.mark.usefixtures("way")
def test_who_is_gone_gets_no_signal(workshop: Workshop) -> None:
    process = workshop.start(SLEEPER)
    workshop.line(process)
    who = identify(process.pid)
    assert who is not None
    process.kill()
    until(lambda: gone(who))  # a zombie: its pid is taken, and still it is gone
    assert not send(who, signal.SIGTERM)
    process.wait()
    assert not send(who, signal.SIGTERM)


@pytest.mark.usefixtures("way")
def test_waiting_names_who_stays_and_burns_no_time(workshop: Workshop) -> None:
    deaf, mortal = workshop.ready(DEAF), workshop.ready(SLEEPER)
    send(deaf, signal.SIGTERM)
    send(mortal, signal.SIGTERM)
    begin_s, begin_cpu_s = time.monotonic(), time.process_time()
    assert wait_gone([deaf, mortal], 0.5) == [deaf]
    assert 0.5 <= time.monotonic() - begin_s < 5
    assert time.process_time() - begin_cpu_s < 0.1


@pytest.mark.usefixtures("way")
def test_waiting_ends_with_the_last(workshop: Workshop) -> None:
    who = workshop.ready("import time; print('ready', flush=True); time.sleep(0.2)")
    begin_s = time.monotonic()
    assert wait_gone([who], 60) == []
    assert time.monotonic() - begin_s < 30


def test_without_descriptors_to_spare_it_still_signals(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_pid: int) -> int:
        raise OSError(24, "too many open files")

    monkeypatch.setattr(os, "pidfd_open", refused)
    who = workshop.ready(SLEEPER)
    assert send(who, signal.SIGTERM)
    assert wait_gone([who], 10) == []
