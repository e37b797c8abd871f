"""The handoff that a client started again is owed: asked of the worker that waits for this, or else of a new one."""

import json
import os
import time

from memguard.core.layout import COMPILED, HANDOFF, RELAUNCH, handoff_socket, is_plain_id, read_pairs
from memguard.core.log import append_log
from memguard.core.spawn import hook_environment
from memguard.gate import Event
from memguard.host import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket

# In all, whoever is asked. A claim takes 0.3 s, with a summariser up to 5.5; the client cuts the hook off after 10 s.
_CLAIM_TIMEOUT_S = 7.0
_SHORTEST_S = 0.01
_TOO_LONG = ("", "the worker took too long")
_LONGEST_ANSWER = 1048576


def owed_ticket(event: Event) -> str:
    """The ticket whose relaunch this very process is, while its handoff is unclaimed; else empty."""
    relaunch = read_pairs(f"{event.guard_dir}/{RELAUNCH}")
    client = identity.identify(event.client_pid)
    if not relaunch or client is None or relaunch.get("client") != client.to_text():
        return ""
    ticket = relaunch.get("ticket", "")
    owed = is_plain_id(ticket) and os.path.exists(f"{event.guard_dir}/{HANDOFF}/{ticket}.facts.json")
    return ticket if owed and event.payload.first("source") in ("resume", "startup") else ""


def claim(event: Event, ticket: str) -> "dict[str, object]":
    """Have the handoff claimed and pass its one document on; a failure costs the digest, never the session."""
    words = ["--source", event.payload.first("source"), *_persons_own(event)]
    deadline_s = time.monotonic() + _CLAIM_TIMEOUT_S
    asked = _ask_waiting(handoff_socket(event.guard_dir, ticket), words, deadline_s)
    output, error = asked or _run(event, ticket, words, deadline_s)
    if error or not output:
        append_log(event.state_dir, f"handoff {ticket}: {error[-300:] or 'no answer'}")
        return {}
    answer: dict[str, object] = json.loads(output)
    return answer


def _ask_waiting(path: str, words: "list[str]", deadline_s: float) -> "tuple[str, str] | None":
    """Answer and error of the worker that the watchdog has started for this; None where none listens, or it hung up.

    One that is started now takes 0.1 s longer, and the client's start waits for it. It is no use where this one took
    too long: this one may have claimed the handoff, and no time is left.
    """
    if not os.path.exists(path):
        return None
    import socket

    with socket.socket(socket.AF_UNIX) as worker:
        try:
            worker.settimeout(_left_s(deadline_s))
            worker.connect(path)
            worker.sendall("\0".join(words).encode() + b"\n")
            answer = _read_all(worker, deadline_s)
        except TimeoutError:
            return _TOO_LONG
        except OSError:
            return None
    return (answer[1:], "") if answer[:1] == "0" else ("", answer[1:]) if answer else None


def _left_s(deadline_s: float) -> float:
    """Never 0, which for a socket means not to wait but to fail otherwise."""
    return max(deadline_s - time.monotonic(), _SHORTEST_S)


def _read_all(worker: "socket", deadline_s: float) -> str:
    """All that it says until it hangs up. Raises TimeoutError, also where it goes on saying a little at a time."""
    data = b""
    while len(data) < _LONGEST_ANSWER and (more := worker.recv(65536)):
        data += more
        if time.monotonic() > deadline_s:
            raise TimeoutError
        worker.settimeout(_left_s(deadline_s))
    return data.decode("utf-8", "replace")


def _run(event: Event, ticket: str, words: "list[str]", deadline_s: float) -> "tuple[str, str]":
    """Answer and error of a worker that is started now."""
    import subprocess

    command = [event.pairs["python"], "-I", "-m", "memguard.handoff.claim", "--guard", event.guard_dir]
    try:
        done = subprocess.run(
            [*command, "--ticket", ticket, *words],
            env=hook_environment(dict(os.environ), event.pairs),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_left_s(deadline_s),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _TOO_LONG
    output, error = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    return (output, "") if done.returncode == 0 else ("", error or f"exit code {done.returncode}")


def _persons_own(event: Event) -> "list[str]":
    """Summariser and plugins: they name code to be run, so nothing that lies in the guard's folder has a say."""
    compiled = f"{event.project_dir}/{COMPILED}"
    pairs = read_pairs(compiled)
    words = ["--summariser", pairs["summariser"]] if pairs.get("summariser") else []
    words += ["--plugins", compiled] if pairs.get("plugins") else []
    return ["--state", event.state_dir, *words] if words else []
