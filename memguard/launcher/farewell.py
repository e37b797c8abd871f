"""What the person reads when their client died and no restart follows."""

import json
import os
import signal

from memguard.core.layout import SESSIONS, STATUS, is_plain_id


def farewell(guard_dir: str, signal_number: int) -> str:
    """Two lines: what happened with the newest snapshot, and the command that takes the session up again."""
    name = signal.Signals(signal_number).name if signal_number in set(signal.Signals) else str(signal_number)
    snapshot = _snapshot(guard_dir) or "none was taken"
    session = _session(guard_dir)
    resume = f"memguard run -- --resume {session}" if session else "memguard run -- --continue"
    return f"memguard: the client died by {name}; snapshot: {snapshot}\n  take the session up again: {resume}\n"


def _snapshot(guard_dir: str) -> str:
    try:
        with open(f"{guard_dir}/{STATUS}", encoding="utf-8") as file:
            snapshot = json.load(file).get("snapshot", "")
    except (OSError, ValueError, AttributeError):
        return ""
    return snapshot if isinstance(snapshot, str) and is_plain_id(snapshot) else ""


def _session(guard_dir: str) -> str:
    folder = f"{guard_dir}/{SESSIONS}"
    try:
        names = [name for name in os.listdir(folder) if is_plain_id(name)]
        return max(names, key=lambda name: os.stat(f"{folder}/{name}").st_mtime, default="")
    except OSError:
        return ""
