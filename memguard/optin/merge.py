"""memguard's entries in the text of a settings file: put in, found, taken out."""

import json
from collections.abc import Iterator

from memguard.config.shown import shown
from memguard.core.errors import ClientError
from memguard.optin.events import Wanted, hook_group, is_own
from memguard.optin.json_text import Child, append, children, remove_child, skip_space

_REPAIR = "nothing was changed; correct the file and try again"


def parse_settings(data: bytes, path: str) -> tuple[str, dict[str, object]]:
    """A settings file as text and as what it means; ClientError, of one line, for anything but an object of hooks."""
    if data.startswith(b"\xef\xbb\xbf"):
        raise ClientError(f"{path} begins with a byte order mark", "save it as UTF-8 without one, and try again")
    try:
        text = data.decode("utf-8")
        settings = json.loads(text)
    except UnicodeDecodeError:
        raise ClientError(f"{path} is not UTF-8 text", _REPAIR) from None
    except json.JSONDecodeError as error:
        raise ClientError(f"{path} is not JSON: {error.msg} in line {error.lineno}", _REPAIR) from None
    except (RecursionError, ValueError):
        raise ClientError(
            f"{path} is not JSON that can be read: nested too deeply, or a number too long", _REPAIR
        ) from None
    if not isinstance(settings, dict):
        raise ClientError(f"{path} holds no JSON object", _REPAIR)
    _check_hooks(settings, text, path)
    return text, settings


def _check_hooks(settings: dict[str, object], text: str, path: str) -> None:
    hooks = settings.get("hooks", {})
    if not isinstance(hooks, dict):
        raise ClientError(f"{path}: `hooks` is not an object", _REPAIR)
    for event, groups in hooks.items():
        sound = isinstance(groups, list) and all(
            isinstance(group, dict) and isinstance(group.get("hooks", []), list) for group in groups
        )
        if not sound:
            raise ClientError(f"{path}: `hooks.{shown(event, 40)}` is not a list of hooks", _REPAIR)
    top = skip_space(text, 0)
    place = _value(text, top, "hooks")
    for where in [top] + ([place] if place >= 0 else []):
        keys = [child.key for child in children(text, where)]
        if len(keys) != len(set(keys)):
            raise ClientError(f"{path} names a key twice, and only the last one counts", _REPAIR)


def _value(text: str, place: int, key: str) -> int:
    """Where the value of `key` in the object at `place` begins; -1 where it has none."""
    return next((child.value_start for child in children(text, place) if child.key == key), -1)


def own_entries(settings: dict[str, object]) -> list[tuple[str, str, object]]:
    """Every entry of memguard's own: event, matcher, entry."""
    hooks = settings.get("hooks")
    found: list[tuple[str, str, object]] = []
    for event, groups in hooks.items() if isinstance(hooks, dict) else ():
        for group in groups:
            found.extend((event, group.get("matcher", ""), entry) for entry in group.get("hooks", []) if is_own(entry))
    return found


def is_complete(settings: dict[str, object], wanted: Wanted) -> bool:
    """Whether exactly the wanted entries are there, each once."""
    found = own_entries(settings)
    return len(found) == len(wanted) and all((event, *wanted[event]) in found for event in wanted)


def with_entries(text: str, wanted: Wanted) -> str:
    """The text with memguard's entries as wanted, and whatever else of its own was there gone."""
    settings = json.loads(text)
    if is_complete(settings, wanted):
        return text
    text = without_entries(text)
    top = skip_space(text, 0)
    if _value(text, top, "hooks") < 0:
        groups = {event: [hook_group(*entry)] for event, entry in wanted.items()}
        return append(text, top, groups, "hooks")
    for event, entry in wanted.items():
        hooks = _value(text, top, "hooks")
        place = _value(text, hooks, event)
        if place < 0:
            text = append(text, hooks, [hook_group(*entry)], event)
        else:
            text = append(text, place, hook_group(*entry))
    return text


def without_entries(text: str) -> str:
    """The text without memguard's entries; what they leave empty goes too."""
    while True:
        own = next(_own_places(text), None)
        if own is None:
            return text
        text = _without(text, own)


def _own_places(text: str) -> Iterator[list[tuple[int, int]]]:
    """For each own entry, the way to it: places from the top down, with the child's number in each."""
    top = skip_space(text, 0)
    for number, child in _named(text, top, "hooks"):
        for event_number, event in enumerate(children(text, child.value_start)):
            for group_number, group in enumerate(children(text, event.value_start)):
                for list_number, entries in _named(text, group.value_start, "hooks"):
                    for entry_number, entry in enumerate(children(text, entries.value_start)):
                        if is_own(json.loads(text[entry.value_start : entry.end])):
                            yield [
                                (top, number),
                                (child.value_start, event_number),
                                (event.value_start, group_number),
                                (group.value_start, list_number),
                                (entries.value_start, entry_number),
                            ]


def _named(text: str, place: int, key: str) -> Iterator[tuple[int, Child]]:
    return ((number, child) for number, child in enumerate(children(text, place)) if child.key == key)


def _without(text: str, way: list[tuple[int, int]]) -> str:
    """Take the entry out, and every container above it that holds nothing else (a group's matcher aside)."""
    top, hooks, event, group, entries = way
    steps = [entries]
    if len(children(text, entries[0])) == 1 and _is_plain_group(text, group[0]):
        steps = [event, hooks, top]
    while len(steps) > 1 and len(children(text, steps[0][0])) == 1:
        steps = steps[1:]
    return remove_child(text, *steps[0])


def _is_plain_group(text: str, place: int) -> bool:
    return all(child.key in ("matcher", "hooks") for child in children(text, place))
