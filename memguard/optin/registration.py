"""Putting memguard's hooks into one settings file, and giving the file back as it was."""

import json
import os

from memguard.core.errors import ClientError
from memguard.optin.events import Wanted
from memguard.optin.merge import is_complete, own_entries, parse_settings, with_entries, without_entries
from memguard.optin.record import Record, digest
from memguard.optin.settings_file import SettingsFile

_EMPTY = "{}\n"
_TRIES = 5  # the client writes its settings now and then, never several times in a row


def holds_hooks(file: SettingsFile, wanted: Wanted | None = None) -> bool:
    """Whether memguard's hooks are in the file: some of them, or with `wanted` exactly those. Never raises."""
    try:
        data = file.read()
        settings = parse_settings(data, file.name)[1] if data is not None else {}
    except ClientError:
        return False
    return is_complete(settings, wanted) if wanted else bool(own_entries(settings))


def register(file: SettingsFile, record: Record, project: str, wanted: Wanted) -> bool:
    """Merge the wanted entries in for the project with this key; False where nothing had to change.

    Raises ClientError, with the file untouched, where it isn't settings that can be merged into.
    """
    for _ in range(_TRIES):
        before = file.read()
        text = _EMPTY if before is None else parse_settings(before, file.name)[0]
        after = with_entries(text, wanted).encode()
        record.projects.add(project)
        _remember(file, record, before, after)
        if after == before:
            return False
        if file.replace(before, after):
            return True
    raise ClientError(f"{file.name} changes all the time", "close the client's settings and try again")


def _remember(file: SettingsFile, record: Record, before: bytes | None, after: bytes) -> None:
    """Note what the file is without memguard, where that isn't noted yet."""
    if before is None:
        record.original, record.created = None, True
        record.created_folder = record.created_folder or not os.path.isdir(file.folder)
    elif not record.fits(before):
        record.original = _baseline(file, before, after)
        if record.created and _is_bare(record.original):
            record.original = None
    record.written = digest(after)
    record.save(file.path)


def _baseline(file: SettingsFile, before: bytes, after: bytes) -> bytes:
    """The file without memguard's entries; the shared ones that a colleague committed count as the project's."""
    if file.scope == "project" and before == after:
        return before
    return without_entries(before.decode()).encode()


def unregister(file: SettingsFile, record: Record, project: str) -> bool:
    """Give the file back; False where it stays as it is, since it holds nothing or other projects use it.

    Unchanged since memguard wrote it: byte for byte what it was. Otherwise only memguard's entries go. Raises
    ClientError, with the file untouched, where it can't be read any more.
    """
    record.projects.discard(project)
    if record.projects:
        record.save(file.path)
        return False
    for _ in range(_TRIES):
        before = file.read()
        after = _restored(file, record, before)
        if before == after or file.replace(before, after):
            file.clear()
            _remove_folder(file, record)
            record.forget()
            return before != after
    raise ClientError(f"{file.name} changes all the time", "close the client's settings and try again")


def _restored(file: SettingsFile, record: Record, before: bytes | None) -> bytes | None:
    if before is None or record.fits(before):
        return record.original if before is not None else None
    after = without_entries(parse_settings(before, file.name)[0]).encode()
    return None if record.created and _is_bare(after) else after


def _is_bare(data: bytes) -> bool:
    return bool(json.loads(data) == {})


def _remove_folder(file: SettingsFile, record: Record) -> None:
    if record.created_folder:
        try:
            os.rmdir(file.folder)
        except OSError:
            return  # something else is in it by now
