"""Which terminals somebody may be looking at, and which are only a tool's own, as under `script`, `expect` or a test.

A pseudo-terminal is looked at from its other side, the master. Held by nobody of a family of processes (a terminal
emulator has it, sshd, a tmux outside), it binds who sits at it: that is somebody's. Held within the family, it is the
tool's own and goes with it; unless others may come in by its holder, or by what started that one: a tmux server listens
on a socket, an old screen at a FIFO, mosh for datagrams; an xterm shows a window. What can't be told is somebody's.
"""

import os

from memguard.host.linux import read_bytes
from memguard.host.table import Row, with_ancestors

# Which `/dev/pts`, by its device, and the number in it: each container has one of its own, and counts from 0.
Terminal = tuple[int, int]

_UNTOLD: Terminal = (-1, -1)
_FIRST_MAJOR, _LAST_MAJOR = 136, 143
_FILE_TYPE, _FIFO = 0o170000, 0o010000
_SOCKET = "socket:["
# Tables below `/proc/PID/net`: what their fourth word is for who waits to be spoken to, and where the inode stands.
_WAITING = {"unix": (b"00010000", 6), "tcp": (b"0A", 9), "tcp6": (b"0A", 9), "udp": (b"07", 9), "udp6": (b"07", 9)}


def watched(family: set[int], table: dict[int, Row], own_terminal: int, proc: str = "/proc") -> set[int]:
    """Those of the family whose terminal somebody may be looking at; `own_terminal` (the client's) doesn't count.

    Descriptors are read only where one of them has another terminal at all.
    """
    rows = [table[pid] for pid in family if table[pid].terminal not in (0, own_terminal)]
    if not rows:
        return set()
    at = {(row.session, row.terminal): _terminal_of(row, proc) for row in rows}
    seats = {row.pid: at[row.session, row.terminal] for row in rows}
    masters = _masters(family, seats, proc)
    seen = {terminal for terminal in at.values() if _is_anothers(masters.get(terminal, set()), family, table, proc)}
    # Who sits at such a terminal shows there what it is the master of: somebody runs `script` in a pane.
    while more := {one for one, holders in masters.items() if one not in seen and _sits(holders, seats, seen)}:
        seen |= more
    return {pid for pid, terminal in seats.items() if terminal in seen}


def pts_index(number: int) -> int:
    """The N of `/dev/pts/N` by its device number; -1 for any other terminal. Once it was 8 majors of 256 each."""
    major, minor = (number >> 8) & 0xFFF, (number & 0xFF) | ((number >> 12) & 0xFFF00)
    return (major - _FIRST_MAJOR) * 256 + minor if _FIRST_MAJOR <= major <= _LAST_MAJOR else -1


def _terminal_of(row: Row, proc: str) -> Terminal:
    """All of a process session sit at the same terminal, and only while its leader lives."""
    terminal = (_device(row.session, proc), pts_index(row.terminal))
    return terminal if min(terminal) >= 0 else _UNTOLD


def _device(pid: int, proc: str) -> int:
    """That of a process's `/dev/pts`; -1 where it can't be told."""
    try:
        return os.stat(f"{proc}/{pid}/root/dev/pts").st_dev
    except OSError:
        return -1


def _masters(family: set[int], seats: dict[int, Terminal], proc: str) -> dict[Terminal, set[int]]:
    """Who holds the master of each terminal that is sat at; a copy that one at the terminal has itself says nothing."""
    wanted = {index for _, index in seats.values()} - {-1}
    found: dict[Terminal, set[int]] = {}
    for pid in family if wanted else ():
        for index in wanted & _indices(pid, proc):
            terminal = (_device(pid, proc), index)
            if seats.get(pid) != terminal:
                found.setdefault(terminal, set()).add(pid)
    return found


