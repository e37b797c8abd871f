"""The restart ticket: the watchdog's word to the launcher that the client it is about to end may be started again.

It holds ids, strategy and state, never a command, a flag or a variable: what to launch stays in the launcher's memory.
"""

import os

from memguard.core import light_json as json
from memguard.core.identity import ProcessId
from memguard.core.layout import is_plain_id, write_atomic
from memguard.core.permission import MODES

RESUME = "resume"  # the same session, its interrupted turn going on
FRESH = "fresh"  # a new session that begins with a digest of the old one
RERUN = "rerun"  # no conversation was on disk yet: the same command line again
STRATEGIES = (RESUME, FRESH, RERUN)
_LONGEST_TICKET = 8192


class Ticket:
    """One restart. `swept` is set when the first client's processes are gone.

    The launcher waits for that before it starts the next client, but not for ever: after 15 s it goes on without.
    """

    __slots__ = (
        "attempt", "client", "is_interrupted", "is_prompt_given", "keeps_renderer", "permission_mode", "session_id",
        "snapshot", "strategy", "swept", "ticket_id",
    )  # fmt: skip

    def __init__(self, ticket_id: str, client: ProcessId, session_id: str, strategy: str) -> None:
        self.ticket_id = ticket_id
        self.client = client
        self.session_id = session_id
        self.strategy = strategy
        self.permission_mode = ""
        self.is_interrupted = False
        self.is_prompt_given = True
        self.keeps_renderer = False  # a killed client would otherwise come back with the classic one
        self.attempt = 0
        self.snapshot = ""
        self.swept = False

    def write(self, path: str) -> None:
        """Put the ticket where the launcher looks for it."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields["client"] = self.client.to_text()
        write_atomic(path, json.dumps(fields).encode())


def read_ticket(path: str) -> "Ticket | None":
    """The ticket at `path`; None where there is none, or one that isn't as memguard writes them."""
    try:
        return _parse(_read_own(path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _read_own(path: str) -> bytes:
    """The bytes of a plain file of this user's that nobody else may write; OSError otherwise."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(descriptor)
        if os.name == "posix" and (status.st_uid != os.geteuid() or status.st_mode & 0o177077 != 0o100000):
            raise PermissionError(path)
        return os.read(descriptor, _LONGEST_TICKET)
    finally:
        os.close(descriptor)


def _parse(data: bytes) -> Ticket:
    fields = json.loads(data)
    ticket = Ticket(
        fields["ticket_id"], ProcessId.from_text(fields["client"]), fields["session_id"], fields["strategy"]
    )
    ticket.permission_mode = fields["permission_mode"]
    ticket.is_interrupted = fields["is_interrupted"] is True
    ticket.is_prompt_given = fields["is_prompt_given"] is True
    ticket.keeps_renderer = fields["keeps_renderer"] is True
    ticket.attempt = int(fields["attempt"])
    ticket.snapshot = fields["snapshot"]
    ticket.swept = fields["swept"] is True
    if not _is_sound(ticket):
        raise ValueError("a field that memguard does not write")
    return ticket


def _is_sound(ticket: Ticket) -> bool:
    """Every text that could end up in a file name or on a command line is one of a kind, or plain."""
    return (
        is_plain_id(ticket.ticket_id)
        and (ticket.session_id == "" or is_plain_id(ticket.session_id))
        and (ticket.snapshot == "" or is_plain_id(ticket.snapshot))
        and ticket.strategy in STRATEGIES
        and ticket.permission_mode in ("", *MODES)
        and (ticket.session_id != "" or ticket.strategy != RESUME)
    )
