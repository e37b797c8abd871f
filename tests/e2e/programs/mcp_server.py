"""A stdio MCP server with one tool, `leak`: it answers at once, and from then on the server grows by 100 MB/s."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

LARGEST_MB = 1200


def _grow() -> None:
    held, begun = [], time.monotonic()
    for size_mb in range(4, LARGEST_MB, 4):
        held.append(bytearray(4 << 20))
        held[-1][::4096] = b"x" * 1024
        time.sleep(max(0, begun + size_mb / 100 - time.monotonic()))
    time.sleep(30)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    if request["method"] == "initialize":
        version = request["params"]["protocolVersion"]
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "p", "version": "1"}}
    if request["method"] == "tools/list":
        return {"tools": [{"name": "leak", "description": "Leak", "inputSchema": {"type": "object", "properties": {}}}]}
    if request["method"] == "tools/call":
        threading.Thread(target=_grow, daemon=True).start()
        return {"content": [{"type": "text", "text": "leaking"}]}
    return {}


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": _answer(message)}) + "\n")
        sys.stdout.flush()
