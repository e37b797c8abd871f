"""A session without a guard gets one, and a guard without a launcher its watchdog back: by starting a process."""

import os

from memguard.core.identity import ProcessId
from memguard.core.layout import ENDED, GUARD, guard_dir, private_dir, read_pairs
from memguard.core.spawn import hook_environment, start_detached, start_watchdog_command
from memguard.gate import Event
from memguard.host import identity
from memguard.host.containment.leaving import leave_group


def see_to_watchdog(event: Event) -> None:
    """Give a session without a guard one, and a guard without launcher its watchdog back.

    Where a launcher lives, the watchdog is its child and its business.
    """
    if not event.guard_id:
        event.guard_id = plain_guard_id(event.client_pid)
        event.guard_dir = private_dir(guard_dir(event.pairs["runtime"], event.guard_id))
    elif _has_launcher(event.guard_dir) or os.path.exists(f"{event.guard_dir}/{ENDED}"):
        return
    _start_watchdog(event)


def plain_guard_id(client_pid: int) -> str:
    """The guard of a client that no launcher started: named after the process, so that two hooks agree on it."""
    client = identity.identify(client_pid)
    ticks = client.start_ticks if client else 0
    return f"{client_pid:08x}{ticks & 0xFFFFFFFF:08x}"


def _has_launcher(guard: str) -> bool:
    launcher = read_pairs(f"{guard}/{GUARD}").get("launcher", "")
    return bool(launcher) and identity.is_alive(ProcessId.from_text(launcher))


def _start_watchdog(event: Event) -> None:
    """A second one that finds the guard's lock taken leaves at once, so there is never more than one."""
    client = identity.identify(event.client_pid)
    if client is None:
        return
    python = event.pairs["python"]
    command = start_watchdog_command(python, event.guard_dir, event.state_dir, event.key, client.to_text())
    start_detached(command, hook_environment(dict(os.environ), event.pairs), leave_group)
