"""A folder that this user alone can have filled, made where it is missing; else one line with the mend."""

import os

from memguard.core.errors import StateError
from memguard.core.layout import private_dir
from memguard.core.log import printable

_KIND, _FOLDER, _LINK = 0o170000, 0o040000, 0o120000


def own_folder(path: str) -> str:
    """Make `path` a folder of 0700 of this user's and return it.

    Raises StateError for a link, a file, another user's folder, one that others may write to (what is in it may be
    theirs, so closing it would not be enough), and one below a folder in which others could swap it.
    """
    try:
        _check_open(path)
        private_dir(path)
        _check_parent(os.path.dirname(path))
    except PermissionError:
        what, next_step = _whose(path)
        raise StateError(f"{_shown(path)} {what}", next_step) from None
    except FileExistsError:
        raise StateError(f"{_shown(path)} is not a folder", "remove it") from None
    except OSError as error:
        raise StateError(
            f"{_shown(path)} can't be made: {error.strerror}", "check the disk and the folder's permissions"
        ) from None
    return path


def _check_open(path: str) -> None:
    """Readable by others is mended in silence, since nothing in it is; writable is for the person to look at."""
    if os.name != "posix":
        return
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if status.st_mode & _KIND == _FOLDER and status.st_uid == os.geteuid() and status.st_mode & 0o022:
        raise StateError(
            f"others may write to {_shown(path)}, so what is in it may be theirs",
            f"see whether all in it is yours, then: chmod 700 '{_shown(path)}'",
        )


def _check_parent(parent: str) -> None:
    """Whoever owns the parent can put another folder in place of ours, at any time later.

    It matters without a runtime folder of the system's, where `/tmp/runtime-<uid>` is taken instead.
    """
    if os.name != "posix":
        return
    status = os.stat(parent)
    is_open = status.st_mode & 0o002 and not status.st_mode & 0o1000
    if status.st_uid not in (0, os.geteuid()) or is_open:
        raise StateError(
            f"{_shown(parent)} belongs to another user, or others may write to it", "remove it, or correct its owner"
        )


def _whose(path: str) -> tuple[str, str]:
    """What is wrong with a folder that can't be ours, and what to do about it."""
    try:
        status = os.lstat(path)
    except OSError:
        return "can't be made here: permission denied", "check who owns the folder above"
    if status.st_mode & _KIND == _LINK:
        return "is a link, not a folder", "put the folder itself in the link's place"
    if status.st_uid != os.geteuid():
        return "belongs to another user", "have its owner remove it"
    return "can't be used: permission denied", "check the permissions of the folders above"


def _shown(path: str) -> str:
    return printable(path, 300)
