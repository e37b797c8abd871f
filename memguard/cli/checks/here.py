"""What the host offers: platform, interpreter, and the mechanisms that readings, signals and containment rest on."""

import os
import platform
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable

from memguard.cli.checks.check import FAIL, FIXTURE_ONLY, NEVER_RUN, OK, RUN_HERE, RUN_IN_PART, WARN, Check
from memguard.core.units import format_size
from memguard.host import helper, identity, pressure
from memguard.host.containment import base

_OLDEST_PYTHON = (3, 11)
_RUN_WHOLE = (base.CGROUP_V1, base.SUBREAPER, base.PROCESS_TREE)
_TMUX_TIMEOUT_S = 3.0


def _platform() -> Check:
    name = f"{platform.system()} {platform.release()}, {platform.machine()}"
    if sys.platform != "linux":
        return Check(FAIL, f"{name}: memguard does nothing here yet", "run it on Linux", NEVER_RUN)
    is_tried = platform.machine() in ("x86_64", "AMD64")
    return Check(OK, name, label=RUN_HERE) if is_tried else Check(WARN, name, "report what doesn't work", NEVER_RUN)


def _python() -> Check:
    name = f"{platform.python_version()}, {sys.executable}"
    is_enough = sys.version_info[:2] >= _OLDEST_PYTHON
    return Check(OK, name) if is_enough else Check(FAIL, name, "install Python 3.11 or later, and memguard with it")


def _containment() -> Check:
    """The very choice that `memguard run` would make, tried and undone."""
    if sys.platform != "linux":
        return Check(WARN, "none is tried on this platform", label=NEVER_RUN)
    from memguard.host.containment.choice import take_up

    folder = tempfile.mkdtemp(prefix="memguard-doctor-")
    try:
        found = take_up(folder, _wanted(), identity.identify(os.getpid()))
        label = label_of(found)
        found.remove()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Check(OK, found.name + (f" (no better one: {found.why})" if found.why else ""), label=label)


def label_of(containment: base.Containment) -> str:
    """How far a mechanism was run. Whether a scope reports memory is known once its first client is in it."""
    from memguard.host.containment.cgroup_v2 import CgroupV2

    if isinstance(containment, CgroupV2):
        may_report = containment.mechanism == base.SYSTEMD_SCOPE or containment.has_memory()
        return RUN_IN_PART if may_report else RUN_HERE
    return RUN_HERE if containment.mechanism in _RUN_WHOLE else NEVER_RUN


def _wanted() -> str:
    """What this project's compiled configuration, or else the default, says."""
    from memguard.config import dirs
    from memguard.core.layout import COMPILED, opted_in_key, project_dir, read_pairs

    state_dir = dirs.state_dir()
    key = opted_in_key(os.getcwd(), state_dir)
    return read_pairs(f"{project_dir(state_dir, key)}/{COMPILED}").get("containment", "auto") if key else "auto"


def _psi() -> Check:
    now = pressure.read_pressure()
    if now.psi_full_avg10 < 0:
        return Check(WARN, "the kernel tells no pressure", "a shortage is judged by MemAvailable alone", RUN_HERE)
    return Check(OK, f"full {now.psi_full_avg10:g} % of the last 10 s", label=RUN_HERE)


def _swap() -> Check:
    now = pressure.read_pressure()
    if now.swap_total_bytes <= 0:
        return Check(OK, "none: nothing can be hidden in it", label=RUN_HERE)
    free, total = format_size(now.swap_free_bytes), format_size(now.swap_total_bytes)
    return Check(OK, f"{free} of {total} free; what is in it counts", label=FIXTURE_ONLY)


def _pidfd() -> Check:
    try:
        descriptor = os.pidfd_open(os.getpid())
        signal.pidfd_send_signal(descriptor, 0)
        os.close(descriptor)
    except (OSError, AttributeError):
        lost = "a process that ends at the wrong moment is told apart by its start time only"
        return Check(
            WARN, f"not to be had: {lost}", "use Linux 5.3 or later, or allow the call in the sandbox", RUN_HERE
        )
    return Check(OK, "signals reach the process that was meant, or nobody", label=RUN_HERE)


def _tmux() -> Check:
    program = shutil.which("tmux")
    if program is None:
        return Check(OK, "not installed; sessions outside it are restarted only under `memguard run`")
    answer = helper.ask([program, "-V"], {"PATH": os.defpath}, _TMUX_TIMEOUT_S)
    where = "this is a pane" if os.environ.get("TMUX_PANE") else "this is no pane"
    return Check(OK, f"{answer.text.strip()}, {where}; a client in a pane is restarted there", label=RUN_HERE)


def _health() -> Check:
    """The disks that a session needs room on, by the limits that are set here."""
    from memguard.config import dirs
    from memguard.config.load import load_config
    from memguard.core.host_settings import HealthLimits
    from memguard.guard.health import HealthJudge
    from memguard.host.capacity import capacity_bytes
    from memguard.host.health import read_disk

    wanted = load_config(os.getcwd(), capacity_bytes(), os.environ).config.health
    folders = {"snapshots": dirs.state_dir(), "the project": os.getcwd(), "temporary files": tempfile.gettempdir()}
    disks = [read_disk(what, path) for what, path in folders.items()]
    limits = HealthLimits(wanted.disk_free * 1024 * 1024, wanted.disk_usage_percent or 0.0)
    found = [finding.what for finding in HealthJudge(limits).look(disks, -1.0, -1.0)]
    if found:
        return Check(WARN, "; ".join(found), "make room, or set [health] disk_free", RUN_HERE)
    least = min((disk.free_bytes for disk in disks), default=0)
    return Check(OK, f"{format_size(least)} or more free for {', '.join(folders)}", label=RUN_HERE)


HOST_CHECKS: dict[str, Callable[[], Check]] = {
    "platform": _platform,
    "python": _python,
    "containment": _containment,
    "pressure": _psi,
    "swap": _swap,
    "health": _health,
    "pidfd": _pidfd,
    "tmux": _tmux,
}
