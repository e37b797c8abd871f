"""Whether a path stays in a folder once its links are followed."""

import os


def is_inside(path: str, folder: str) -> bool:
    """Whether `path`, which need not exist, really lies in `folder`."""
    real, boundary = os.path.realpath(path), os.path.realpath(folder)
    try:
        return os.path.commonpath([real, boundary]) == boundary
    except ValueError:  # two drives of Windows
        return False