def _indices(pid: int, proc: str) -> set[int]:
    """The numbers of the terminals whose master a process holds, as far as it can be looked into."""
    try:
        names = [name for name, link in _links(pid, proc).items() if link.endswith("/ptmx")]
    except OSError:
        return set()
    infos = [read_bytes(f"{proc}/{pid}/fdinfo/{name}", 512) for name in names]
    words = [info.partition(b"\ntty-index:")[2].split(None, 1)[:1] for info in infos]
    return {int(word[0]) for word in words if word and word[0].isdigit()}


def _is_anothers(holders: set[int], family: set[int], table: dict[int, Row], proc: str) -> bool:
    return not holders or _serves(with_ancestors(holders, table, family), proc)


def _sits(holders: set[int], seats: dict[int, Terminal], seen: set[Terminal]) -> bool:
    return any(seats.get(pid) in seen for pid in holders)


def _serves(line: set[int], proc: str) -> bool:
    """Whether others may come in by one of these processes, or look at its window; so, too, where it can't be told."""
    try:
        links = {pid: _links(pid, proc) for pid in line}
        if any(_has_fifo(pid, own, proc) for pid, own in links.items()):
            return True
        talking = _talking(links, proc)
        return bool(talking) and (_listens(talking, proc) or _is_used(set(talking), proc))
    except OSError:
        return True


def _links(pid: int, proc: str) -> dict[str, str]:
    """What each descriptor leads to. Raises OSError where the process is gone, or not to be looked into."""
    folder = f"{proc}/{pid}/fd"
    return {name: _link(f"{folder}/{name}") for name in os.listdir(folder)}


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:  # closed meanwhile
        return ""


def _has_fifo(pid: int, links: dict[str, str], proc: str) -> bool:
    """Whether it has opened a FIFO that others can open, too. Raises OSError."""
    named = [name for name, link in links.items() if link.startswith("/")]
    return any(os.stat(f"{proc}/{pid}/fd/{name}").st_mode & _FILE_TYPE == _FIFO for name in named)


def _talking(links: dict[int, dict[str, str]], proc: str) -> dict[int, set[str]]:
    """Their sockets, without those of a nameless pair, as standard input may be: nobody comes in by these.

    The tables below `/proc/PID/net` need not be read then: those of TCP take 10 ms each, however short they are.
    """
    sockets = {pid: {link for link in own.values() if link.startswith(_SOCKET)} for pid, own in links.items()}
    pairs = _nameless_pairs() if proc == "/proc" and any(sockets.values()) else set()
    return {pid: own - pairs for pid, own in sockets.items() if own - pairs}


def _nameless_pairs() -> set[str]:
    """As the kernel tells of unix sockets of this network namespace; none where it doesn't."""
    try:
        from memguard.host.unix_diag import unix_sockets  # for those alone that have sockets

        found = unix_sockets()
    except (ImportError, OSError, ValueError):
        return set()
    return {_socket(inode) for inode, (peer, name) in found.items() if not name and not found.get(peer, (0, b"?"))[1]}


def _listens(talking: dict[int, set[str]], proc: str) -> bool:
    """Whether one waits for connections or datagrams; each network namespace has tables of its own. Raises OSError."""
    waiting: dict[str, set[str]] = {}
    for pid, sockets in talking.items():
        namespace = os.readlink(f"{proc}/{pid}/ns/net")
        if namespace not in waiting:
            waiting[namespace] = _waiting(f"{proc}/{pid}/net")
        if sockets & waiting[namespace]:
            return True
    return False


def _waiting(folder: str) -> set[str]:
    found = set()
    for name in _WAITING.keys() & set(os.listdir(folder)):
        state, place = _WAITING[name]
        with open(f"{folder}/{name}", "rb") as file:
            rows = (line.split(None, 10) for line in file)
            found |= {row[place] for row in rows if len(row) > place and row[3] == state}
    return {_socket(int(inode)) for inode in found if inode.isdigit()}


def _socket(inode: int) -> str:
    return f"{_SOCKET}{inode}]"


def _is_used(pids: set[int], proc: str) -> bool:
    from memguard.host.in_use import Connections

    return bool(Connections(pids, proc).users(pids))
