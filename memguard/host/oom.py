"""What the kernel is told about whom to kill first, should it come to that before memguard does."""

import os

from memguard.host.identity import belongs_to_me, is_alive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.identity import ProcessId

_HIGHEST = 1000


def spare_session(who: "ProcessId", adjustment: int, proc: str = "/proc") -> bool:
    """Raise a tool's `oom_score_adj`, so that the kernel kills it before the client; whether it is that high now.

    What it starts from here on inherits it. Never lowered: that needs a privilege, and whoever set it higher meant it.
    The file is opened before the identity is compared, and stays that process's.
    """
    try:
        descriptor = os.open(f"{proc}/{who.pid}/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return is_alive(who) and belongs_to_me(who.pid) and _raise(descriptor, min(adjustment, _HIGHEST))
    except (OSError, ValueError):  # it went meanwhile, or the kernel refuses
        return False
    finally:
        os.close(descriptor)


def _raise(descriptor: int, wanted: int) -> bool:
    if int(os.read(descriptor, 32)) < wanted:
        os.pwrite(descriptor, str(wanted).encode(), 0)
    return True
