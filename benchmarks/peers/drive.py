"""Each peer, set to end one program for its memory: as it comes, and as fast as it can be set."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from .install import Installed

KB = 1024


class Peer(ABC):
    """One program at one setting. `interval_s` is between two of its looks, `timeout_s` what it may take to react."""

    def __init__(self, name: str, setting: str, interval_s: float, timeout_s: float) -> None:
        self.name = name
        self.setting = setting
        self.interval_s = interval_s
        self.timeout_s = timeout_s

    @abstractmethod
    def refusal(self, installed: Installed) -> str:
        """Why it can't be run here; empty where it can."""

    @abstractmethod
    def running(
        self, installed: Installed, work: Path, command: list[str], limit_bytes: int
    ) -> AbstractContextManager[None]:
        """The peer, with `command` under it as the program that is watched; both are gone afterwards."""


class Pm2(Peer):
    """`--max-memory-restart`; its worker's interval is a variable."""

    def __init__(self, interval_s: float, timeout_s: float, setting: str) -> None:
        super().__init__("pm2", setting, interval_s, timeout_s)

    def refusal(self, installed: Installed) -> str:
        """Needs node."""
        return "" if installed.pm2.exists() else installed.missing.get("pm2", "not installed")

    @contextmanager
    def running(self, installed: Installed, work: Path, command: list[str], limit_bytes: int) -> Iterator[None]:
        """Its daemon lives in a folder of its own, and is told to end."""
        environment = {
            **os.environ,
            "PM2_HOME": str(work / "pm2"),
            "PM2_WORKER_INTERVAL": f"{self.interval_s * 1000:.0f}",
        }
        start = [str(installed.pm2), "start", command[0], "--name", "hog", "--interpreter", "none"]
        start += ["--max-memory-restart", f"{limit_bytes // KB}K", "--", *command[1:]]
        subprocess.run(start, env=environment, check=True, capture_output=True, cwd=work, timeout=60)
        try:
            yield
        finally:
            subprocess.run([str(installed.pm2), "kill"], env=environment, check=False, capture_output=True, timeout=60)


class Memmon(Peer):
    """superlance's event listener under supervisord, at one of supervisord's ticks."""

    def __init__(self, tick_s: int, timeout_s: float, setting: str) -> None:
        super().__init__("supervisor + memmon", setting, tick_s, timeout_s)

    def refusal(self, installed: Installed) -> str:
        """Both from PyPI."""
        return "" if (installed.python / "memmon").exists() else installed.missing.get("superlance and circus", "?")

    @contextmanager
    def running(self, installed: Installed, work: Path, command: list[str], limit_bytes: int) -> Iterator[None]:
        """Configured as its documentation shows."""
        memmon = f"{installed.python / 'python'} {installed.python / 'memmon'} -p hog={limit_bytes // KB}KB"
        lines = [
            "[unix_http_server]", f"file={work}/s.sock", "[supervisord]", f"logfile={work}/supervisord.log",
            f"pidfile={work}/supervisord.pid", f"childlogdir={work}", "nodaemon=true", "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface", "[supervisorctl]",
            f"serverurl=unix://{work}/s.sock", "[program:hog]", f"command={shlex.join(command)}",
            "[eventlistener:memmon]", f"command={memmon}", f"events=TICK_{self.interval_s:.0f}",
        ]  # fmt: skip
        (work / "supervisord.conf").write_text("\n".join(lines) + "\n")
        daemon = [str(installed.python / "supervisord"), "-n", "-c", str(work / "supervisord.conf")]
        with _daemon(daemon, work):
            yield


class Circus(Peer):
    """circusd with its resource watcher; it acts at the third look in a row by default."""

    def __init__(self, interval_s: float, looks: int, timeout_s: float, setting: str) -> None:
        super().__init__("circus", setting, interval_s, timeout_s)
        self.looks = looks

    def refusal(self, installed: Installed) -> str:
        """From PyPI."""
        return "" if (installed.python / "circusd").exists() else installed.missing.get("superlance and circus", "?")

    @contextmanager
    def running(self, installed: Installed, work: Path, command: list[str], limit_bytes: int) -> Iterator[None]:
        """Its sockets lie in the folder, so that two runs don't meet."""
        lines = [
            "[circus]", f"endpoint=ipc://{work}/e", f"pubsub_endpoint=ipc://{work}/p", "[watcher:hog]",
            f"cmd={shlex.join(command)}", "[plugin:memory]", "watcher=hog", f"max_mem={limit_bytes // KB}K",
            "use=circus.plugins.resource_watcher.ResourceWatcher", "max_cpu=1000",
            f"loop_rate={self.interval_s:g}", f"max_count={self.looks}",
        ]  # fmt: skip
        (work / "circus.ini").write_text("\n".join(lines) + "\n")
        with _daemon([str(installed.python / "circusd"), str(work / "circus.ini")], work):
            yield


class Earlyoom(Peer):
    """Watches the host's memory alone. Runs in a process namespace in which there is nobody but the program to end."""

    def __init__(self) -> None:
        super().__init__("earlyoom", "defaults, adaptive (host memory only)", 0, 30)

    def refusal(self, installed: Installed) -> str:
        """It could end anybody otherwise."""
        if not installed.earlyoom.exists():
            return installed.missing.get("earlyoom", "not installed")
        unshare = shutil.which("unshare")
        probe = [str(unshare), "--pid", "--fork", "--mount-proc", "true"]
        if not unshare or subprocess.run(probe, check=False, capture_output=True).returncode:
            return "no process namespace of its own to be had, and it could end anybody"
        return ""

    @contextmanager
    def running(self, installed: Installed, work: Path, command: list[str], limit_bytes: int) -> Iterator[None]:
        """Its limit is on what the host has left: what that is now, less the program's limit."""
        least_kb = (available_bytes() - limit_bytes) // KB
        inside = f"{shlex.join(command)} & exec {installed.earlyoom} -r 0 -M {least_kb},{least_kb // 2} -s 100"
        with _daemon(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c", inside], work):
            yield


def available_bytes() -> int:
    """MemAvailable."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))) * KB


@contextmanager
def _daemon(command: list[str], work: Path, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """A daemon in the foreground, ended by SIGTERM, which all of these pass on."""
    with (work / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen(command, cwd=work, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        time.sleep(0.2)
        if daemon.poll() is not None:
            raise RuntimeError(f"{command[0]} ended: {(work / 'daemon.log').read_text()[-500:]}")
        yield
    finally:
        daemon.terminate()
        try:
            daemon.wait(15)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def peers() -> list[Peer]:
    """All of them, each as it comes and at its fastest."""
    return [
        Earlyoom(),
        Pm2(30, 90, "default, 30 s"),
        Pm2(0.1, 30, "fastest, 0.1 s"),
        Memmon(60, 150, "as documented, 60 s"),
        Memmon(5, 30, "fastest, 5 s"),
        Circus(60, 3, 400, "default, 60 s, third look"),
        Circus(0.1, 1, 60, "fastest, 0.1 s, first look"),
    ]
