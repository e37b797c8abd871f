"""The plugin worker as its watchdog sees it: packets to it and from it, and what it was doing when it ended."""

import fcntl
import os
import select
import time

from memguard.core import light_json as json
from memguard.core.layout import PLUGIN_CALL, read_pairs, write_atomic
from memguard.core.light_signal import signal
from memguard.core.spawn import watchdog_environment
from memguard.host import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from memguard.core.identity import ProcessId

_DIRECT = getattr(os, "O_DIRECT", 0)  # of a pipe: each write is a packet, so that the next worker misses none
_LONGEST_PACKET = 4096  # longer writes are not atomic
_F_SETPIPE_SZ = 1031  # linux/fcntl.h
_PIPE_BYTES = 1 << 20  # 256 packets
_NOT_BEGUN = bytes(8)
# A killed worker is gone within milliseconds, but for one that waits in the kernel for a file system that hangs.
_REAPING_S = 0.3
_REAPING_EVERY_S = 0.01
# More than the pipe holds: whoever writes faster than we read must not keep us reading.
_MOST_OVERDUE = 512


class PluginProcess:
    """One worker after another on one pipe of orders. `pid` is 0 while there is none."""

    def __init__(self, guard_dir: str, state_dir: str, compiled: str) -> None:
        self._folders = (guard_dir, state_dir, compiled)
        self._mark_path = f"{guard_dir}/{PLUGIN_CALL}"
        self._mark = -1
        self._orders, self._to_worker = _packet_pipe()
        os.set_blocking(self._orders, True)  # as the worker reads it; we never do
        self._from_worker = -1
        self.pid = 0
        self.who: ProcessId | None = None
        self.sent = 0  # to this worker; `handled` counts up to it

    def start(self, python: str, without: "list[str]") -> None:
        """Start one, without the plugins of these names. Raises OSError where that fails."""
        guard_dir, state_dir, compiled = self._folders
        write_atomic(self._mark_path, _NOT_BEGUN, lasts=False)
        self._mark = _reopened(self._mark, self._mark_path)
        command = [python, "-I", "-m", "memguard.plugins.worker", "--compiled", compiled]
        environment = watchdog_environment(dict(os.environ), read_pairs(compiled))
        command += ["--state", state_dir, "--guard", guard_dir, "--without", " ".join(without)]
        reader, writer = _packet_pipe()
        null = os.open(os.devnull, os.O_WRONLY)
        actions = [(os.POSIX_SPAWN_DUP2, fd, to) for fd, to in ((self._orders, 0), (writer, 1), (null, 2))]
        try:
            self.pid = os.posix_spawn(python, command, environment, file_actions=actions, setsid=True)
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
            os.close(null)
        self.who, self._from_worker, self.sent = identity.identify(self.pid), reader, 0

    def send(self, message: "dict[str, object]") -> bool:
        """Whether there was room for it. Nobody waits: a plugin that hangs has the pipe fill up."""
        data = json.dumps(message).encode()
        if len(data) > _LONGEST_PACKET:  # a list of many processes: what it says beside that is what matters
            short = {name: value for name, value in message.items() if not isinstance(value, (list, dict))}
            data = json.dumps({**short, "cut": True}).encode()[:_LONGEST_PACKET]
        try:
            os.write(self._to_worker, data)
        except OSError:
            return False
        self.sent += 1
        return True

    def messages(self, within_s: float = 0.0) -> "Iterator[dict[str, Any]]":
        """What it says, and comes to say within so many seconds; whoever has what they wait for stops asking."""
        deadline_s, overdue = time.monotonic() + within_s, 0
        while self._from_worker >= 0 and overdue < _MOST_OVERDUE:
            left_s = deadline_s - time.monotonic()
            overdue += left_s <= 0
            if not self._has_word(max(0.0, left_s)):
                return
            data = os.read(self._from_worker, 65536)
            if not data:  # it has ended
                os.close(self._from_worker)
                self._from_worker = -1
                return
            found = _parsed(data)
            if found:
                yield found

    def _has_word(self, timeout_s: float) -> bool:
        poll = select.poll()
        poll.register(self._from_worker, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))

    def mark(self) -> "tuple[int, int, int]":
        """The plugin that is being called and the hook, by number (0: none), and how many messages were handled."""
        try:
            data = os.pread(self._mark, 8, 0)
        except OSError:
            data = b""
        return (data[0], data[1], int.from_bytes(data[4:8], "little")) if len(data) == 8 else (0, 0, 0)

    def has_ended(self) -> bool:
        """Whether it has; its children that stayed in its process session are ended, before it is reaped."""
        if not self.pid:
            return True
        try:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return False
        except ChildProcessError:
            return self.reap()
        self._signal()
        return self.reap()

    def kill(self) -> bool:
        """End it now, with its process session. Whether it is gone: one that hangs in the kernel may stay."""
        self._signal()
        deadline_s = time.monotonic() + _REAPING_S
        while not self.reap():
            if time.monotonic() >= deadline_s:
                self.who = None  # its end is nobody's business any more
                return False
            time.sleep(_REAPING_EVERY_S)
        return True

    def _signal(self) -> None:
        """Its number is nobody else's until it is reaped, and so is that of the group that it leads."""
        for end in (os.killpg, os.kill) if self.pid else ():
            try:
                end(self.pid, signal.SIGKILL)
            except OSError:
                continue

    def reap(self) -> bool:
        """Whether it is gone, or there was none; never waits."""
        try:
            is_gone = not self.pid or os.waitpid(self.pid, os.WNOHANG)[0] == self.pid
        except ChildProcessError:
            is_gone = True
        if is_gone:
            self.pid, self.who = 0, None
        return is_gone

    def hang_up(self) -> None:
        """Say that no more orders come, which ends a worker that has done all that were given."""
        descriptors, self._to_worker, self._orders = (self._to_worker, self._orders), -1, -1
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)


def _packet_pipe() -> "tuple[int, int]":
    """Reading and writing end, neither of which ever waits."""
    reader, writer = os.pipe2(_DIRECT | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.fcntl(writer, _F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        return reader, writer  # this user's pipes hold too much together: 16 packets have to do
    return reader, writer


def _reopened(descriptor: int, path: str) -> int:
    if descriptor >= 0:
        os.close(descriptor)
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _parsed(data: bytes) -> "dict[str, Any]":
    """A message; empty for what a plugin has written there."""
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
