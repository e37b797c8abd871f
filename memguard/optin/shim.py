"""The small `hook` program in the state folder, which the shared settings of a project call."""

import os
import shlex

from memguard.core.layout import remove, write_atomic
from memguard.optin.events import EVENTS, Installation

NAME = "hook"


def shim_text(installation: Installation) -> str:
    """A script for `sh`: it runs one of memguard's hooks, and exits 0 silently where memguard has gone."""
    python, folder = shlex.quote(installation.python), shlex.quote(installation.scripts_dir)
    names = "|".join(event.script for event in EVENTS)
    return f"""#!/bin/sh
# Written by `memguard init`; the hooks of a project's shared settings end up here.
case "$1" in {names}) ;; *) exit 0 ;; esac
python={python}
script={folder}/"$1".py
[ -x "$python" ] && [ -f "$script" ] || exit 0
exec "$python" -I -S "$script" {shlex.quote(installation.state_dir)}
"""


def write_shim(installation: Installation) -> str:
    """Write the shim, mode 0700, and return its path."""
    path = os.path.join(installation.state_dir, NAME)
    write_atomic(path, shim_text(installation).encode())
    os.chmod(path, 0o700)
    return path


def remove_shim(state_dir: str) -> bool:
    """Remove the shim; False where there was none."""
    return remove(os.path.join(state_dir, NAME))
