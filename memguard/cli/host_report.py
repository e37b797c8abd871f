"""What all guarded sessions of this host hold together, and what the host has left."""

import time

from memguard.cli.live import LiveGuard
from memguard.config import dirs
from memguard.core.errors import ClientError
from memguard.core.layout import VICTIM
from memguard.core.reading import TreeReading
from memguard.core.units import format_size
from memguard.host import current
from memguard.host.pressure import read_pressure
from memguard.watchdog.host_claim import read_claim
from memguard.watchdog.nesting import guarded_clients, own_processes


def host_report(guards: list[LiveGuard]) -> dict[str, object]:
    """Sizes in bytes and PSI in percent; None where the host doesn't say. `victim` is a guard's id, or empty."""
    pressure = read_pressure()
    return {
        "sessions": len(guards),
        "total_bytes": total_bytes(guards),
        "budget_bytes": _budget_bytes(guards),
        "memory_bytes": _known(pressure.total_bytes),
        "available_bytes": _known(pressure.available_bytes),
        "swap_free_bytes": _known(pressure.swap_free_bytes),
        "psi_some_avg10": _known(pressure.psi_some_avg10),
        "psi_full_avg10": _known(pressure.psi_full_avg10),
        "victim": _victim(guards),
    }


def total_bytes(guards: list[LiveGuard]) -> int:
    """Read now; a session that runs inside another counts once."""
    clients = guarded_clients(dirs.runtime_dir())
    trees = [current.read_tree(guard.client.pid) for guard in guards]
    return sum(TreeReading(own_processes(tree, clients)).footprint_bytes for tree in trees)


def shown_host(host: dict[str, object]) -> str:
    """One line, two where PSI is known."""
    count = host["sessions"]
    held = f"{'1 session holds' if count == 1 else f'{count} sessions hold'} {_size(host['total_bytes'])}"
    if host["budget_bytes"]:
        held += f" of {_size(host['budget_bytes'])}"
    if host["available_bytes"] is not None:
        held += f"; {_size(host['available_bytes'])} of {_size(host['memory_bytes'])} available"
    lines = [f"host  {held}"]
    if host["psi_some_avg10"] is not None:
        full = "" if host["psi_full_avg10"] is None else f", all of them for {host['psi_full_avg10']:.0f} %"
        lines.append(f"  pressure   some process waited for memory for {host['psi_some_avg10']:.0f} % of 10 s{full}")
    return "\n".join(lines)


def _budget_bytes(guards: list[LiveGuard]) -> int:
    """The smallest that any session goes by: whoever finds too much acts; 0 where none has one."""
    return min((budget for guard in guards if (budget := _budget_of(guard)) > 0), default=0)


def _budget_of(guard: LiveGuard) -> int:
    try:
        return guard.settings().host_budget_bytes
    except ClientError:
        return 0  # its project was opted out


def _victim(guards: list[LiveGuard]) -> str:
    """The guard that the sessions have agreed on, as long as its claim may stand."""
    claim = read_claim(f"{dirs.runtime_dir()}/{VICTIM}")
    is_here = any(guard.guard_id == claim.guard_id for guard in guards)
    return claim.guard_id if is_here and claim.is_current(time.monotonic()) else ""


def _known(value: float) -> float | None:
    return None if value < 0 else value


def _size(value: object) -> str:
    return format_size(float(str(value)))
