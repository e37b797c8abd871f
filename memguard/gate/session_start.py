"""SessionStart: remember which conversation a client has, tidy up after dead ones, give a restarted one its handoff."""

import json
import os
import subprocess
import time

from memguard.core.errors import HostError
from memguard.core.layout import (
    COMPILED,
    HANDOFF,
    RELAUNCH,
    SESSIONS,
    is_plain_id,
    private_dir,
    read_pairs,
    write_pairs,
)
from memguard.core.log import append_log
from memguard.core.session_clients import add_client
from memguard.core.spawn import hook_environment
from memguard.gate import Event, captures
from memguard.gate.leftovers import tidy_up
from memguard.host import identity

# A claim takes 0.3 s; the hook itself is cut off by the client after 10 s.
_CLAIM_TIMEOUT_S = 8


def begin(event: Event) -> "dict[str, object]":
    """Record the session; answer with the handoff where this client was started for one, else capture."""
    if not event.session:
        return {}
    record_session(event)
    line = tidy_up(event)
    ticket = _owed_ticket(event)
    if ticket:
        return _with_line(_claim(event, ticket), line)
    captures.capture(event, "session start")
    return _with_line({}, line)


def _with_line(answer: "dict[str, object]", line: str) -> "dict[str, object]":
    """One document, whatever there is to say to the person."""
    said = answer.get("systemMessage")
    told = ". ".join(text for text in (said if isinstance(said, str) else "", line) if text)
    return answer | ({"systemMessage": told} if told else {})


def record_session(event: Event) -> None:
    """`<guard>/sessions/<session id>`: where the conversation is. The newest file is the current session."""
    transcript, cwd = event.payload.first("transcript_path"), event.payload.first("cwd")
    if not is_transcript(transcript, event.session):
        append_log(event.state_dir, f"hook {event.name}: transcript path refused: not a plain file of this session")
        transcript = ""
    folder = private_dir(f"{event.guard_dir}/{SESSIONS}")
    pairs: dict[str, object] = {"transcript": transcript, "cwd": cwd, "started_utc": f"{time.time():.3f}"}
    write_pairs(f"{folder}/{event.session}", pairs)
    _register(event)


def _register(event: Event) -> None:
    """Whose session this is, for whoever comes when all of it is gone; a failure is no concern of this one."""
    try:
        client = identity.identify(event.client_pid)
        if client:
            add_client(event.pairs["runtime"], event.session, client)
    except (OSError, HostError) as error:
        append_log(event.state_dir, f"session not registered: {error}")


def is_transcript(path: str, session: str) -> bool:
    """Whether `path` can be this session's transcript: `<config folder>/projects/<slug>/<session>.jsonl`, no link.

    Whether it lies in the client's own folder is judged again, and strictly, by the capture that reads it.
    """
    folder, name = os.path.split(path)
    inside = os.path.basename(os.path.dirname(folder)) == "projects" and os.path.isabs(path)
    plain = not os.path.lexists(path) or (os.path.isfile(path) and not os.path.islink(path))
    return name == f"{session}.jsonl" and inside and plain and ".." not in path.split("/")


def _owed_ticket(event: Event) -> str:
    """The ticket whose relaunch this very process is, while its handoff is unclaimed; else empty."""
    relaunch = read_pairs(f"{event.guard_dir}/{RELAUNCH}")
    client = identity.identify(event.client_pid)
    if not relaunch or client is None or relaunch.get("client") != client.to_text():
        return ""
    ticket = relaunch.get("ticket", "")
    owed = is_plain_id(ticket) and os.path.exists(f"{event.guard_dir}/{HANDOFF}/{ticket}.facts.json")
    return ticket if owed and event.payload.first("source") in ("resume", "startup") else ""


def _claim(event: Event, ticket: str) -> "dict[str, object]":
    """Run the handoff worker and pass its one document on; a failure costs the digest, never the session."""
    source = event.payload.first("source")
    command = [event.pairs["python"], "-I", "-m", "memguard.handoff.claim", "--guard", event.guard_dir]
    done = subprocess.run(
        [*command, "--ticket", ticket, "--source", source, *_summariser(event)],
        env=hook_environment(dict(os.environ), event.pairs),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_CLAIM_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        append_log(event.state_dir, f"handoff {ticket}: {done.stderr.decode('utf-8', 'replace')[-300:]}")
        return {}
    answer: dict[str, object] = json.loads(done.stdout or b"{}")
    return answer


def _summariser(event: Event) -> "list[str]":
    """It names code to be run: what was compiled for the project has a say, and not what lies in the guard's folder."""
    name = read_pairs(f"{event.project_dir}/{COMPILED}").get("summariser", "")
    return ["--state", event.state_dir, "--summariser", name] if name else []
