"""A session's processes: the client's tree, and what has left it."""

from memguard.core.reading import ProcessReading, TreeReading
from memguard.host import current
from memguard.watchdog.nesting import own_processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from memguard.watchdog.beyond import Beyond


def read_session(
    client_pid: int, beyond: "Beyond | None", others: "Collection[int]", own_terminal: int = 0
) -> TreeReading:
    """The client (first), its descendants and those `beyond` with theirs; without `others` and what is below them.

    Empty when the client is gone, whatever it has left: that is the sweep's business.
    """
    tree = current.read_tree(client_pid)
    if not tree.processes:
        return tree
    processes = list(tree.processes)
    seen = {process.pid for process in processes}
    for pid in beyond.pids(seen, own_terminal) if beyond else ():
        if pid not in seen:
            found = [process for process in current.read_tree(pid).processes if process.pid not in seen]
            processes += found
            seen.update(process.pid for process in found)
    return _without(processes, set(others) - {client_pid}, tree.hidden)


def _without(processes: "list[ProcessReading]", others: "set[int]", hidden: int) -> TreeReading:
    tree = TreeReading(processes, hidden)
    return TreeReading(own_processes(tree, others), hidden) if others else tree
