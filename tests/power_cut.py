"""What a disk may hold after a power cut: what was synced, and of the rest anything that was ever asked for.

A file that was not synced since it was written to is missing, empty, cut anywhere, or as long as it should be with
zeros in place of its end. A name that was given, changed or removed since its folder was synced is as before or as
after, whatever became of its neighbours; only what was renamed is never under neither of its names.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fault_files import Step

Choice = Callable[[int], int]  # of so many, which one


class File:
    """`synced` is what is on the disk for sure; None before the first sync."""

    def __init__(self) -> None:
        self.content = b""
        self.synced: bytes | None = None

    def after_cut(self, choose: Choice) -> bytes:
        """What may be left of it."""
        known = self.synced or b""
        if known == self.content:
            return known
        length = len(known) + choose(len(self.content) - len(known) + 1)
        kept = self.content[:length]
        return kept + bytes(len(self.content) - length) if choose(4) == 3 else kept


class Folder:
    """`synced` are its entries on the disk for sure; `pending` what has changed since: names with what they had."""

    def __init__(self) -> None:
        self.entries: dict[str, File | Folder] = {}
        self.synced: dict[str, File | Folder] = {}
        self.pending: list[dict[str, File | Folder | None]] = []

    def change(self, change: dict[str, File | Folder | None]) -> None:
        """Give names, or take them."""
        _apply(self.entries, change)
        self.pending.append(change)

    def sync(self) -> None:
        """All of it is on the disk."""
        self.synced, self.pending = dict(self.entries), []

    def after_cut(self, choose: Choice) -> dict[str, File | Folder]:
        """The entries that it may have."""
        found = dict(self.synced)
        for change in self.pending:
            if choose(2):
                _apply(found, change)
            elif len(change) == 2 and choose(4) == 3:  # a rename of which the new name alone is there
                _apply(found, {name: entry for name, entry in change.items() if entry is not None})
        return found


def _apply(entries: dict[str, File | Folder], change: dict[str, File | Folder | None]) -> None:
    for name, entry in change.items():
        if entry is None:
            entries.pop(name, None)
        else:
            entries[name] = entry


class Disk:
    """The folder `root`, which is missing at first, and all below it; `steps` are kept to be made again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.top = Folder()  # the one above, which holds `root` and is there
        self.steps: list[Step] = []

    def record(self, step: Step, call: Callable[[], Any]) -> Any:
        """A handler for `fault_files.handled`: make the call, and keep it where it has changed anything."""
        result = call()
        if step.is_change and step.kind != "chmod":
            written = step.data[:result] if step.kind == "write" else b""
            self.steps.append(step._replace(data=written))
        return result

    def play(self, step: Step) -> None:
        """Make one step in the model."""
        if step.path == str(self._root.parent):
            self.top.sync()
            return
        folder, name = self._place(step.path)
        if step.kind in ("rename", "replace"):
            target = os.path.basename(step.target)
            assert os.path.dirname(step.target) == os.path.dirname(step.path), "renamed into another folder"
            folder.change({name: None, target: folder.entries[name]})
        elif step.kind in ("create", "mkdir"):
            folder.change({name: File() if step.kind == "create" else Folder()})
        elif step.kind in ("unlink", "rmdir"):
            folder.change({name: None})
        else:
            self._of_entry(step, folder.entries[name])

    def _of_entry(self, step: Step, entry: File | Folder) -> None:
        if step.kind == "sync folder" and isinstance(entry, Folder):
            entry.sync()
        elif step.kind == "sync" and isinstance(entry, File):
            entry.synced = entry.content
        elif step.kind == "write" and isinstance(entry, File):
            entry.content += step.data

    def _place(self, path: str) -> tuple[Folder, str]:
        *above, name = Path(path).relative_to(self._root.parent).parts
        folder = self.top
        for part in above:
            entry = folder.entries[part]
            assert isinstance(entry, Folder)
            folder = entry
        return folder, name

    def lay_out(self, root: Path, choose: Choice) -> None:
        """Write one of the states that a power cut may leave, in place of `root`."""
        found = self.top.after_cut(choose).get(self._root.name)
        if isinstance(found, Folder):
            _lay_out(found, root, choose, {})


def _lay_out(folder: Folder, path: Path, choose: Choice, known: dict[int, bytes]) -> None:
    path.mkdir(mode=0o700)
    for name, entry in folder.after_cut(choose).items():
        if isinstance(entry, Folder):
            _lay_out(entry, path / name, choose, known)
            continue
        content = known.setdefault(id(entry), entry.after_cut(choose))
        descriptor = os.open(path / name, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)


def least(_: int) -> int:
    """Nothing of what was not synced is there."""
    return 0


def names_alone(of: int) -> int:
    """Every name is there, and no content that was not synced: what a journal of names alone leaves."""
    return 1 if of == 2 else 0


def at_random(chance: random.Random) -> Choice:
    """Anything."""
    return chance.randrange
