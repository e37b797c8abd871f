"""What tells a process of this run by itself, also one that has left the tree: a variable, and where its stack lies.

Who runs a program started since has the variable in its environment. Who was only forked shows the environment that
this process began with, but also its addresses: the kernel draws them anew for every program that is started. They tell
nothing where this process was itself forked by a runner and started no program: then all that the runner forks, such as
another run beside this one, has them too.
"""

import os
from itertools import count

from memguard.host.environment import begins_with
from memguard.host.linux import START, stat_fields

# Not `MEMGUARD_...`, which are settings. Each run has a name of its own, so that runs in runs need not know each other.
_PREFIX = "_MEMGUARD_TEST_RUN_"
# In what follows the start in `stat`: size of the memory, what is resident, its limit, code's start and end, stack's.
_CODE, _STACK = 3, 5
# In `stat`: flags of the process. Forked, and no program started since; addresses drawn for the program that it runs.
_FLAGS, _IS_FORKED, _IS_DRAWN = 6, 0x40, 0x400000
# A test may start a run in this very process, inside the run that it belongs to.
_numbers = count()


class OwnMark:
    """The variable is set from `begin` to `end`. `is_forked`: this process may run the program of who started it."""

    def __init__(self, pid: int, proc: str = "/proc") -> None:
        self._proc = proc
        fields = stat_fields(pid, proc)
        self._ticks = int(fields[START]) if fields else 0
        self._addresses = addresses(fields) if _has_its_own(fields) else ()
        self.is_forked = not fields or bool(int(fields[_FLAGS]) & _IS_FORKED)
        self._variable = f"{_PREFIX}{pid}_{self._ticks}_{next(_numbers)}"

    def begin(self) -> None:
        """From here on, programs that are started carry it."""
        os.environ[self._variable] = "1"

    def end(self) -> None:
        """From here on they don't."""
        os.environ.pop(self._variable, None)

    def is_on(self, pid: int) -> bool:
        """Whether a process was started by this run, wherever it is now; False where that can't be read."""
        fields = stat_fields(pid, self._proc)
        if not fields or int(fields[START]) < self._ticks:
            return False
        if self._addresses and self._addresses == addresses(fields):
            return True
        return begins_with(pid, (f"{self._variable}=".encode(),), self._proc)[0]


def _has_its_own(fields: list[bytes]) -> bool:
    """Whether a process has addresses that only those have which it forked."""
    return bool(fields) and int(fields[_FLAGS]) & (_IS_FORKED | _IS_DRAWN) == _IS_DRAWN


def addresses(fields: list[bytes]) -> tuple[bytes, ...]:
    """Where code and stack begin; empty where the kernel doesn't say: it writes 0 or 1 to who may not debug."""
    words = fields[-1].split(None, _STACK + 1) if fields else []
    if len(words) <= _STACK or words[_STACK] in (b"0", b"1"):
        return ()
    return words[_CODE], words[_STACK]
