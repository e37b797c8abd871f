"""Which session a guard's client has now: the newest of the records that its hooks left."""

import os

from memguard.core.layout import SESSIONS, is_plain_id


def newest_session(guard_dir: str) -> str:
    """The session id whose record is the newest, since an id can change under one client (`/clear`); empty for none."""
    folder = f"{guard_dir}/{SESSIONS}"
    try:
        names = [name for name in os.listdir(folder) if is_plain_id(name)]
    except OSError:
        return ""
    return max(names, key=lambda name: _changed_ns(f"{folder}/{name}"), default="")


def _changed_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0  # removed meanwhile: the guard ends
