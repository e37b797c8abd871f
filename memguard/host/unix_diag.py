"""Who is at the other end of a unix socket: `/proc/net/unix` doesn't say, the kernel's socket diagnosis does.

Loaded only where somebody has sockets whose other ends matter; `socket` itself would bring enumerations and selectors
with it, which stay.
"""

import os
import struct

try:
    import _socket as socket
except ImportError:  # not CPython
    import socket  # type: ignore[no-redef]

# <linux/sock_diag.h>, <linux/unix_diag.h>, <linux/netlink.h>
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_AND_DUMP = 0x301
_ERROR, _DONE = 2, 3
_ANY_STATE = 0xFFFFFFFF
_SHOW_NAME_AND_PEER = 1 | 4
_NAME, _PEER = 0, 2
# nlmsghdr; unix_diag_msg with the cookie's two words; rtattr.
_HEADER = struct.Struct("=IHHII")
_MESSAGE = struct.Struct("=BBBBIII")
_ATTRIBUTE = struct.Struct("=HH")
_TIMEOUT_S = 2.0
# The kernel fills at most 32 KiB of an answer at a time.
_PIECE = 65536


def unix_sockets() -> "dict[int, tuple[int, bytes]]":
    """Inode to peer's inode (0 for none) and own name, of every unix socket of this network namespace.

    OSError where the kernel doesn't answer: then nobody can say who the peers are.
    """
    netlink = socket.socket(getattr(socket, "AF_NETLINK", -1), socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    try:
        return _asked(netlink)
    finally:
        netlink.close()


def _asked(netlink: "socket.socket") -> "dict[int, tuple[int, bytes]]":
    found: dict[int, tuple[int, bytes]] = {}
    netlink.settimeout(_TIMEOUT_S)
    request = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, _ANY_STATE, 0, _SHOW_NAME_AND_PEER, 0, 0)
    size = _HEADER.size + len(request)
    netlink.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _REQUEST_AND_DUMP, 1, 0) + request)
    while not _take(netlink.recv(_PIECE), found):
        pass
    return found


def _take(data: bytes, found: "dict[int, tuple[int, bytes]]") -> bool:
    """Take one answer in; True where it was the last."""
    begin = 0
    while begin + _HEADER.size <= len(data):
        size, kind, _, _, _ = _HEADER.unpack_from(data, begin)
        if kind == _DONE:
            return True
        if kind == _ERROR or size < _HEADER.size:
            code = struct.unpack_from("=i", data, begin + _HEADER.size)[0] if kind == _ERROR else 0
            raise OSError(-code, os.strerror(-code))
        _take_socket(data[begin + _HEADER.size : begin + size], found)
        begin += _aligned(size)
    return False


def _take_socket(message: bytes, found: "dict[int, tuple[int, bytes]]") -> None:
    inode = _MESSAGE.unpack_from(message)[4]
    peer, name, begin = 0, b"", _MESSAGE.size
    while begin + _ATTRIBUTE.size <= len(message):
        size, kind = _ATTRIBUTE.unpack_from(message, begin)
        value = message[begin + _ATTRIBUTE.size : begin + size]
        if kind == _PEER:
            peer = struct.unpack_from("=I", value)[0]
        elif kind == _NAME:
            name = value
        begin += max(_aligned(size), _ATTRIBUTE.size)
    found[inode] = (peer, name)


def _aligned(size: int) -> int:
    return (size + 3) & ~3
