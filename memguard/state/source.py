"""The client's files that are captured: the transcript of a session, and one of each sub-agent.

<config>/projects/<folder>/<session>.jsonl
<config>/projects/<folder>/<session>/subagents/agent-<id>.jsonl (and .meta.json)
"""

from __future__ import annotations

import hmac
import os
import time
from typing import TYPE_CHECKING

from memguard.core.layout import is_plain_id
from memguard.state import files
from memguard.state.cursor import Seen
from memguard.state.transcript import open_transcript

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

MAIN = "main"
AGENT = "agent-"
_ENDING = ".jsonl"
_META = ".meta.json"
_LONGEST_META = 65536
_AGENTS_FOLDER = "subagents"
# Sub-agents of one session that are captured; a session of a week has some hundreds.
MOST_AGENTS = 2000
BLOCK_BYTES = 1048576
# The clock that a file's times are set by stands still for 4 ms on Linux and 2 s on FAT: what was written just before
# the capture looked may be followed by more with the same time.
_SETTLED_NS = 3_000_000_000


class Source:
    """One file, open for reading, as long as it was when it was opened: the client may go on writing for ever."""

    def __init__(self, name: str, path: str, config: str) -> None:
        """Raises ClientError where it is no plain file of the client's."""
        self.name = name
        self.path = path
        self.descriptor = open_transcript(path, config)
        status = os.fstat(self.descriptor)
        self.size_bytes = status.st_size
        is_settled = time.time_ns() - status.st_ctime_ns > _SETTLED_NS
        self.seen = Seen(status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns if is_settled else 0)

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    def meta(self) -> str:
        """What the client keeps of a sub-agent beside its transcript, some hundred bytes of JSON; empty without it."""
        if self.name == MAIN:
            return ""
        try:
            return files.read_small(self.path.removesuffix(_ENDING) + _META, _LONGEST_META).decode("utf-8", "replace")
        except (OSError, ValueError):
            return ""

    def read(self, start: int, stop: int) -> bytes:
        """At most 1 MiB from `start` on, and not beyond `stop`; empty where the file has become shorter."""
        return os.pread(self.descriptor, min(BLOCK_BYTES, stop - start), start)

    def blocks(self, start: int, stop: int) -> Iterator[bytes]:
        """The same, up to `stop` or the end."""
        while start < stop and (block := self.read(start, stop)):
            yield block
            start += len(block)

    def digest(self, start: int, stop: int, key: bytes) -> str:
        """Of these bytes, under this key."""
        digest = keyed_digest(key)
        for block in self.blocks(start, stop):
            digest.update(block)
        return digest.hexdigest()

    def last_line_end(self, start: int) -> int:
        """Where the last whole line ends, looked for from the end back to `start`; `start` where there is none."""
        stop = self.size_bytes
        while stop > start:
            begin = max(start, stop - BLOCK_BYTES // 16)
            found = os.pread(self.descriptor, stop - begin, begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            stop = begin
        return start


def keyed_digest(key: bytes) -> hmac.HMAC:
    """A digest that says nothing to whoever has seen the same bytes elsewhere.

    HMAC-SHA-256: where the processor has instructions for it, 100 MB take 0.09 s, by BLAKE2b 0.2 s.
    """
    return hmac.new(key, digestmod="sha256")


def agent_paths(transcript: str) -> tuple[dict[str, str], int]:
    """The transcripts of the session's sub-agents by stream name, and how many were left out."""
    folder = os.path.join(transcript.removesuffix(_ENDING), _AGENTS_FOLDER)
    names = sorted(name for name in files.names_in(folder) if name.startswith(AGENT) and name.endswith(_ENDING))
    streams = {name.removesuffix(_ENDING): os.path.join(folder, name) for name in names}
    found = {stream: path for stream, path in streams.items() if is_plain_id(stream)}
    kept = dict(list(found.items())[:MOST_AGENTS])
    return kept, len(streams) - len(kept)
