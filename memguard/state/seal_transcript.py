"""The conversation's way into a snapshot: read, redacted and indexed here, compressed and sealed in another thread."""

from __future__ import annotations

import os
import queue
import threading
from typing import TYPE_CHECKING

from memguard.core.errors import ClientError
from memguard.state.conversation import Conversation, empty_conversation, read_conversation
from memguard.state.redact import Redactor
from memguard.state.store import TRANSCRIPT, Draft
from memguard.state.transcript import LineIndex, open_transcript

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCK_BYTES = 1048576
_MOST_QUEUED = 4  # blocks between the two threads: bounds memory where the disk is slow


class TranscriptResult:
    """What became of it. `missing` says why there is none, or not all."""

    __slots__ = ("conversation", "missing", "redactions", "sealed_bytes", "size_bytes")

    def __init__(self, missing: str = "") -> None:
        self.conversation: Conversation = empty_conversation()
        self.missing = missing
        self.redactions = 0
        self.sealed_bytes = 0
        self.size_bytes = 0


def seal_transcript(draft: Draft, path: str, config: str) -> TranscriptResult:
    """Seal the transcript at `path` into the draft; `config` is the client's folder that it has to be in."""
    if not path:
        return TranscriptResult("the conversation: the session has no transcript yet")
    try:
        descriptor = open_transcript(path, config)
    except ClientError as error:
        return TranscriptResult(f"the conversation: {error.what}")
    try:
        return _seal(draft, descriptor)
    finally:
        os.close(descriptor)


def _seal(draft: Draft, descriptor: int) -> TranscriptResult:
    result, index, redactor = TranscriptResult(), LineIndex(), Redactor()
    with draft.sealed(TRANSCRIPT) as sealed:
        writer = _WriterThread(sealed.write)
        try:
            result.missing = _read(descriptor, result, index, redactor, writer)
            writer.write(redactor.finish())
        finally:
            writer.finish()
    index.finish()
    result.redactions, result.sealed_bytes = redactor.found, sealed.sealed_bytes
    result.conversation = read_conversation(descriptor, index)
    return result


def _read(
    descriptor: int, result: TranscriptResult, index: LineIndex, redactor: Redactor, writer: _WriterThread
) -> str:
    """All that was there at the beginning: the client may go on writing for ever. Why it isn't all, if it isn't."""
    end = os.fstat(descriptor).st_size
    while result.size_bytes < end:
        try:
            block = os.pread(descriptor, min(_BLOCK_BYTES, end - result.size_bytes), result.size_bytes)
        except OSError as error:
            return f"the conversation from byte {result.size_bytes} on: {error.strerror}"
        if not block:
            return f"the conversation from byte {result.size_bytes} on: the file became shorter"
        result.size_bytes += len(block)
        writer.write(redactor.feed(block))
        index.feed(block)
    return ""


class _WriterThread:
    """Hands blocks to a function in another thread. An error there is raised here, by `write` or `finish`."""

    def __init__(self, function: Callable[[bytes], None]) -> None:
        self._function = function
        self._blocks: queue.Queue[bytes | None] = queue.Queue(_MOST_QUEUED)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def write(self, block: bytes) -> None:
        """Take the next block, waiting while too many are on their way."""
        if self._error:
            raise self._error
        self._blocks.put(block)

    def finish(self) -> None:
        """Wait for the last block."""
        if self._thread.is_alive():
            self._blocks.put(None)
        self._thread.join()
        if self._error:
            raise self._error

    def _work(self) -> None:
        while (block := self._blocks.get()) is not None:
            if self._error:
                continue  # taken all the same, or the other side would wait for ever
            try:
                self._function(block)
            except BaseException as error:  # noqa: BLE001  it belongs to the other thread
                self._error = error
