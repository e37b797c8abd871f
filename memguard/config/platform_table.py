"""Which of the tables `[platform.linux]`, `[platform.darwin]` and `[platform.windows]` counts here."""

import sys

PLATFORM = "platform"
_TABLES = {"linux": "linux", "darwin": "darwin", "win32": "windows"}


def all_platforms() -> list[str]:
    """The names of all, this machine's first; empty stands for the platforms that have none."""
    here = platform_table()
    return [here, *(name for name in (*_TABLES.values(), "") if name != here)]


def platform_table() -> str:
    """The name of this machine's; empty on a platform that has none."""
    return _TABLES.get(sys.platform, "")
