"""A plugin worker that SIGKILL doesn't end, since it waits in the kernel for a file system that hangs.

No test can make such a process without a file system of its own: the reaping is made to find one.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memguard.watchdog.loop import Watchdog
from tests.plugin_scene import PluginScene, hooks, install_plugin, installation, scene  # noqa: F401
from tests.sandbox import wait_until

# Nobody may wait for it longer than 0.3 s; a busy host adds to that.
BOUND_S = 3.0
HANGS = "import signal; signal.signal(signal.SIGALRM, signal.SIG_IGN); time.sleep(600)"


class Kernel:
    """Keeps the process `pid` from ending, until it is let go."""

    def __init__(self) -> None:
        self.pid = 0
        self.looks = 0
        self._let_go = threading.Event()

    def let_go(self) -> None:
        self._let_go.set()

    def waitpid(self, pid: int, options: int) -> tuple[int, int]:
        """As the real one, for a process that doesn't end: it waits, or says that there is nobody yet."""
        if pid != self.pid or self._let_go.is_set():
            return REAL_WAITPID(pid, options)
        self.looks += 1
        if not options & os.WNOHANG:
            self._let_go.wait(BOUND_S * 2)
        return 0, 0

    def waitid(self, kind: int, pid: int, options: int) -> object:
        return None if pid == self.pid and not self._let_go.is_set() else REAL_WAITID(kind, pid, options)


REAL_WAITPID, REAL_WAITID = os.waitpid, os.waitid


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    found = Kernel()
    monkeypatch.setattr(os, "waitpid", found.waitpid)
    monkeypatch.setattr(os, "waitid", found.waitid)
    yield found
    found.let_go()


def _quickly(step: Callable[[], object]) -> object:
    begun_s, used_s = time.monotonic(), time.thread_time()
    value = step()
    assert time.monotonic() - begun_s < BOUND_S, "it waited for the worker"
    assert time.thread_time() - used_s < 0.2, "it waited busily"
    return value


def test_killing_it_takes_a_bounded_time_and_it_is_reaped_later(scene: PluginScene, kernel: Kernel) -> None:  # noqa: F811
    scene.start()
    process = scene.pipe._process
    kernel.pid = pid = process.pid
    assert _quickly(process.kill) is False
    assert 2 < kernel.looks < 100
    assert process.pid == pid
    assert process.who is None, "nobody is woken by its end"
    kernel.let_go()
    wait_until(process.reap, "its end")
    assert process.pid == 0
    assert process.kill() is True


def test_stopping_takes_a_bounded_time(scene: PluginScene, kernel: Kernel) -> None:  # noqa: F811
    rig = scene.start(timeout_s=0.2)
    kernel.pid = scene.pipe._process.pid
    _quickly(scene.pipe.stop)
    assert "the plugins' worker can't be ended, and is left behind" in rig.log()


def test_the_watchdog_goes_on_without_plugins(
    scene: PluginScene,  # noqa: F811
    kernel: Kernel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_plugin(scene.installation, "hangs", hooks(restart_failed=HANGS))
    rig = scene.start("hangs", timeout_s=0.2)
    kernel.pid = pid = scene.pipe._process.pid
    scene.tell()
    scene.until(lambda: scene.pipe._process.mark()[0], "the call")
    monkeypatch.setattr(scene.pipe, "_is_stalled", lambda: True)  # seconds later
    watchdog = Watchdog(rig.session)
    pauses: list[float] = []

    def slept(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == 5:
            kernel.let_go()
            wait_until(lambda: _is_over(pid), "its end")
        if len(pauses) == 7:
            monkeypatch.setattr(rig.session, "has_client", lambda: False)

    monkeypatch.setattr(watchdog, "_sleep", slept)
    _quickly(watchdog._watch_client)
    assert len(pauses) == 7, "it went on watching"
    assert scene.pipe._process.pid == 0, "it was reaped once it had ended"
    assert scene.pipe.watched() == []
    assert "plugin hangs is disabled for this session: in restart_failed: " in rig.log()
    assert rig.log().count("no plugin runs any more: their worker can't be ended: it hangs in the kernel") == 1
    status = json.loads((rig.guard / "status.json").read_text())
    assert [(each["name"], each["failed_in"]) for each in status["plugins"]] == [
        ("recorder", "worker"), ("hangs", "restart_failed"),
    ]  # fmt: skip
    scene.tell()
    assert len(rig.events("restart_failed")) == 2, "memguard's own record goes on"


def _is_over(pid: int) -> bool:
    """Ended, and not reaped yet."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
