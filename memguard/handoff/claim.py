"""The handoff worker: gives the session that follows a restart its digest, once.

    python -I -m memguard.handoff.claim --guard DIR --ticket T --source resume|startup
                                        [--state S [--summariser NAME] [--plugins COMPILED]]

Prints one JSON document for the SessionStart hook, exit 0; where there is nothing to claim, one line on stderr, exit 1.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from memguard.core.errors import MemguardError, StateError, UsageError
from memguard.core.layout import HANDOFF, handoff_socket, is_plain_id, read_pairs, remove
from memguard.core.log import append_log, printable
from memguard.handoff.about_restart import RESUME, STARTUP
from memguard.handoff.digest import Material, digest_of
from memguard.handoff.facts import read_facts
from memguard.handoff.person import person_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memguard.state.project import GitState
    from memguard.state.snapshot import Snapshot

_SOURCES = (RESUME, STARTUP)
# The hook waits for 7 s, this worker's start included. Once the handoff is claimed, a digest without a summary is
# better than none.
_SUMMARY_WITHIN_S = 5.5
_HINT = "the SessionStart hook runs this"


def main(argv: Sequence[str]) -> int:
    """Claim one handoff; 0, or 1 with one line on stderr."""
    is_claimed, text = answer_to(argv)
    (sys.stdout if is_claimed else sys.stderr).write(f"{text}\n")
    return 0 if is_claimed else 1


def answer_to(argv: Sequence[str]) -> tuple[bool, str]:
    """Whether these words claim a handoff, and the document or the reason, each one line."""
    try:
        wanted = _parse(argv)
        answer = claim(wanted.guard_dir, wanted.ticket, wanted.source, wanted.summariser, wanted.plugins)
    except MemguardError as error:
        return False, f"no handoff: {printable(error.what, 300)}"
    except Exception as error:  # noqa: BLE001  a worker's defect is one line, too
        return False, f"no handoff: a defect in memguard: {printable(repr(error), 300)}"
    return True, json.dumps(answer)


class ChosenSummariser(NamedTuple):
    """The one that the person's configuration names, and where to log what becomes of it."""

    name: str
    state_dir: str


class ChosenPlugins(NamedTuple):
    """Those that the person has enabled: in `compiled`; and where to log what becomes of them."""

    compiled: str
    state_dir: str
    guard_dir: str

    def names(self) -> list[str]:
        """In the person's order."""
        return read_pairs(self.compiled).get("plugins", "").split()


class _Wanted(NamedTuple):
    guard_dir: str
    ticket: str
    source: str
    summariser: ChosenSummariser | None
    plugins: ChosenPlugins | None


def _parse(argv: Sequence[str]) -> _Wanted:
    values = dict(zip(argv[::2], argv[1::2], strict=False))
    guard_dir, ticket, source = (values.get(name, "") for name in ("--guard", "--ticket", "--source"))
    if not os.path.isabs(guard_dir) or not is_plain_id(ticket) or source not in _SOURCES:
        raise UsageError("--guard DIR --ticket ID --source resume|startup", _HINT)
    name, state_dir = values.get("--summariser", ""), values.get("--state", "")
    is_chosen = is_plain_id(name) and os.path.isabs(state_dir)
    compiled = values.get("--plugins", "")
    has_plugins = os.path.isabs(compiled) and os.path.isabs(state_dir)
    return _Wanted(
        guard_dir, ticket, source, ChosenSummariser(name, state_dir) if is_chosen else None,
        ChosenPlugins(compiled, state_dir, guard_dir) if has_plugins else None,
    )  # fmt: skip


def claim(
    guard_dir: str,
    ticket: str,
    source: str,
    summariser: ChosenSummariser | None = None,
    plugins: ChosenPlugins | None = None,
) -> dict[str, object]:
    """The hook's answer. Raises StateError where another has claimed it, or there is nothing."""
    deadline_s = time.monotonic() + _SUMMARY_WITHIN_S
    handoff = Handoff(f"{guard_dir}/{HANDOFF}", ticket)
    handoff.take()
    try:
        facts = read_facts(handoff.facts)
        facts.began_as(source)
        record, problem = handoff.read()
    finally:
        handoff.remove()
    material = Material(facts, record, _git_now(record), source, problem)
    if plugins and source == STARTUP and record:
        from memguard.handoff.plugin_digest import built_digest

        builder, built = built_digest(plugins, material, ticket, deadline_s - time.monotonic())
        material = material._replace(builder=builder, built=built)
    if summariser and source == STARTUP and record and not material.built:
        material = _summarised(material, summariser, ticket, deadline_s)
    snapshot_id = record["id"] if record else facts.snapshot
    unsent = len(record["conversation"].get("unsent", [])) if record else 0
    return {
        "systemMessage": person_line(facts, snapshot_id, unsent, _session_of(record)),
        "hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": digest_of(material)},
    }


def _summarised(material: Material, summariser: ChosenSummariser, ticket: str, deadline_s: float) -> Material:
    """With what the summariser wrote; as it was, with a line in the log, where that comes to nothing."""
    from memguard.handoff.summariser import TIME_LIMIT_S, summarise

    try:
        text = summarise(summariser.name, material, min(TIME_LIMIT_S, deadline_s - time.monotonic()))
    except (MemguardError, OSError) as error:
        what = error.what if isinstance(error, MemguardError) else f"it can't be run: {error.strerror}"
        append_log(summariser.state_dir, f"handoff {ticket}: summariser {summariser.name}: {what}")
        return material
    return material._replace(summariser=summariser.name, summary=text)


def _session_of(record: Snapshot | None) -> str:
    session = record["session_id"] if record else ""
    return session if is_plain_id(session) else ""


class Handoff:
    """The files of one ticket. Whoever renames them first has them; the rename is the claim."""

    def __init__(self, folder: str, ticket: str) -> None:
        self._path = f"{folder}/{ticket}"
        self._ticket = ticket
        self.facts = f"{self._path}.facts.claimed"
        self._note = f"{self._path}.claimed"
        self._key = f"{self._path}.key"
        self._socket = handoff_socket(os.path.dirname(folder), ticket)

    def take(self) -> None:
        """Claim it. The facts come first: where there are any, no other rename decides.

        The loser of that race may find the note unclaimed for a moment; the winner's mark tells it to leave it.
        """
        has_facts = _renamed(f"{self._path}.facts.json", self.facts)
        if not has_facts and os.path.lexists(self.facts):
            raise StateError("this handoff was claimed already", _HINT)
        has_note = _renamed(f"{self._path}.sealed", self._note)
        if not has_facts and not has_note:
            raise StateError("there is no handoff for this ticket, or it was claimed already", _HINT)

    def read(self) -> tuple[Snapshot | None, str]:
        """The record, or why there is none."""
        if not os.path.lexists(self._note):
            return None, "the capture left none"
        from memguard.state.note import read_note
        from memguard.state.snapshot import from_json

        try:
            return from_json(read_note(self._note, self._key, self._ticket.encode())), ""
        except MemguardError as error:
            return None, error.what

    def remove(self) -> None:
        """Leave nothing: the key first, and last the mark that tells others it was claimed."""
        for path in (self._socket, self._key, self._note, self.facts):
            remove(path)


def _renamed(old: str, new: str) -> bool:
    try:
        os.rename(old, new)
    except FileNotFoundError:
        return False
    return True


def _git_now(record: Snapshot | None) -> GitState | None:
    if record is None:
        return None
    from memguard.state.project import read_git

    return read_git(record["project"]["cwd"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
