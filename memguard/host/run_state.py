"""Whether a process runs, waits, is stopped or is over: the one letter that the kernel shows."""

# T: stopped by a signal, t: by a debugger.
_STOPPED = frozenset("Tt")
# Z, X: over. D: in the kernel, where it can neither fork nor allocate on its own, and takes a signal when it is back.
_STILL = frozenset("TtZXxD")


def run_state(pid: int, proc: str = "/proc") -> str:
    """The letter; empty where the process is gone or the host doesn't tell."""
    try:
        with open(f"{proc}/{pid}/stat", "rb") as file:
            return file.read(512).rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return ""


def is_stopped(pid: int, proc: str = "/proc") -> bool:
    """Whether it is stopped, as by Ctrl-Z or SIGSTOP."""
    return run_state(pid, proc) in _STOPPED


def is_still(pid: int, proc: str = "/proc") -> bool:
    """Whether it runs no code of its own now: stopped, over, gone, or stuck in the kernel."""
    state = run_state(pid, proc)
    return not state or state in _STILL
