r"""One event of one session: what the client wrote of it on our stdin, and the line of the spool that it becomes.

stdin is not parsed. Importing `json` alone doubles a quiet hook's time, and the gate needs five short strings of it.
The client writes compact JSON with its own fields before `tool_input`, so the first `"name":"value"` is the client's;
inside a JSON string the same text would be `\"name\":`, which does not match.

A session's spool is `<state>/<project key>/spool/<session>.jsonl`. A line is far below PIPE_BUF and goes out in one
`write` to a file opened with O_APPEND, so parallel hooks never mix. (One module for both: each module that a quiet
hook imports costs it a sixtieth.)
"""

import os

from memguard.core.layout import write_all

# The fields needed lie in the first kilobyte or, behind tool input and output, in the last. The beginning is kept long
# enough to be parsed where a call may be one that a restart cut off: its whole input tells (ADR 4).
_KEPT_HEAD_BYTES = 1048576
_KEPT_TAIL_BYTES = 65536


class Payload:
    """The beginning and the end of one event's JSON; `size_bytes` of the whole."""

    __slots__ = ("head", "size_bytes", "tail")

    def __init__(self, head: bytes, tail: bytes, size_bytes: int) -> None:
        self.head = head
        self.tail = tail
        self.size_bytes = size_bytes

    def looks_whole(self) -> bool:
        """Whether this begins and ends as a JSON object does."""
        return self.head.lstrip()[:1] == b"{" and self.tail.rstrip()[-1:] == b"}"

    def first(self, name: str) -> str:
        """The first string field called `name`; empty where there is none, or where it needs unescaping."""
        return _value(self.head, self.head.find(b'"%s":' % name.encode()), len(name))

    def last(self, name: str) -> str:
        """The last string field called `name`: for those that the client writes behind tool input."""
        return _value(self.tail, self.tail.rfind(b'"%s":' % name.encode()), len(name))

    def parsed(self) -> dict[str, object]:
        """The event as JSON, off the quiet path; empty where it is torn, or larger than what was kept."""
        import json

        try:
            event = json.loads(self.head) if self.size_bytes <= len(self.head) else {}
        except ValueError:
            event = {}
        return event if isinstance(event, dict) else {}

    def command(self) -> str:
        """The command in the tool's input, off the quiet path; empty where it has none, or is torn.

        The client's own `tool_input` is the first, as with `first`; what follows it, such as 50 MB of output, doesn't
        matter.
        """
        start = self.head.find(b'"tool_input":')
        if start < 0:
            return ""
        try:
            found = _value_at_begin(self.head[start + 13 :].decode("utf-8", "replace").lstrip())
        except (ValueError, RecursionError):
            return ""
        command = found.get("command") if isinstance(found, dict) else ""
        return command if isinstance(command, str) else ""

    def has_items(self, name: str) -> bool:
        """Whether the last array called `name` has anything in it."""
        start = self.tail.rfind(b'"%s":[' % name.encode())
        return start >= 0 and self.tail[start + len(name) + 4 : start + len(name) + 5] != b"]"


def _value(data: bytes, start: int, name_length: int) -> str:
    if start < 0:
        return ""
    rest = data[start + name_length + 3 : start + name_length + 4200].lstrip()
    end = rest.find(b'"', 1)
    if rest[:1] != b'"' or end < 0 or b"\\" in rest[:end]:
        return ""
    return rest[1:end].decode("utf-8", "replace")


class _Plain:
    """What `json.JSONDecoder` sets by default."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def _value_at_begin(text: str) -> object:
    """The JSON value that `text` begins with; ValueError where there is none.

    By the scanner that `json` is built on, where the interpreter has it: a PreToolUse takes 1.4 times a bare start
    with it, and 2.3 times with `json` and the `re` that it imports.
    """
    try:
        from _json import make_scanner
    except ImportError:
        import json

        return json.JSONDecoder().raw_decode(text)[0]
    try:
        return make_scanner(_Plain)(text, 0)[0]  # type: ignore[arg-type]  # only its attributes are read
    except (StopIteration, SystemError):  # the latter of CPython 3.11, which raises only what `json` has brought
        raise ValueError("no JSON") from None


def read_payload(descriptor: int = 0) -> Payload:
    """Read to the end, so that the client never meets a closed pipe, keeping 1 MiB and 64 KiB at most."""
    head = tail = b""
    size_bytes = 0
    while True:
        data = os.read(descriptor, 1048576)
        if not data:
            return Payload(head, tail, size_bytes)
        size_bytes += len(data)
        if len(head) < _KEPT_HEAD_BYTES:
            head = (head + data)[:_KEPT_HEAD_BYTES]
        tail = (tail + data)[-_KEPT_TAIL_BYTES:]


# About 4,000 events; the file before it is kept once, as `<session>.jsonl.1`.
_ROTATE_BYTES = 1048576

# Spelled out rather than built by `json`, whose import a quiet hook can't afford. Every %s is a word that
# `word` has cleaned, every %d a number.
_LINE = (
    '{"t_utc":%.3f,"event":"%s","session":"%s","client_pid":%d,"footprint_bytes":%d,"client_bytes":%d,'
    '"processes":%d,"state":"%s","tool":"%s","tool_use_id":"%s","mode":"%s","source":"%s","background":%d,"budget":%d}\n'
)


def word(text: str) -> str:
    """`text` as it may stand in a plain file: letters, digits, `_-.:`, at most 80 of them."""
    if text.isascii() and text.isalnum():
        return text[:80]
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-.:") else "?" for c in text[:80])


def append_line(project_dir: str, session: str, fields: tuple[object, ...]) -> None:
    """Append one line; OSError when the state folder can't be written, or has room for a part only."""
    path = f"{project_dir}/spool/{session or 'unknown'}.jsonl"
    descriptor = _open(path)
    try:
        write_all(descriptor, (_LINE % fields).encode())
        if os.lseek(descriptor, 0, os.SEEK_CUR) > _ROTATE_BYTES:
            from memguard.core.rotation import put_aside

            put_aside(path, descriptor)
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        _make_dir(os.path.dirname(path))
        return os.open(path, flags, 0o600)


def _make_dir(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return  # of two hooks at the same time, the other was first
