"""What the kernel is told not to give one process: RLIMIT_DATA, RLIMIT_CPU, its nice level. Only ever less than it has.

RLIMIT_DATA and not RLIMIT_AS: V8, JavaScriptCore, Go and Java reserve address space by the gigabyte that they never
fill (an idle client 2.1.330: 5.7 GB of address space, 5.6 GB of it writable, 0.2 GB used). RLIMIT_DATA counts what is
writable and private, filled or not, so it is for a tool's programs and never for the client.
"""

import os

from memguard.host.identity import belongs_to_me, is_alive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.identity import ProcessId

# From SIGXCPU, which a program may handle to end in order, to SIGKILL.
_CPU_GRACE_S = 5
NOT_OURS = "another user's process"


def limit_process(who: "ProcessId", memory_bytes: int, cpu_time_s: int, nice: int, proc: str = "/proc") -> str:
    """Lower the limits of a process, which what it starts from here on inherits; why that can't be, empty where it is.

    0 leaves a limit as it is. Nothing is ever raised, and nothing is done to another user's process, also by root.
    """
    if not is_alive(who):
        return ""
    if not belongs_to_me(who.pid):
        return NOT_OURS
    try:
        _lower_all(who.pid, memory_bytes, cpu_time_s)
        _stand_back(who.pid, nice, proc)
    except ProcessLookupError:
        return ""
    except (OSError, ValueError, ImportError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _lower_all(pid: int, memory_bytes: int, cpu_time_s: int) -> None:
    if not (memory_bytes or cpu_time_s):
        return
    import resource  # a watchdog without limits does without

    if memory_bytes:
        _lower(resource, pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    if cpu_time_s:
        _lower(resource, pid, resource.RLIMIT_CPU, (cpu_time_s, cpu_time_s + _CPU_GRACE_S))


def _lower(resource: "object", pid: int, kind: int, wanted: "tuple[int, int]") -> None:
    infinity: int = resource.RLIM_INFINITY  # type: ignore[attr-defined]
    present = resource.prlimit(pid, kind)  # type: ignore[attr-defined]
    lower = tuple(most if now == infinity else min(now, most) for now, most in zip(present, wanted, strict=True))
    if lower != tuple(present):
        resource.prlimit(pid, kind, lower)  # type: ignore[attr-defined]


def _stand_back(pid: int, nice: int, proc: str) -> None:
    """Every thread: on Linux each has its own level, which those that it starts inherit."""
    if not nice:
        return
    for name in os.listdir(f"{proc}/{pid}/task"):
        try:
            if os.getpriority(os.PRIO_PROCESS, int(name)) < nice:
                os.setpriority(os.PRIO_PROCESS, int(name), nice)
        except ProcessLookupError:
            continue
