"""What the person asked for: what they typed, what still waits in the client's queue, and how far the answer came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from memguard.state.message import NOT_TYPED, as_typed, joined, raw, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_REQUESTS = 8
# How far the answer to the last request came.
ASKED, UNDER_WAY, ANSWERED, INTERRUPTED, API_ERROR = "asked", "under way", "answered", "interrupted", "API error"
PHASES = (ASKED, UNDER_WAY, ANSWERED, INTERRUPTED, API_ERROR)


class Request(TypedDict):
    """Something that the person asked for."""

    text: str
    time: str


class Prompts:
    """Takes what was typed in order. `phase` is one of PHASES; empty before the first request."""

    def __init__(self) -> None:
        self._typed: list[Request] = []
        self._queue: list[Request] = []
        self._first: Request | None = None
        self._phase_before = ""
        self.phase = ""

    def typed(self, content: object, line: dict[str, Any], *, is_early: bool) -> bool:
        """A message of the person's, or one that the client wrote in their name; whether it is a request.

        `is_early` is it where it is one of the first lines of the session that can be one.
        """
        text = joined(content).strip()
        if text.startswith("[Request interrupted"):
            self.phase = INTERRUPTED
        elif text.startswith("<local-command-std"):
            self._was_local()
        text = raw(as_typed(text))
        if not text or text.startswith(NOT_TYPED):
            return False
        request: Request = {"text": text, "time": time_of(line)}
        self._typed = [*self._typed, request][-MOST_REQUESTS:]
        if is_early and self._first is None:
            self._first = request
        self._queue = [waiting for waiting in self._queue if waiting["text"] != text]
        self._phase_before, self.phase = self.phase, ASKED
        return True

    def _was_local(self) -> None:
        """The client itself has answered a slash command, such as /compact: nothing was asked of the model."""
        if self._typed and self._typed[-1]["text"].startswith("/"):
            self._first = None if self._typed.pop() is self._first else self._first
            self.phase = self._phase_before

    def queue_changed(self, line: dict[str, Any]) -> None:
        """The client's queue of typed prompts: one comes in, or the oldest goes out, or all do."""
        operation, text = line.get("operation"), raw(line.get("content"))
        if operation == "enqueue":
            # Also what nobody typed: it goes out again as everything does.
            self._queue.append({"text": text, "time": time_of(line)})
        elif operation == "popAll":
            self._queue.clear()
        else:
            del self._queue[:1]

    @property
    def last(self) -> list[Request]:
        """The last requests, oldest first."""
        return list(_cleaned(self._typed))

    @property
    def first(self) -> list[Request]:
        """The session's first request, where it is none of the last ones."""
        is_other = self._first is not None and all(request is not self._first for request in self._typed)
        return list(_cleaned([self._first])) if self._first and is_other else []

    @property
    def unsent(self) -> list[Request]:
        """What was typed while a turn was running, and still waits."""
        waiting = [request for request in self._queue if request["text"] and not request["text"].startswith(NOT_TYPED)]
        return list(_cleaned(waiting[:MOST_REQUESTS]))


def _cleaned(requests: list[Request]) -> Iterable[Request]:
    for request in requests:
        yield {"text": text_of(request["text"]), "time": request["time"]}
