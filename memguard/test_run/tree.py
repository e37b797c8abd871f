"""Who belongs to this process's run, each with its footprint: the process, what it started, and what has left it."""

import os
import sys

from memguard.host import current
from memguard.test_run.own_mark import OwnMark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.test_run.strays import Strays

# Pid, parent's pid, start ticks, footprint in bytes, as `memguard.host.linux.walk` gives them.
Process = tuple[int, int, int, int]

_IS_LINUX = sys.platform.startswith("linux")
# Children of every kind, also those that don't send SIGCHLD at their end; Linux alone has the flag.
_ALL_KINDS = 0x40000000


class Tree:
    """The tree of one process, from `begin` to `end`. Elsewhere than on Linux it is what descends from it, no more."""

    def __init__(self, pid: int, proc: str = "/proc") -> None:
        self._pid = pid
        self._proc = proc
        self._mark = OwnMark(pid, proc) if _IS_LINUX else None
        self._strays: Strays | None = None
        self._waitid = getattr(os, "waitid", None) if _IS_LINUX else None
        self._options = (os.WEXITED | os.WNOHANG | os.WNOWAIT | _ALL_KINDS) if self._waitid else 0

    def begin(self) -> None:
        """Begin to follow those that leave the tree."""
        if self._mark is None:
            return
        from memguard.test_run.strays import Strays

        self._mark.begin()
        self._strays = Strays(self._pid, self._mark, self._proc)

    def is_forked(self) -> bool:
        """Whether this process may share what it holds with who started it: it was forked, and started no program."""
        return self._mark is not None and self._mark.is_forked

    def end(self) -> None:
        """Leave nothing behind in the environment. Safe to repeat."""
        if self._mark is not None:
            self._mark.end()

    def may_have_others(self) -> bool:
        """Whether there is anybody but this process: one system call, 1.5 us, where there is nobody.

        Children alone are asked for, and the strays that are known.
        """
        if self._strays:
            return True
        if self._waitid is None:
            return True
        try:
            self._waitid(os.P_ALL, 0, self._options)
        except ChildProcessError:
            return False
        except OSError:  # refused, or not known to this kernel
            return True
        return True

    def were_started(self) -> bool:
        """Whether children may have come and gone since strays were looked for."""
        return self._strays is not None and self._strays.were_started()

    def read(self, is_thorough: bool = False) -> list[Process]:
        """All of them, this process first; empty where nothing can be read. Who has left is looked for now and then."""
        tree = current.walk(self._pid, self._proc)
        return tree + self._strays.beyond(tree, is_thorough) if self._strays is not None else tree
