"""Compiling once what stays resident, so that no watchdog or launcher has to do it in its own memory."""

import os
import shutil
import subprocess
import sys

from memguard import __version__
from memguard.core.layout import private_dir, write_atomic
from memguard.core.spawn import resident_python

_PACKAGES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_IMPORT = "import sys; sys.path.insert(0, sys.argv[1]); import memguard.launcher.session, memguard.watchdog.loop"
# It takes 0.4 s here; where it fails, each start compiles for itself, and stays 2 MiB larger.
_TIMEOUT_S = 30


def prepare_byte_code(state_dir: str) -> None:
    """Do it where this version has not been compiled for this interpreter yet."""
    folder = f"{state_dir}/pycache"
    marker = f"{folder}/memguard-{__version__}-{sys.implementation.cache_tag}"
    if os.path.exists(marker):
        return
    command = [*resident_python(sys.executable, state_dir), "-c", _IMPORT, _PACKAGES]
    try:
        private_dir(folder)
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
        if done.returncode == 0:
            write_atomic(marker, b"")
    except (OSError, subprocess.TimeoutExpired):
        return


def remove_byte_code(state_dir: str) -> None:
    """The next `init` or `run`, of whichever project, makes it again."""
    shutil.rmtree(f"{state_dir}/pycache", ignore_errors=True)
