"""All rules together: the own set, always, and the library's where it is there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from memguard.state.redact.library import Library, Look

if TYPE_CHECKING:
    from memguard.state.redact.span import Span

# Counts up with every change of what is found or of what is put in its place: snapshots name it, and what an older set
# has sealed is not built on.
OWN_VERSION = 3


class _InUse:
    """The library of this process, once `prepare` has named the folder that it may keep its rules in."""

    library: Library | None = None
    lock = threading.Lock()


def prepare(state_dir: str, *, compiles: bool = False) -> None:
    """Begin to load the library in a thread, with its compiled rules below `state_dir`. Once per process.

    Without it, or where nothing has compiled them yet and this is not to, only the own set is used.
    """
    with _InUse.lock:
        if _InUse.library is None:
            _InUse.library = Library(state_dir, compiles=compiles)


def rules_id() -> str:
    """Set and version, such as `kingfisher 1.5.0 + memguard 3`. Waits until the library is loaded."""
    own = f"memguard {OWN_VERSION}"
    library = _InUse.library
    return f"{library.name} + {own}" if library and library.name else own


def trouble() -> str:
    """Why the library isn't used, or wasn't for all, in one line; empty where it was, or there is none."""
    return _InUse.library.trouble if _InUse.library else ""


def own_rules_spans(text: bytes) -> list[Span]:
    """The secrets in a view by the own set; in no order, and they may overlap."""
    # Compiling its expressions takes 7 ms, and a library that sees no anchor spares them.
    from memguard.state.redact.assignments import named_spans
    from memguard.state.redact.commands import command_spans
    from memguard.state.redact.own_rules import own_spans

    return [*own_spans(text), *named_spans(text), *command_spans(text)]


def library_spans(text: bytes) -> list[Span]:
    """The same by the library; empty where it isn't used."""
    return _look(text).spans


def suspects(text: bytes) -> tuple[list[Span], list[Span]]:
    """Where the own set has to look, and what the library has found."""
    look = _look(text)
    return (look.own if look.is_sure else own_rules_spans(text)), look.spans


def all_spans(text: bytes) -> list[Span]:
    """The secrets in a view by both; in no order, and they may overlap."""
    look = _look(text)
    return look.spans if look.is_sure and not look.own else [*own_rules_spans(text), *look.spans]


def _look(text: bytes) -> Look:
    return _InUse.library.look(text) if _InUse.library and text else Look([], [], is_sure=not text)
