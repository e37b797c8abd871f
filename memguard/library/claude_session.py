"""Which Claude Code session runs in a process's tree: a program of the Agent SDK starts its client as a child."""

from __future__ import annotations

import os
from dataclasses import dataclass

from memguard.core.errors import StateError
from memguard.core.identity import ProcessId
from memguard.core.layout import is_plain_id
from memguard.host import current, identity
from memguard.host.client_process import ClientProcess, find_client
from memguard.state.resumable import client_folder


@dataclass(frozen=True)
class ClaudeSession:
    """A client in the tree; `transcript` is where its conversation should be, written or not."""

    client: ProcessId
    session_id: str
    cwd: str
    transcript: str


def session_in_tree(pid: int) -> ClaudeSession | None:
    """The session of the first registered client in the tree of `pid`, itself included; None where there is none."""
    tree = current.read_tree(pid)
    clients = filter(None, (find_client(process.pid) for process in tree.processes))
    found = (_session(client) for client in clients if client.is_registered)
    return next(filter(None, found), None)


def _session(client: ClientProcess) -> ClaudeSession | None:
    """By the client's own registry entry (undocumented, so everything in it is checked)."""
    session_id, cwd = client.entry("sessionId"), client.entry("cwd") or client.cwd
    if not is_plain_id(session_id) or not os.path.isabs(cwd) or not identity.is_alive(client.who):
        return None
    try:
        folder = client_folder(client.config_dir, cwd)
    except StateError:
        folder = ""  # the client has cut the folder's name: the conversation is left out of the snapshot
    transcript = os.path.join(folder, f"{session_id}.jsonl") if folder else ""
    return ClaudeSession(client.who, session_id, cwd, transcript)
