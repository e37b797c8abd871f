"""What a line says twice: the client writes a tool's output as the model got it, and once more as the tool gave it.

Rules need to see it once to know that the line holds a secret; the lines that do are then looked at whole.
"""

from __future__ import annotations

from memguard.state.redact.view import LINE_END

_FIRST, _SECOND = b'"content":"', b'"stdout":"'
# Of the second copy so much stays at each end, so that what begins or ends beside it is seen with what is around it.
_KEPT_BYTES = 256
_WORTH_BYTES = 1024
_PROBE_BYTES = 64


def without_repeats(raw: bytes) -> bytes:
    """Lines of a transcript without most of what they say twice. As many lines, and to be looked through only."""
    parts: list[bytes] = []
    last = 0
    place = raw.find(_SECOND)
    while place >= 0:
        second = place + len(_SECOND)
        common = _common_bytes(raw, second)
        if common >= _WORTH_BYTES:
            parts.append(raw[last : second + _KEPT_BYTES])
            last = second + common - _KEPT_BYTES
        place = raw.find(_SECOND, second)
    return b"".join([*parts, raw[last:]]) if parts else raw


def _common_bytes(raw: bytes, second: int) -> int:
    """How much of what begins at `second` stands in the same line before it already."""
    line = raw.rfind(LINE_END, 0, second) + 1
    first = raw.find(_FIRST, line, second) + len(_FIRST)
    probe = raw[second : second + _PROBE_BYTES]
    if first < len(_FIRST) or LINE_END in probe or raw[first : first + _PROBE_BYTES] != probe:
        return 0
    line_end = raw.find(LINE_END, second)
    most = min(second - first, (line_end if line_end >= 0 else len(raw)) - second)
    least = 0
    while least < most:  # the longest that is the same, by halves
        middle = (least + most + 1) // 2
        if raw[first + least : first + middle] == raw[second + least : second + middle]:
            least = middle
        else:
            most = middle - 1
    return least
