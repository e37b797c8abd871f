"""Who of some processes, and of all that descend from them, may be stopped or ended."""

from memguard.core.identity import ProcessId
from memguard.host import current
from memguard.host.identity import process_id
from memguard.host.own_processes import is_own_process
from memguard.host.table import with_ancestors, with_descendants
from memguard.host.terminal_master import watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.host.table import Row


def endable(
    pids: "set[int]",
    own_terminal: int,
    kept: "frozenset[int]",
    proc: str = "/proc",
    leader: "ProcessId | None" = None,
) -> "list[ProcessId]":
    """Those of `pids` and their descendants that live, and that nobody looks at; also who is in `leader`'s session.

    Not those in `kept` with what only they lead to, nor who leads to them: another guarded client is lost without its
    launcher. Not who sits at a terminal that somebody may be looking at (`own_terminal` is the client's device number),
    nor who is above or below it here: a tmux server has no terminal itself, but its panes have. Nor memguard's own: a
    guard's watchdog is a process session of its own, neither above nor below its client.
    """
    table = current.scan(proc)
    family = with_descendants(pids | _led(leader, kept, table), table, kept)
    holders = watched(family, table, own_terminal, proc)
    bound = with_ancestors(holders | kept, table, family) | with_descendants(holders, table)
    free = [pid for pid in sorted(family - bound) if not table[pid].ended and not is_own_process(pid, proc)]
    return [process_id(pid, table[pid].start_ticks) for pid in free]


def _led(leader: "ProcessId | None", kept: "frozenset[int]", table: "dict[int, Row]") -> "set[int]":
    """Who is in the process session that `leader` began, or may have left: its number is nobody's while one is."""
    row = table.get(leader.pid) if leader else None
    if leader is None or (row and row.start_ticks != leader.start_ticks):
        return set()
    led = {row.pid for row in table.values() if row.session == leader.pid}
    return led - with_descendants(led & kept, table)
