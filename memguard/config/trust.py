"""Which project file the person trusts: its path and the SHA-256 of its bytes, in their own state folder.

`memguard config trust` records it. Trust is for the bytes that were shown, so a file that has changed by one is not
trusted, and that it ever was is forgotten: changing it back does not bring it back.
"""

import os
import time
from dataclasses import replace

import platformdirs

from memguard.config.dirs import state_dir
from memguard.config.layer import Layer
from memguard.config.shown import shown
from memguard.core.errors import StateError
from memguard.core.layout import private_dir, project_dir, project_key, read_pairs, remove, write_pairs

_TRUST = "trust"  # pairs: path, sha256, trusted_utc


def with_trust(root: str, project: Layer) -> tuple[Layer, str]:
    """The project's layer, trusted where the person does, and a line where they did and it has changed since."""
    record = read_pairs(_path(root)) if _is_folder_own() else {}
    if not record:
        return project, ""
    if project.sha256 and record.get("path") == project.source and record.get("sha256") == project.sha256:
        return replace(project, is_trusted=True), ""
    return project, _forgotten(root, record.get("path") or project.source)


def record_trust(root: str, project: Layer) -> None:
    """Trust the bytes that `project` was read from. StateError where it can't be written."""
    path = os.path.join(project_dir(state_dir(), project_key(root)), _TRUST)
    pairs: dict[str, object] = {
        "path": project.source,
        "sha256": project.sha256,
        "trusted_utc": f"{time.time():.0f}",
    }
    try:
        private_dir(os.path.dirname(path))
        write_pairs(path, pairs)
    except ValueError:
        raise StateError("the project's path holds a line break or is not UTF-8", "move the project") from None
    except OSError as error:
        raise _unwritable(path, error) from None


def forget_trust(root: str) -> bool:
    """Trust no file of this project any more; False where none was. StateError where that can't be written."""
    path = _path(root)
    try:
        return _is_folder_own() and remove(path)
    except OSError as error:
        raise _unwritable(path, error) from None


def _forgotten(root: str, path: str) -> str:
    what = f"{shown(path)} was trusted, and has changed since: it may only tighten again"
    try:
        forget_trust(root)
    except StateError as error:
        return f"{what} ({error.what})"  # nothing is lost: the digest doesn't fit
    return what


def _is_folder_own() -> bool:
    """Not made only to look into it; and what others may write to says nothing about whom this person trusts."""
    if not os.path.isdir(_state_path()):
        return False
    try:
        state_dir()
    except StateError:
        return False
    return True


def _state_path() -> str:
    return platformdirs.user_state_dir("memguard", appauthor=False)


def _path(root: str) -> str:
    return os.path.join(project_dir(_state_path(), project_key(root)), _TRUST)


def _unwritable(path: str, error: OSError) -> StateError:
    return StateError(f"{shown(path)} can't be written: {error.strerror}", "check the disk and permissions")
