"""The default restart policy, compiled."""

PAIRS = {
    "max_attempts": "3",
    "attempt_window_s": "3600",
    "initial_cooldown_s": "30",
    "max_cooldown_s": "300",
    "cooldown_multiplier": "2",
    "graceful_timeout_s": "30",
    "force_kill_timeout_s": "10",
    "boundary_timeout_s": "120",
    "typing_quiet_s": "30",
}
