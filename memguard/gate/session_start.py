"""SessionStart: remember which conversation a client has, tidy up after dead ones, give a restarted one its handoff."""

import os
import time

from memguard.core.errors import HostError
from memguard.core.layout import (
    SESSIONS,
    private_dir,
    write_pairs,
)
from memguard.core.log import append_log
from memguard.core.session_clients import add_client
from memguard.gate import Event, captures, log
from memguard.gate.handoff import claim, owed_ticket
from memguard.gate.leftovers import tidy_up
from memguard.host import identity


def begin(event: Event) -> "dict[str, object]":
    """Record the session; answer with the handoff where this client was started for one, else capture."""
    if not event.session:
        return {}
    record_session(event)
    line = tidy_up(event)
    ticket = owed_ticket(event)
    if ticket:
        return _with_line(claim(event, ticket), line)
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
        log(event, "transcript path refused: not a plain file of this session")
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
