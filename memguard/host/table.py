"""All processes of the host at one moment, and who descends from whom in it."""


class Row:
    """One process: `group` and `session` are process group and session ids, `terminal` a device number or 0.

    `ended` marks a zombie: it holds its pid, and nothing else.
    """

    __slots__ = ("ended", "group", "parent_pid", "pid", "session", "start_ticks", "terminal")

    def __init__(  # noqa: PLR0913 -- a row is flat; only the pid is given by position
        self,
        pid: int,
        *,
        parent_pid: int,
        start_ticks: int,
        group: int,
        session: int,
        terminal: int,
        ended: bool,
    ) -> None:
        self.pid = pid
        self.parent_pid = parent_pid
        self.start_ticks = start_ticks
        self.group = group
        self.session = session
        self.terminal = terminal
        self.ended = ended


def with_descendants(pids: set[int], table: dict[int, Row], stop_at: frozenset[int] = frozenset()) -> set[int]:
    """`pids` and all that descend from them, without those in `stop_at` and what only they lead to."""
    children: dict[int, list[int]] = {}
    for row in table.values():
        children.setdefault(row.parent_pid, []).append(row.pid)
    found: set[int] = set()
    queue = [pid for pid in pids if pid in table]
    for pid in queue:  # it grows while it is walked
        if pid not in found and pid not in stop_at:
            found.add(pid)
            queue += children.get(pid, ())
    return found


def with_ancestors(pids: set[int], table: dict[int, Row], within: set[int]) -> set[int]:
    """`pids` and their ancestors as far as these are in `within` without a gap."""
    found = set(pids)
    queue = list(pids)
    for pid in queue:  # it grows while it is walked
        row = table.get(pid)
        if row and row.parent_pid in within and row.parent_pid not in found:
            found.add(row.parent_pid)
            queue.append(row.parent_pid)
    return found
