"""The handoff worker, started before it is wanted: while the next client starts, which takes 0.4 s.

    python -I -m memguard.handoff.waiting --guard DIR --ticket T

Listens on a socket in the guard's folder for one question, the words that `claim` takes behind the ticket, and answers
as `claim` does: 0 and the document, or 1 and why not. A worker that the SessionStart hook starts itself keeps the
client waiting for 0.1 s; where this one is late or gone, the hook does just that.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import sys
from typing import TYPE_CHECKING

from memguard.core.layout import handoff_socket, is_plain_id, remove

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# A client that hasn't begun its session by then waits for the person (trust, login), and may do so for long.
_PATIENCE_S = 30.0
_QUESTION_S = 2.0
_LONGEST_QUESTION = 4096


def main(argv: Sequence[str]) -> int:
    """Wait for the question and answer it; 0, or 1 where none came."""
    values = dict(zip(argv[::2], argv[1::2], strict=False))
    guard_dir, ticket = values.get("--guard", ""), values.get("--ticket", "")
    if not os.path.isabs(guard_dir) or not is_plain_id(ticket):
        sys.stderr.write("--guard DIR --ticket ID: the watchdog starts this\n")
        return 2
    path = handoff_socket(guard_dir, ticket)
    with socket.socket(socket.AF_UNIX) as desk, contextlib.suppress(OSError):
        desk.bind(path)  # in a folder that is this user's alone
        try:
            return _serve(desk, ["--guard", guard_dir, "--ticket", ticket])
        finally:
            remove(path)
    return 1


def _serve(desk: socket.socket, known: list[str]) -> int:
    # Listening comes first: who asks meanwhile is in the queue.
    desk.listen(1)
    desk.settimeout(_PATIENCE_S)
    answer_to = _prepared()
    client, _ = desk.accept()
    with client:
        client.settimeout(_QUESTION_S)
        is_claimed, text = answer_to([*known, *_question(client)])
        client.sendall(f"{0 if is_claimed else 1}{text}".encode())
    return 0


def _prepared() -> Callable[[Sequence[str]], tuple[bool, str]]:
    """The answer's maker, with what it imports when it is called."""
    from memguard.handoff.claim import answer_to

    for name in ("memguard.state.note", "memguard.state.project", "memguard.state.snapshot"):
        importlib.import_module(name)
    return answer_to


def _question(client: socket.socket) -> list[str]:
    data = b""
    while not data.endswith(b"\n") and len(data) < _LONGEST_QUESTION:
        more = client.recv(_LONGEST_QUESTION)
        if not more:
            raise ConnectionError("the question was cut off")
        data += more
    return data[:-1].decode("utf-8", "replace").split("\0")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
