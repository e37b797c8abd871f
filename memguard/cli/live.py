"""The guarded sessions that live now, as commands see them."""

import json
import os

from memguard.config import dirs
from memguard.core.degradation import MODES, NORMAL
from memguard.core.errors import ClientError, UsageError
from memguard.core.identity import ProcessId, process_in
from memguard.core.layout import (
    CLIENT,
    COMPILED,
    CONTAINMENT,
    GUARD,
    PROTECTION,
    STATUS,
    WATCHDOG,
    is_plain_id,
    project_dir,
    project_key,
    project_root,
    read_pairs,
)
from memguard.core.lock import is_held
from memguard.core.log import printable
from memguard.core.reading import TreeReading
from memguard.core.sessions import newest_session
from memguard.core.settings import Settings, load_settings
from memguard.guard.protection import RestartProtection
from memguard.host import current, identity
from memguard.host.containment.choice import reopened
from memguard.watchdog.beyond import Beyond
from memguard.watchdog.private_pairs import read_private_pairs
from memguard.watchdog.session_tree import read_session

_LONGEST_NAME = 120
_LONGEST_WHY = 200
_MOST_WARNINGS = 8


class LiveGuard:
    """One guard with a living client. `session_id` is empty until the client's first hook."""

    def __init__(self, folder: str, client: ProcessId) -> None:
        self.folder = folder
        self.client = client
        self.guard_id = os.path.basename(folder)
        self.pairs = read_pairs(f"{folder}/{GUARD}")
        self.session_id = newest_session(folder)

    @property
    def project_dir(self) -> str:
        """The project's durable folder."""
        return project_dir(self.pairs.get("state", ""), self.pairs.get("project_key", ""))

    @property
    def has_watchdog(self) -> bool:
        """Whether a watchdog holds this guard's lock."""
        return is_held(f"{self.folder}/{WATCHDOG}")

    def reading(self) -> TreeReading:
        """What the session holds now, with what has left the client's tree."""
        launcher = process_in(self.pairs.get("launcher", ""))
        containment = reopened(self.folder, launcher)
        containment.client_pid = self.client.pid
        return read_session(self.client.pid, Beyond(containment), (), current.terminal_number(self.client.pid))

    @property
    def containment(self) -> dict[str, str]:
        """What holds its processes together, as its watchdog chose it: `name` and `mechanism`; empty before that."""
        pairs = read_private_pairs(f"{self.folder}/{CONTAINMENT}")
        return {name: printable(pairs[name], _LONGEST_NAME) for name in ("name", "mechanism") if name in pairs}

    @property
    def is_opted_out(self) -> bool:
        """Whether its project was opted out under it: it is no longer acted on, nor are its hooks run."""
        return not os.path.exists(f"{self.project_dir}/{COMPILED}")

    def settings(self) -> Settings:
        """What this guard goes by; ClientError where that is gone."""
        own = f"{self.folder}/{COMPILED}"
        try:
            return load_settings(own if os.path.exists(own) else f"{self.project_dir}/{COMPILED}")
        except (KeyError, ValueError):
            raise ClientError(
                "the configuration of this session is gone: its project was opted out", "`memguard init` opts it in"
            ) from None

    def status(self) -> dict[str, object]:
        """What the watchdog last wrote of itself; empty before its first reading."""
        try:
            with open(f"{self.folder}/{STATUS}", encoding="utf-8") as file:
                status = json.load(file)
        except (OSError, ValueError):
            return {}
        return status if isinstance(status, dict) else {}

    def parts(self, status: dict[str, object]) -> list[dict[str, object]]:
        """What the watchdog last saw the session divided into, largest first; names cleaned, odd entries left out."""
        listed = status.get("parts")
        return [part for entry in listed if (part := _part(entry))] if isinstance(listed, list) else []

    def protection(self) -> RestartProtection:
        """This guard's restart attempts, and its host's."""
        lineage = self.pairs.get("lineage") or self.guard_id
        return RestartProtection(f"{self.pairs.get('state', '')}/{PROTECTION}", lineage, self.settings().restart)

    def degradation(self, status: dict[str, object]) -> dict[str, str]:
        """What the watchdog has it do without: the mode and why; NORMAL where no watchdog lives."""
        mode = str(status.get("degradation", NORMAL)) if self.has_watchdog else NORMAL
        why = str(status.get("degradation_why", "")) if mode != NORMAL else ""
        return {"mode": mode if mode in MODES else NORMAL, "why": printable(why, _LONGEST_WHY)}

    def told(self, status: dict[str, object], name: str) -> list[str]:
        """The lines that the watchdog has under a name (`health`: its warnings); none where no watchdog lives."""
        found = status.get(name) if self.has_watchdog else None
        return (
            [printable(str(text), _LONGEST_WHY) for text in found[:_MOST_WARNINGS]] if isinstance(found, list) else []
        )

    def restarts(self) -> int:
        """Restarts of this guard within the protection's window."""
        return len(self.protection().attempts())


def live_guards() -> list[LiveGuard]:
    """Every guard of this user with a living client, oldest first."""
    base = f"{dirs.runtime_dir()}/guards"
    names = sorted(os.listdir(base)) if os.path.isdir(base) else []
    guards = [_live(f"{base}/{name}") for name in names if is_plain_id(name)]
    return [guard for guard in guards if guard]


def guards_here() -> list[LiveGuard]:
    """The live guards of the project of the working directory."""
    key = project_key(project_root(os.getcwd()))
    return [guard for guard in live_guards() if guard.pairs.get("project_key") == key]


def the_guard(session: str | None) -> LiveGuard:
    """The one guard that a command is about: of `session` (a prefix will do), else the only one here."""
    found = [g for g in (live_guards() if session else guards_here()) if g.session_id.startswith(session or "")]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{len(found)} guarded sessions match", "name one with --session (see `memguard status`)")
    where = f"with the id {session!r}" if session else "of this project"
    raise ClientError(f"no guarded session {where} is running", "start one with `memguard run`")


def _live(folder: str) -> LiveGuard | None:
    text = read_pairs(f"{folder}/{CLIENT}").get("id", "")
    try:
        client = ProcessId.from_text(text)
    except ValueError:
        return None
    return LiveGuard(folder, client) if identity.is_alive(client) else None


def _part(entry: object) -> dict[str, object] | None:
    """One part as the watchdog writes it; a name is a process's own choice, so nothing of it acts on a terminal."""
    if not isinstance(entry, dict):
        return None
    sizes = {name: entry.get(name, 0) for name in ("footprint_bytes", "budget_bytes")}
    if not all(type(size) is int and size >= 0 for size in sizes.values()):
        return None
    names = {name: printable(str(entry.get(name, "")), _LONGEST_NAME) for name in ("kind", "name")}
    return {**names, **sizes}
