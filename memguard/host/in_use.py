"""Whether somebody outside of some processes uses them: connections that they accepted, windows that they show.

A build daemon that others use holds accepted connections whose other end is none of the doomed. Where the other end
can't be told, it counts as somebody's.
"""

import os

USED = "in use by others, which are connected to it"
SHOWN = "it shows windows"
UNTOLD = "it can't be told who is connected to it"

_LISTENING, _ESTABLISHED, _CONNECTED = b"0A", b"01", b"03"
_MAPPED = b"0000000000000000FFFF0000"  # an IPv4 address within an IPv6 one, as /proc/net/tcp6 writes it
_ACCEPTS = 0x10000  # __SO_ACCEPTCON
_NOBODYS, _UNTOLD_PEER = 0, -1
# 150 bytes a connection: a host with 400,000 of them.
_LONGEST_TABLE = 64 * 1024 * 1024
_DISPLAYS = (b"/tmp/.X11-unix/X", b"\0/tmp/.X11-unix/X")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Connections:
    """The sockets of some processes, read once; `users` can be asked again with fewer of them doomed."""

    def __init__(self, pids: "set[int]", proc: str = "/proc") -> None:
        self._proc = proc
        self._inodes = {pid: _socket_inodes(pid, proc) for pid in pids}
        self._accepted: list[tuple[set[int], int]] = []  # whose connection it is, its peer's inode
        self._windows: dict[int, set[int]] = {}  # pid: the inodes of the displays that it is connected to
        self._holders: dict[int, set[int]] = {}
        for pid, inodes in self._inodes.items():
            for inode in inodes or ():
                self._holders.setdefault(inode, set()).add(pid)
        for pid in self._one_per_namespace():
            self._read_tcp(f"{proc}/{pid}/net")
            self._read_unix(f"{proc}/{pid}/net/unix")

    def users(self, doomed: "set[int]") -> "dict[int, str]":
        """Why each of the doomed that others use can't go."""
        own = {inode for pid in doomed for inode in self._inodes.get(pid) or ()}
        found = {pid: UNTOLD for pid in doomed if self._inodes.get(pid, ()) is None}
        found |= {pid: SHOWN for pid, displays in self._windows.items() if pid in doomed and displays - own}
        for holders, peer in self._accepted:
            if peer not in own:
                found |= dict.fromkeys(holders & doomed, UNTOLD if peer == _UNTOLD_PEER else USED)
        return found

    def _one_per_namespace(self) -> "list[int]":
        """A process of each network namespace: each has tables of its own."""
        found: dict[str, int] = {}
        for pid, inodes in self._inodes.items():
            if inodes:
                found.setdefault(_network_namespace(pid, self._proc), pid)
        return list(found.values())

    def _read_tcp(self, folder: str) -> None:
        rows = [*_tcp_rows(f"{folder}/tcp"), *_tcp_rows(f"{folder}/tcp6")]
        listeners: dict[bytes, set[int]] = {}  # port: who listens on it
        for local, _, state, inode in rows:
            if state == _LISTENING and inode in self._holders:
                listeners.setdefault(_port(local), set()).update(self._holders[inode])
        if not listeners:
            return
        ends = {(local, remote): inode for local, remote, state, inode in rows if state == _ESTABLISHED}
        for (local, remote), inode in ends.items():
            waiting = listeners.get(_port(local))
            if waiting is not None:
                # One that waits to be accepted has no inode yet.
                holders = self._holders.get(inode, set()) if inode else waiting
                self._accepted.append((holders, ends.get((remote, local), _NOBODYS)))

    def _read_unix(self, path: str) -> None:
        rows = list(_unix_rows(path))
        paths = {name for inode, accepts, _, name in rows if accepts and inode in self._holders}
        accepted = [
            inode for inode, accepts, state, name in rows
            if not accepts and state == _CONNECTED and name in paths and inode in self._holders
        ]  # fmt: skip
        sockets = self._diagnosed()
        for inode in accepted:
            peer = sockets[inode][0] if inode in sockets else _UNTOLD_PEER
            self._accepted.append((self._holders[inode], peer))
        for inode, holders in self._holders.items():
            display = sockets.get(inode, (0, b""))[0]
            if _is_display(sockets.get(display, (0, b""))[1]):
                for pid in holders:
                    self._windows.setdefault(pid, set()).add(display)

    def _diagnosed(self) -> "dict[int, tuple[int, bytes]]":
        """What the kernel says of unix sockets' other ends; nothing where it doesn't, or for a `/proc` on disk."""
        if self._proc != "/proc":
            return {}
        try:
            from memguard.host.unix_diag import unix_sockets

            return unix_sockets()
        except (ImportError, OSError, ValueError):
            return {}


def _socket_inodes(pid: int, proc: str) -> "set[int] | None":
    """The inodes of a process's sockets; None where they may not be read; none where it is gone."""
    folder = f"{proc}/{pid}/fd"
    try:
        names = os.listdir(folder)
    except PermissionError:
        return None
    except OSError:
        return set()
    links = (_link(f"{folder}/{name}") for name in names)
    return {int(link[8:-1]) for link in links if link.startswith("socket:[") and link[8:-1].isdecimal()}


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _network_namespace(pid: int, proc: str) -> str:
    return _link(f"{proc}/{pid}/ns/net")


def _tcp_rows(path: str) -> "Iterator[tuple[bytes, bytes, bytes, int]]":
    """Local and remote end, state and inode of each connection."""
    for line in _lines(path):
        words = line.split(None, 10)
        if len(words) > 9 and words[9].isdigit():
            yield _plain(words[1]), _plain(words[2]), words[3], int(words[9])


def _unix_rows(path: str) -> "Iterator[tuple[int, bool, bytes, bytes]]":
    """Inode, whether it takes connections, state and name of each unix socket that has a name.

    The kernel writes names as they are: any user can bind one with line breaks in it. What such a name makes up can at
    most have a process spared.
    """
    for line in _lines(path):
        words = line.split(None, 7)
        if len(words) > 7 and words[6].isdigit() and _is_hexadecimal(words[3]):
            yield int(words[6]), bool(int(words[3], 16) & _ACCEPTS), words[5], words[7]


def _is_hexadecimal(word: bytes) -> bool:
    return 0 < len(word) <= 8 and not word.translate(None, b"0123456789ABCDEFabcdef")


def _lines(path: str) -> "list[bytes]":
    return _read_whole(path).splitlines()[1:]


def _read_whole(path: str) -> bytes:
    """A table of any length: the kernel gives it in pieces of some pages."""
    try:
        with open(path, "rb") as file:
            return file.read(_LONGEST_TABLE)
    except OSError:
        return b""


def _plain(address: bytes) -> bytes:
    return address.removeprefix(_MAPPED)


def _port(address: bytes) -> bytes:
    return address.rpartition(b":")[2]


def _is_display(name: bytes) -> bool:
    """Whether a socket's name is that of an X server's or a Wayland compositor's."""
    return name.startswith(_DISPLAYS) or os.path.basename(name).startswith(b"wayland-")
