"""memguard's two folders of this user, made where they are missing."""

import warnings

import platformdirs

from memguard.core.own_folder import own_folder


def state_dir() -> str:
    """The folder of what lasts, 0700. Raises StateError where it can't be this user's alone."""
    return own_folder(platformdirs.user_state_dir("memguard", appauthor=False))


def runtime_dir() -> str:
    """The folder of what is live, 0700, gone at reboot. Raises StateError where it can't be this user's alone."""
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR it says so on stderr, once for each command; `own_folder` is what makes it safe.
        warnings.simplefilter("ignore")
        path = platformdirs.user_runtime_dir("memguard", appauthor=False)
    return own_folder(path)
