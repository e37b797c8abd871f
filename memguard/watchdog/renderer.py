"""Whether a killed client was still starting its fullscreen renderer.

A client that is killed within some 18 s of its start leaves `fullscreenBootPending` behind, and the next one falls back
to the classic renderer, which took 4 GB instead of 0.6 for the same 30 MB of text: a guard that kills a young client
would bring back a much hungrier one.
"""

import os

from memguard.core import light_json as json

# The client's state file; it is read after a forced kill only.
_MOST_BYTES = 16 * 1024 * 1024


def is_boot_pending(config_dir: str, client_pid: int) -> bool:
    """Whether the client's own state says that this process had not finished starting its renderer."""
    moved = f"{config_dir}/.claude.json"  # where CLAUDE_CONFIG_DIR is set
    path = moved if os.path.exists(moved) else f"{os.path.dirname(config_dir)}/.claude.json"
    try:
        with open(path, "rb") as file:
            state = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError):
        return False
    pending = state.get("fullscreenBootPending") if isinstance(state, dict) else None
    return isinstance(pending, dict) and str(client_pid) in pending
