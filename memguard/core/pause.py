"""The person's pause: until when memguard is to take no action."""

import time

from memguard.core.layout import PAUSE, read_pairs

FOR_EVER = "for ever"


def is_paused(guard_dir: str, project_dir: str) -> bool:
    """Whether the person paused this guard or its project, and the pause is not over."""
    for path in (f"{guard_dir}/{PAUSE}", f"{project_dir}/{PAUSE}"):
        until = read_pairs(path).get("until_utc", "")
        if until == FOR_EVER or _number(until) > time.time():
            return True
    return False


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
