"""memguard's two folders of this user, made where they are missing."""

import os
import stat
import warnings

import platformdirs

from memguard.config.shown import shown
from memguard.core.errors import StateError
from memguard.core.layout import private_dir


def state_dir() -> str:
    """The folder of what lasts, 0700. Raises StateError where it can't be this user's alone."""
    return own_dir(platformdirs.user_state_dir("memguard", appauthor=False))


def runtime_dir() -> str:
    """The folder of what is live, 0700, gone at reboot. Raises StateError where it can't be this user's alone."""
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR it says so on stderr, once for each command; `_check_parent` is what makes it safe.
        warnings.simplefilter("ignore")
        path = platformdirs.user_runtime_dir("memguard", appauthor=False)
    return own_dir(path)


def own_dir(path: str) -> str:
    """Make `path` a private folder of this user and return it; StateError with the reason where it can't be."""
    try:
        private_dir(path)
        _check_parent(os.path.dirname(path))
    except PermissionError:
        raise StateError(f"{shown(path)} {_whose(path)}", "remove it, or have its owner remove it") from None
    except FileExistsError:
        raise StateError(f"{shown(path)} is not a folder", "remove it") from None
    except OSError as error:
        raise StateError(
            f"{shown(path)} can't be made: {error.strerror}", "check the disk and the folder's permissions"
        ) from None
    return path


def _check_parent(parent: str) -> None:
    """Whoever owns the parent can put another folder in place of ours, at any time later.

    It matters without a runtime folder of the system's, where `/tmp/runtime-<uid>` is taken instead.
    """
    if os.name != "posix":
        return
    status = os.stat(parent)
    open_to_others = status.st_mode & 0o002 and not status.st_mode & stat.S_ISVTX
    if status.st_uid not in (0, os.geteuid()) or open_to_others:
        raise StateError(
            f"{shown(parent)} belongs to another user, or others may write to it", "remove it, or correct its owner"
        )


def _whose(path: str) -> str:
    try:
        status = os.lstat(path)
    except OSError:
        return "can't be made here: permission denied"
    if stat.S_ISLNK(status.st_mode):
        return "is a link, not a folder"
    return "belongs to another user" if status.st_uid != os.geteuid() else "can't be used: permission denied"
