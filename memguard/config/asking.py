"""What a project's file asks for that takes effect only where the person trusts it, now or at another time or place.

Trust is for the bytes of the file, so it covers, too, what the person's own file overrides as yet, and what is for
another platform, where they may have the same home folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from memguard.config.layer import Layer
from memguard.config.load import LoadedConfig, combined
from memguard.config.platform_table import PLATFORM
from memguard.config.settings_table import SETTINGS, TOOLS, value_of
from memguard.config.tool_limits import budgets_in


@dataclass(frozen=True, slots=True)
class Request:
    """One value: its key (`tools.<pattern>` for a budget), what holds now, and what would (None: nothing set).

    `is_overridden` where the person's own value counts, whatever they trust, as long as it is there; `place` is empty
    where the value is for this machine's platform.
    """

    key: str
    now: object
    then: object
    is_overridden: bool = False
    place: str = ""


def requests(
    projects: Mapping[str, Layer], users: Mapping[str, Layer], capacity_bytes: int
) -> tuple[list[Request], list[str]]:
    """Each value that trust may ever change, and what stays ignored here even so.

    Both files are given as they count on each of `all_platforms`, this machine's first.
    """
    here = next(iter(projects))
    found = {name: _asked(projects[name], users[name], capacity_bytes) for name in projects}
    elsewhere = [request for name in projects if name != here for request in _placed(name, found, here)]
    return found[here] + elsewhere, _ignored(projects[here], users[here], capacity_bytes)


def _placed(name: str, found: Mapping[str, list[Request]], here: str) -> list[Request]:
    """What is asked for on one other platform alone, or on those that have no table of their own."""
    place = f"[{PLATFORM}.{name}]" if name else "[other platforms]"
    shown = found[here] + (found[""] if name else [])
    pairs = [(request.key, request.then) for request in shown]
    return [replace(request, place=place) for request in found[name] if (request.key, request.then) not in pairs]


def _asked(project: Layer, user: Layer, capacity_bytes: int) -> list[Request]:
    before, after = _values(project, user, capacity_bytes)
    found = [Request(key, before.get(key), value) for key, value in _changed(before, after)]
    alone = _changed(*_values(project, Layer(user.source), capacity_bytes))
    # One of the person's own budgets gone, another of theirs may be what the file's is above.
    own = [(f"{TOOLS}.{name}", size) for name, size in budgets_in(project).items() if name in budgets_in(user)]
    shown = [(request.key, request.then) for request in found]
    later = [pair for pair in [*alone, *(pair for pair in own if pair not in alone)] if pair not in shown]
    return found + [Request(key, before.get(key), value, is_overridden=True) for key, value in later]


def _changed(before: dict[str, object], after: dict[str, object]) -> list[tuple[str, object]]:
    return [(key, value) for key, value in after.items() if before.get(key) != value]


def _values(project: Layer, user: Layer, capacity_bytes: int) -> tuple[dict[str, object], dict[str, object]]:
    """What holds without trust, and with it."""
    now, then = _both(project, user, capacity_bytes)
    return _by_key(now), _by_key(then)


def _both(project: Layer, user: Layer, capacity_bytes: int) -> tuple[LoadedConfig, LoadedConfig]:
    untrusted, trusted = (replace(project, is_trusted=is_trusted) for is_trusted in (False, True))
    return combined(untrusted, user, [], capacity_bytes), combined(trusted, user, [], capacity_bytes)


def _by_key(loaded: LoadedConfig) -> dict[str, object]:
    values = {key: value_of(loaded.config, key) for key in SETTINGS if key != TOOLS}
    return values | {f"{TOOLS}.{pattern}": size_mb for pattern, size_mb in loaded.config.tools.items()}


def _ignored(project: Layer, user: Layer, capacity_bytes: int) -> list[str]:
    now, then = _both(project, user, capacity_bytes)
    return [line for line in then.warnings if line in now.warnings or line.startswith(project.source)]
