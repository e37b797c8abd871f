"""A session of `memguard run` or `memguard watch`: its own watchdog restarts it, and a program may ask for that."""

from __future__ import annotations

from memguard.cli.live import LiveGuard, live_guards
from memguard.cli.restart import ask_for_restart


def guarded_session(pid: int) -> LiveGuard | None:
    """The guard whose client is `pid`; None where nobody guards it."""
    return next((guard for guard in live_guards() if guard.client.pid == pid), None)


def request_restart(guard: LiveGuard) -> None:
    """Ask its watchdog for a restart at the next turn boundary. Raises ClientError with the reason where it won't."""
    ask_for_restart(guard)


__all__ = ["guarded_session", "request_restart"]
