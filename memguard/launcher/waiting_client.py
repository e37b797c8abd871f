"""The client's process before it is the client: forked, and waiting until it is where it belongs."""

import errno
import os
import signal

# What Python or the launcher has changed, and a client is to find as a shell would leave it.
DEFAULT_AGAIN = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE)
# A child that can't execute the client says which error it was; this status is then nobody's but its own.
_UNSTARTED = 127


class WaitingClient:
    """A child in our process group, so that it is the terminal's foreground, with the pid that the client will have.

    It executes the client once it is let go, and ends where the launcher ends before that. `pipes` are the
    descriptors that become its stdin and stdout; -1 leaves ours. Raises OSError where no process can be made.
    """

    def __init__(self, words: list[str], environment: dict[str, str], pipes: tuple[int, int]) -> None:
        gate, self._gate = os.pipe()
        self._report, report = os.pipe()
        # A handler of ours must not run in the child, and a signal must not get lost before it has its own.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _become(words, environment, pipes, (gate, self._gate, report), before)
        except OSError:
            self._close(self._gate, self._report)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self._close(gate, report)

    def let_go(self) -> OSError | None:
        """Let it execute the client; what went wrong there, None where nothing did, or a signal was quicker.

        It is left to be reaped in either case.
        """
        try:
            os.write(self._gate, b".")
        except BrokenPipeError:
            pass  # a signal was quicker
        number = os.read(self._report, 16)  # ends with exec, or with the child
        self._close(self._gate, self._report)
        if not number:
            return None
        code = int(number)
        kind = {errno.ENOENT: FileNotFoundError, errno.EACCES: PermissionError}.get(code, OSError)
        return kind(code, os.strerror(code))

    def _close(self, *descriptors: int) -> None:
        for descriptor in descriptors:
            os.close(descriptor)


def _become(
    words: list[str],
    environment: dict[str, str],
    pipes: tuple[int, int],
    ends: tuple[int, int, int],
    mask: "set[int | signal.Signals]",
) -> None:
    """In the child; never returns."""
    gate, launchers_end, report = ends
    try:
        signal.set_wakeup_fd(-1)
        for number in DEFAULT_AGAIN:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(launchers_end)  # else it would keep the gate open itself
        if os.read(gate, 1):
            for target, pipe in enumerate(pipes):
                if pipe >= 0:
                    os.dup2(pipe, target)
                    os.set_inheritable(target, True)  # noqa: FBT003  where pipe and target are one
            os.execve(words[0], words, environment)
    except OSError as error:
        os.write(report, str(error.errno).encode())
    finally:
        os._exit(_UNSTARTED)
