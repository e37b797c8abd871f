"""JSON for what stays resident: `loads` and `dumps` by CPython's own scanner and encoder.

Importing `json` brings `re` and `enum` with it, 1.1 MiB that stay. Its C half alone takes some KB, and does all of the
work already; where there is none, `json` itself does it. What they read and write is the same, which a test compares.
"""

try:
    import _json
except ImportError:  # not CPython
    _json = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WHITE = " \t\n\r"
_SKIP_KEYS, _ALLOW_NAN = False, True  # as `json` does by default


class _Context:
    """What the scanner asks a decoder for."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(name: str) -> float:
        """`NaN` and the infinities, which are no JSON: as `json` reads them."""
        return float(name.replace("Infinity", "inf"))


_CONTEXT: "Any" = _Context()


def loads(text: "str | bytes") -> "Any":
    """The value of a whole document; ValueError for anything else."""
    if _json is None:
        import json

        return json.loads(text)
    text = text.decode("utf-8") if isinstance(text, bytes) else text
    try:
        value, end = _json.make_scanner(_CONTEXT)(text, len(text) - len(text.lstrip(_WHITE)))
    except (StopIteration, RecursionError, SystemError):
        # SystemError: the scanner of 3.11 takes the class of its error from `json.decoder`, where that is imported.
        raise ValueError("not JSON, or nested too deeply") from None
    if text[end:].strip(_WHITE):
        raise ValueError("more than one JSON document")
    return value


def dumps(value: object, *, separators: "tuple[str, str]" = (", ", ": "), sort_keys: bool = False) -> str:
    """The document of a value; TypeError where a part of it has no form in JSON."""
    if _json is None:
        import json

        return json.dumps(value, separators=separators, sort_keys=sort_keys)
    item, key = separators
    ascii_only = _json.encode_basestring_ascii
    encode = _json.make_encoder({}, _refuse, ascii_only, None, key, item, sort_keys, _SKIP_KEYS, _ALLOW_NAN)
    return "".join(encode(value, 0))


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} has no form in JSON")
