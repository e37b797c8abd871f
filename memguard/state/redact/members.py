"""What a transcript needs to be resumed, and no rule may touch: ids, times, types, signatures, encrypted text, images.

Only where it is a JSON member of the line itself: quotes inside a string are escaped, so no text that a tool has
printed can look like one. And only where the value has the form of such a thing: a secret in a member so named goes.
"""

from __future__ import annotations

import re

from memguard.state.redact.own_rules import own_spans

_UUID = rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_OF_THE_API = rb"(?:msg|toolu|srvtoolu|mcptoolu|req|call|chatcmpl|resp|agent|task|container|file)[_-][\w-]{1,96}"
_FORMS = {
    "id": re.compile(_UUID + b"|" + _OF_THE_API + rb"|[0-9a-f]{6,20}"),
    "time": re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,16}(?:Z|[+-][0-9:]{5})"),
    "word": re.compile(rb"[a-z]+(?:[_-][a-z]+)*(?:[_-][0-9]{8})?"),
    "tool": re.compile(rb"[A-Za-z][\w.-]{0,127}"),
    "data": re.compile(rb"[\w+/=-]*+"),
    # Shorter, it is as likely a token that a tool was given under this name. Signatures have 300 letters and more.
    "opaque": re.compile(rb"[\w+/=-]{200}[\w+/=-]*+"),
}
_DATA = ("data", "opaque")
# What may be a token by its form is one where it begins as one.
_UNLESS_TYPED = ("opaque", "tool")
_TYPED_BYTES = 512
# All that makes a value a member, up to the quote that opens it. Image and document data, and thinking that only the
# API can read, have their type before them; `base64` is what the client calls an image in a tool's result.
_MEMBER = re.compile(
    rb"""(?:
        [{,]\s?"(?!\w{0,32}(?:secret|token|key))(?P<id>id|uuid|\w{1,32}(?:Uuid|UUID|ID|Id|_id))
      | [{,]\s?"(?P<time>timestamp|\w{1,32}(?:At|Time))
      | [{,]\s?"(?P<opaque>signature|encrypted_\w{1,32}|base64)
      | [{,]\s?"(?P<word>type|role|stop_reason)
      | "type"\s?:\s?"(?:server_|mcp_)?tool_use"\s?,\s?"id"\s?:\s?"[\w-]{1,100}"\s?,\s?"(?P<tool>name)
      | "type"\s?:\s?"(?:base64|redacted_thinking)"\s?(?:,\s?"media_type"\s?:\s?"[\w/.+-]{1,80}"\s?)?,\s?"(?P<data>data)
    )"\s?:\s?"\Z""",
    re.VERBOSE,
)
_LOOK_BACK_BYTES = 192


class Members:
    """Of one raw line, or of a window of one: whether a place stands in a value that must stay.

    `is_opaque` says that the window begins within an image or the like.
    """

    def __init__(self, raw: bytes, is_opaque: bool = False) -> None:
        self._raw = raw
        self._start = self._stop = 0
        self._form = ""
        if is_opaque:
            self._enter(0, "data")

    def must_stay(self, start: int, stop: int) -> bool:
        """Whether the bytes from `start` to `stop` are part of such a value. To be asked in order of `start`."""
        self._look_at(start)
        return bool(self._form) and stop <= self._stop

    def is_opaque(self, place: int) -> bool:
        """Whether a window that begins at `place` begins within an image or the like."""
        self._look_at(place)
        return self._form in _DATA and place <= self._stop

    def _look_at(self, place: int) -> None:
        if place > self._stop or not self._stop:
            quote = self._raw.rfind(b'"', self._stop, place)
            if quote >= 0:
                before = self._raw[max(0, quote + 1 - _LOOK_BACK_BYTES) : quote + 1]
                member = _MEMBER.search(before)
                self._enter(quote + 1, (member.lastgroup or "") if member else "")

    def _enter(self, start: int, form: str) -> None:
        """Remember the value that begins at `start`: it may hold many places."""
        close = self._raw.find(b'"', start)
        self._start, self._stop = start, close if close >= 0 else len(self._raw)
        fits = form and _FORMS[form].fullmatch(self._raw, self._start, self._stop)
        self._form = form if fits and not (form in _UNLESS_TYPED and self._begins_typed()) else ""

    def _begins_typed(self) -> bool:
        return any(span.start == 0 for span in own_spans(self._raw[self._start : self._stop][:_TYPED_BYTES]))
