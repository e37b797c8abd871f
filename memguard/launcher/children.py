"""What the two children of a launcher are started with: the client's environment, and the watchdog away from it."""

import os

from memguard.core.layout import COMPILED, read_pairs
from memguard.core.spawn import start_watchdog_command, unmarked, watchdog_environment
from memguard.launcher.waiting_client import DEFAULT_AGAIN

# The client's own, undocumented variables: continue the interrupted turn instead of waiting for a prompt, and keep the
# cut-off call in the conversation with the result "its outcome is unknown" instead of dropping it.
_CARRY_ON = ("CLAUDE_CODE_RESUME_INTERRUPTED_TURN", "CLAUDE_CODE_RESUME_SHOWS_CUT_OFF_CALLS")
# Named in the client's own message about its fallback to the classic renderer.
_FULLSCREEN = "CLAUDE_CODE_NO_FLICKER"


def client_environment(own: dict[str, str], carries_on: bool, keeps_renderer: bool) -> dict[str, str]:
    """The person's variables without what another client may have left in them, and what a relaunch adds."""
    variables = unmarked(own)
    for name in _CARRY_ON:
        variables.pop(name, None)
    if carries_on:
        variables |= dict.fromkeys(_CARRY_ON, "1")
    if keeps_renderer:
        variables[_FULLSCREEN] = "1"
    return variables


def start_watchdog(python: str, guard_dir: str, state_dir: str, key: str) -> int:
    """Start the watchdog in a process session of its own, with nothing of the terminal; returns its pid."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        return os.posix_spawn(
            python,
            start_watchdog_command(python, guard_dir, state_dir, key),
            watchdog_environment(dict(os.environ), read_pairs(f"{guard_dir}/{COMPILED}")),
            file_actions=[(os.POSIX_SPAWN_DUP2, null, target) for target in (0, 1, 2)],
            setsigdef=DEFAULT_AGAIN,
            setsid=True,
        )
    finally:
        os.close(null)
