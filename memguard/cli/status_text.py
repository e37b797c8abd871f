"""`memguard status` as text; whatever comes from outside is cleaned for the terminal."""

from memguard.cli.plugin_state import failure_text
from memguard.core.degradation import EMERGENCY, READ_ONLY, WARNING
from memguard.core.log import printable
from memguard.core.units import format_age, format_size

_LONGEST_NAME = 60
_REDUCED = {
    WARNING: "looked at more often",
    READ_ONLY: "tools that write or take memory are denied",
    EMERGENCY: "only tools that read are carried out",
}


def shown(report: dict[str, object]) -> str:
    """One block for one guard."""
    return _opted_out(report) if report["opted_out"] else _opted_in(report)


def _opted_out(r: dict[str, object]) -> str:
    return (
        f"session {r['session'] or '(not begun)'}  client pid {r['client_pid']}\n"
        f"  footprint  {_size(r['footprint_bytes'])} in {_processes(r['processes'])}\n"
        "  note       its project was opted out: it is no longer guarded"
    )


def _opted_in(r: dict[str, object]) -> str:
    lines = [
        f"session {r['session'] or '(not begun)'}  client pid {r['client_pid']}  {printable(str(r['project']), 200)}",
        f"  footprint  {_size(r['footprint_bytes'])} in {_processes(r['processes'])}: {r['state']}",
        *_parts(r["parts"]),
        f"  limits     warning {_size(r['warning_bytes'])}, critical {_size(r['critical_bytes'])}, emergency "
        + _size(r["emergency_bytes"]),
        f"  restarts   {_restarts(r)}",
        *_degradation(r["degradation"]),
        f"  snapshot   {_snapshot(r)}",
        f"  guard      mode {r['mode']}, watchdog {'alive' if r['watchdog'] else 'NOT RUNNING'}",
        f"  held by    {printable(str(r['containment']), 160)}",
        *_plugins(r.get("plugins")),
        *_told("kernel", r.get("kernel_limits")),
        *_told("health", r.get("health")),
        *_notes(r),
    ]
    return "\n".join(lines)


def _parts(parts: object) -> list[str]:
    """What the watchdog last saw it divided into, largest first."""
    found = parts if isinstance(parts, list) else []
    labels = [f"  {'parts' if number == 0 else '':9}" for number in range(len(found))]
    return [f"{label}  {_part(part)}" for label, part in zip(labels, found, strict=True)]


def _plugins(plugins: object) -> list[str]:
    """Those that are called in one line, each that was disabled in one of its own; none enabled, none shown."""
    found = plugins if isinstance(plugins, list) else []
    called = [str(plugin["name"]) for plugin in found if not plugin["failed_in"]]
    lines = [f"  plugins    {', '.join(called)}"] if called else []
    return lines + [f"  plugin     {plugin['name']}: {failure_text(plugin)}" for plugin in found if plugin["failed_in"]]


def _told(label: str, texts: object) -> list[str]:
    """A line for each; nothing where there is nothing to tell."""
    return [f"  {label:9}  {text}" for text in texts] if isinstance(texts, list) else []


def _part(part: dict[str, object]) -> str:
    """`tool    Bash: 1.2 GB of 2.0 GB`; the client, which is the only one of its kind, needs no name."""
    kind, name = str(part["kind"]), str(part["name"])
    budget = f" of {_size(part['budget_bytes'])}" if part["budget_bytes"] else ""
    label = kind if name in ("", kind) else f"{kind:6} {name}"
    return f"{printable(label, _LONGEST_NAME)}: {_size(part['footprint_bytes'])}{budget}"


def _restarts(r: dict[str, object]) -> str:
    """`1 of 3, 2 of 12 on this host; not now: cooling down for another 12 s`."""
    found = r["protection"]
    if not isinstance(found, dict):
        return f"{r['restarts']} of {r['max_attempts']}"
    counts = f"{found['attempts']} of {found['max_attempts']}, {found['host_attempts']} of {found['host_max_attempts']}"
    breakers = [f"{found['breaker']} breaker"] if found["breaker"] != "closed" else []
    breakers += [f"{found['host_breaker']} breaker of this host"] if found["host_breaker"] != "closed" else []
    refused = [f"not now: {printable(str(found['why']), 200)}"] if found["refusal"] else []
    return "; ".join([f"{counts} on this host", *breakers, *refused])


def _degradation(found: object) -> list[str]:
    """Nothing where nothing is reduced."""
    if not isinstance(found, dict) or found["mode"] not in _REDUCED:
        return []
    why = f" ({found['why']})" if found["why"] else ""
    return [f"  mode       {found['mode']}: {_REDUCED[found['mode']]}{why}"]


def _notes(r: dict[str, object]) -> list[str]:
    lines = []
    if r["paused"]:
        lines.append("  paused     watching and warning only (`memguard continue`)")
    if not r["restartable"]:
        lines.append(f"  note       no restart: {printable(str(r['not_restartable_because']), 120)}")
    if r["decision"] not in ("", "watch"):
        lines.append(f"  now        {r['decision']}: {printable(str(r['decision_reason']), 160)}")
    return lines


def _snapshot(r: dict[str, object]) -> str:
    """`12 s ago, 20261123T082421Z-53a4a1`."""
    if not r["snapshot"]:
        return "none yet"
    age = f"{format_age(float(str(r['snapshot_age_s'])))} ago, " if r["snapshot_age_s"] is not None else ""
    return f"{age}{printable(str(r['snapshot']), 64)}"


def _size(value: object) -> str:
    return format_size(float(str(value)))


def _processes(count: object) -> str:
    return "1 process" if count == 1 else f"{count} processes"
