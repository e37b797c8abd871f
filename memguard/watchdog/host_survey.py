"""What the sessions of this host hold right now, by their trees: for when their budget is in question."""

import time

from memguard.core.reading import TreeReading
from memguard.guard.victim import Candidate
from memguard.host import confirm, current, terminal
from memguard.watchdog.nesting import guarded_clients, own_processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.watchdog.neighbour_file import Neighbour


def survey(neighbours: "list[Neighbour]", runtime_dir: str, quiet_s: float, enough_bytes: int) -> "list[Candidate]":
    """Each as it is now, confirmed by PSS where the sums add up to more than `enough_bytes`.

    What was published may be 30 s old. A session whose person typed within `quiet_s` is not idle.
    """
    clients = guarded_clients(runtime_dir)
    trees = [(each, _own_tree(each, clients)) for each in neighbours]
    found = [(each, tree) for each, tree in trees if tree.processes]
    total_bytes = sum(tree.footprint_bytes + each.outside_bytes for each, tree in found)
    is_confirming = total_bytes > enough_bytes
    return [_fresh(each, tree, quiet_s, is_confirming) for each, tree in found]


def _own_tree(neighbour: "Neighbour", clients: "set[int]") -> TreeReading:
    tree = current.read_tree(neighbour.client.pid)
    if tree.processes and tree.processes[0].start_ticks != neighbour.client.start_ticks:
        return TreeReading([])  # another process has its pid
    return TreeReading(own_processes(tree, clients))


def _fresh(neighbour: "Neighbour", tree: TreeReading, quiet_s: float, is_confirming: bool) -> Candidate:
    held_bytes = tree.footprint_bytes
    if is_confirming:
        held_bytes = min(held_bytes, confirm.confirmed_bytes(tree))
    published = neighbour.candidate
    candidate = Candidate(published.guard_id, held_bytes + neighbour.outside_bytes)
    for name in ("resumed_bytes", "is_restartable", "is_paused", "is_spent", "is_starting", "is_nested"):
        setattr(candidate, name, getattr(published, name))
    candidate.is_idle = published.is_idle and is_quiet(neighbour.client.pid, quiet_s)
    return candidate


def is_quiet(client_pid: int, quiet_s: float) -> bool:
    """Whether nobody has typed at a client's terminal for `quiet_s`."""
    tty = terminal.tty_of(client_pid)
    return not tty or terminal.typing_age_s(tty, time.time()) >= quiet_s
