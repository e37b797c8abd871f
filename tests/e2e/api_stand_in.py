"""A Messages API stand-in on the loopback, so that the real client runs without account or network.

The stand-in keeps no position in a script: `Script` decides from the conversation that each request carries. A client
that is killed in mid-turn and asks again therefore gets the very answer that it would have got the first time.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Block = dict[str, Any]
Step = Sequence[Block]

MODEL = "claude-stand-in"
# With 16 KiB per delta, 30 MB take the client 2.6 s and leave it where a real conversation of that size does (230 MB);
# with larger ones it keeps up to 100 MB more for a while.
DELTA_CHARS = 16 * 1024
END_OF_SCRIPT = "The script has no further step."


def text(content: str) -> Block:
    """A block of plain text."""
    return {"type": "text", "text": content}


def big_text(n_bytes: int) -> Block:
    """A block of about so much text, in lines, since one endless line costs the client's renderer far more."""
    line = "The quick brown fox jumps over the lazy dog and counts another line of text.\n"
    return text(line * (n_bytes // len(line) + 1))


def tool_use(name: str, arguments: Mapping[str, Any]) -> Block:
    """A tool call that the client really makes; it gets its id when it is sent."""
    return {"type": "tool_use", "name": name, "input": dict(arguments)}


def bash(command: str, **more: Any) -> Block:
    """A call of the client's Bash tool."""
    return tool_use("Bash", {"command": command, "description": "Run a program", **more})


class Request:
    """One request of the client, as parsed JSON, with the questions that tests ask of it."""

    def __init__(self, method: str, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation, oldest message first."""
        found: list[dict[str, Any]] = self.body.get("messages", [])
        return found

    @property
    def is_turn(self) -> bool:
        """Whether the conversation itself is asking: the client's side requests (titles, probes) offer no tools."""
        return self.is_message and bool(self.body.get("tools"))

    @property
    def is_message(self) -> bool:
        """Whether an answer of the model is wanted; counting tokens is not that."""
        return self.method == "POST" and self.path.split("?")[0] == "/v1/messages"

    def __contains__(self, wanted: str) -> bool:
        return wanted in json.dumps(self.body, ensure_ascii=False)

    def texts(self, role: str) -> list[str]:
        """Every text that messages of this role hold, in order."""
        return [t for message in self.messages if message["role"] == role for t in _texts(message)]

    def tool_results(self) -> list[Block]:
        """Every tool result that the model has been given, in order."""
        return [block for message in self.messages for block in _blocks(message) if block["type"] == "tool_result"]


def _blocks(message: Mapping[str, Any]) -> list[Block]:
    content = message["content"]
    return [text(content)] if isinstance(content, str) else list(content)


def _texts(message: Mapping[str, Any]) -> list[str]:
    return [block["text"] for block in _blocks(message) if block["type"] == "text"]


class Script:
    """What the model does after each prompt: steps, each but the last ending in tool calls.

    The prompt is found by a phrase in the newest user message that holds one, and the step by how many messages with
    tool results came after it. Neither changes when a client dies and asks again.
    """

    def __init__(self, steps_by_phrase: Mapping[str, Sequence[Step]]) -> None:
        self._steps_by_phrase = steps_by_phrase

    def __call__(self, request: Request) -> Step:
        """The step that this conversation has come to."""
        answered = 0
        for message in reversed([message for message in request.messages if message["role"] == "user"]):
            answered += any(block["type"] == "tool_result" for block in _blocks(message))
            steps = self._steps_for(message)
            if steps is not None:
                return steps[answered] if answered < len(steps) else [text(END_OF_SCRIPT)]
        return [text(END_OF_SCRIPT)]

    def _steps_for(self, message: Mapping[str, Any]) -> Sequence[Step] | None:
        said = "\n".join(_texts(message))
        return next((steps for phrase, steps in self._steps_by_phrase.items() if phrase in said), None)


Reply = Callable[[Request], Step]


class ApiStandIn:
    """The server: `url` for the client, `reply` for its turns, `requests` for what it has been asked."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.requests: list[Request] = []
        handler = type("_BoundHandler", (_Handler,), {"api": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> ApiStandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """What ANTHROPIC_BASE_URL is to be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def turns(self) -> list[Request]:
        """The requests of the conversation itself, in order."""
        return [request for request in list(self.requests) if request.is_turn]


class _Handler(BaseHTTPRequestHandler):
    """One connection of the client."""

    protocol_version = "HTTP/1.1"
    api: ApiStandIn  # set by the server's own subclass

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests' output is for the tests."""

    def do_HEAD(self) -> None:
        self._record({})
        self._send(b"")

    def do_GET(self) -> None:
        self._record({})
        self._send(b"{}")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        request = self._record(json.loads(self.rfile.read(length) or b"{}"))
        try:
            self._answer(request)
        except ConnectionError:
            self.close_connection = True  # a client that was killed in mid-answer is what these tests are about

    def _record(self, body: dict[str, Any]) -> Request:
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        self.api.requests.append(request)
        return request

    def _answer(self, request: Request) -> None:
        if not request.is_message:
            self._send(b'{"input_tokens": 100}')
            return
        step = self.api.reply(request) if request.is_turn else [text("A title")]
        if request.body.get("stream"):
            self._stream(step)
        else:
            self._send(json.dumps(_message(step)).encode())

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, step: Step) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in _events(step):
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()


def _message(step: Step) -> dict[str, Any]:
    """A whole answer. Its ids are new each time, as the API's are: the client joins messages that share one."""
    stop = "tool_use" if any(block["type"] == "tool_use" for block in step) else "end_turn"
    return {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [_with_id(block) for block in step],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 10},
    }


def _with_id(block: Block) -> Block:
    return {**block, "id": f"toolu_{uuid.uuid4().hex}"} if block["type"] == "tool_use" else block


def _events(step: Step) -> Iterator[dict[str, Any]]:
    """The answer as the API streams it."""
    whole = _message(step)
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    for index, block in enumerate(whole["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": _emptied(block)}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": {"stop_reason": whole["stop_reason"]}, "usage": {"output_tokens": 10}}
    yield {"type": "message_stop"}


def _emptied(block: Block) -> Block:
    """A block as its start announces it: what the deltas will bring is left out."""
    return {**block, "input": {}} if block["type"] == "tool_use" else {**block, "text": ""}


def _deltas(block: Block) -> Iterator[Block]:
    if block["type"] == "tool_use":
        yield {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        return
    for start in range(0, len(block["text"]), DELTA_CHARS):
        yield {"type": "text_delta", "text": block["text"][start : start + DELTA_CHARS]}
