"""The snapshots of the project of the working directory."""

import os

from memguard.config.dirs import state_dir
from memguard.core.layout import project_key, project_root
from memguard.state.store import Store


def project_store() -> Store:
    """It need not exist yet, nor the project be opted in."""
    return Store(state_dir(), project_key(project_root(os.getcwd())))
