"""A transcript, redacted as it streams by: line by line, whatever blocks it comes in, in bounded memory."""

from __future__ import annotations

from memguard.state.redact.line import redact_lines
from memguard.state.redact.long_line import WINDOW_BYTES, LongLine
from memguard.state.redact.rules import rules_id
from memguard.state.redact.view import LINE_END


class Redactor:
    """Takes a transcript in blocks of any size, and gives out what it is without its secrets.

    What comes out depends on the lines alone, not on the blocks. Where `exact`, everything goes through as it is.
    """

    def __init__(self, exact: bool = False) -> None:
        self.found = 0
        self._is_exact = exact
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._long_line: LongLine | None = None

    @property
    def rules_id(self) -> str:
        """What it is redacted by; after `finish` what it was really redacted by, should the library have failed."""
        return "none" if self._is_exact else rules_id()

    def feed(self, block: bytes) -> bytes:
        """What can be given out by now: whole lines, and of a line over 1 MiB what can't be part of a secret."""
        if self._is_exact:
            return block
        self._held.append(block)
        self._held_bytes += len(block)
        if LINE_END not in block and self._held_bytes < WINDOW_BYTES:
            return b""
        return self._give_out(is_last=False)

    def finish(self) -> bytes:
        """The rest."""
        return self._give_out(is_last=True)

    def _give_out(self, *, is_last: bool) -> bytes:
        data, place = b"".join(self._held), 0
        parts: list[bytes] = []
        while taken := self._take(data, place, parts, is_last=is_last):
            place += taken
        self._held, self._held_bytes = [data[place:]], len(data) - place
        return b"".join(parts)

    def _take(self, data: bytes, place: int, parts: list[bytes], *, is_last: bool) -> int:
        """Redact the next lines, or the next window of a long one, into `parts`; how many bytes, 0 for none yet."""
        if self._long_line:
            return self._take_window(self._long_line, data, place, parts, is_last=is_last)
        end = data.rfind(LINE_END, place, place + WINDOW_BYTES) + 1
        if not end and len(data) - place >= WINDOW_BYTES:
            self._long_line = LongLine()
            return self._take_window(self._long_line, data, place, parts, is_last=is_last)
        if not end and is_last:
            end = len(data)
        return self._add(redact_lines(data[place:end]), parts, end - place) if end else 0

    def _take_window(self, line: LongLine, data: bytes, place: int, parts: list[bytes], *, is_last: bool) -> int:
        line_end = data.find(LINE_END, place, place + WINDOW_BYTES) + 1
        if not line_end and len(data) - place < WINDOW_BYTES and not is_last:
            return 0
        end = line_end or min(place + WINDOW_BYTES, len(data))
        is_end = bool(line_end) or (is_last and end == len(data))
        self._long_line = None if is_end else line
        return self._add(line.take(data[place:end], is_end=is_end), parts, line.taken)

    def _add(self, redacted: tuple[bytes, int], parts: list[bytes], taken: int) -> int:
        parts.append(redacted[0])
        self.found += redacted[1]
        return taken
