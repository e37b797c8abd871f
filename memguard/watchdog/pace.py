"""How long the watchdog may look away: by the headroom, and never longer than the settings say."""

from memguard.core.settings import Settings
from memguard.core.thresholds import EMERGENCY, NORMAL
from memguard.watchdog.subject import Subject

# Touching fresh pages, one core fills about this much a second: the next reading comes when half of what is left of
# the headroom could be gone.
_FILL_BYTES_PER_S = 1 << 30
_SHORTEST_S = 0.1
# Where a decision may be due soon, the trend needs readings.
_STARTING_S = 0.5
_OVER_LIMIT_S = 1.0


def pause_s(subject: Subject, settings: Settings) -> float:
    """Seconds until the next reading."""
    longest_s = settings.interval_s[subject.state]
    if subject.state == EMERGENCY:
        return min(longest_s, _STARTING_S)  # no headroom is left to go by, and acting may not be allowed
    if subject.is_starting:
        longest_s = min(longest_s, _STARTING_S)
    elif subject.state != NORMAL:
        longest_s = min(longest_s, _OVER_LIMIT_S)
    headroom_bytes = settings.thresholds.headroom_bytes(subject.confirmed_bytes)
    return max(_SHORTEST_S, min(longest_s, headroom_bytes / _FILL_BYTES_PER_S / 2))
