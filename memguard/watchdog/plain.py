"""A guard for a client that no launcher started: what may be done with it, by who owns it."""

import os

from memguard.core.identity import ProcessId
from memguard.core.layout import CLIENT, GUARD, client_record, private_dir, read_pairs, write_pairs
from memguard.core.settings import Settings
from memguard.host.client_process import ClientProcess, read_client
from memguard.host.owner import BACKGROUND, PROGRAM, REMOTE, TERMINAL, TMUX, Owner, owner_of
from memguard.launcher import flags

# How a client over its limit is started again.
PANE = "pane"  # in its tmux pane, whose own process it is
WINDOW = "window"  # in a window beside its tmux pane, which belongs to a shell
SERVICE = "service"  # by Claude Code's own background service
END = "end"  # not at all; it is ended at the emergency limit, since the person said so
NEVER = ""  # not at all, nor is it ended
_RESTARTABLE = (PANE, WINDOW, SERVICE)


class Plan:
    """What may be done with one client. `why` says what stands against starting it again; empty where nothing does."""

    __slots__ = ("is_print", "owner", "way", "why")

    def __init__(self, owner: Owner, way: str, why: str, is_print: bool = False) -> None:
        self.owner = owner
        self.way = way
        self.why = why
        self.is_print = is_print

    @property
    def is_restartable(self) -> bool:
        """Whether it can be started again."""
        return self.way in _RESTARTABLE

    def facts(self) -> "dict[str, object]":
        """For the guard's file. A background session is another process each time: its attempts count by its job."""
        lineage = f"job-{self.owner.job}" if self.owner.job else ""
        why = f"{self.why}; at the emergency limit it is ended, its conversation kept" if self.way == END else self.why
        return {
            "restartable": int(self.is_restartable),
            "why": why,
            "way": self.way,
            "owner": self.owner.kind,
            "print": int(self.is_print),
            "lineage": lineage,
        }


def make_plain_guard(guard_dir: str, state_dir: str, key: str, client: str) -> None:
    """Write its files; `planned` says what may be done with the client as soon as somebody has looked at it."""
    pairs: dict[str, object] = {"kind": "plain", "project_key": key, "state": state_dir, "launcher": ""}
    pairs |= {"restartable": 0, "why": "not started by `memguard run`", "print": 0}
    write_pairs(f"{guard_dir}/{GUARD}", pairs)
    write_pairs(f"{guard_dir}/{CLIENT}", {"id": client, "generation": 0})
    runtime_dir = os.path.dirname(os.path.dirname(guard_dir))
    private_dir(f"{runtime_dir}/clients")
    record = {"id": client, "guard": os.path.basename(guard_dir)}
    write_pairs(client_record(runtime_dir, ProcessId.from_text(client).pid), dict(record))


def planned(guard_dir: str, who: ProcessId, settings: Settings) -> "dict[str, str]":
    """Find out what may be done with this client, and write it into the guard's file; its pairs as they are then."""
    path = f"{guard_dir}/{GUARD}"
    client = read_client(who)
    if client:
        write_pairs(path, {**read_pairs(path), **plan_of(client, settings).facts()})
    return read_pairs(path)


def plan_of(client: ClientProcess, settings: Settings) -> Plan:
    """What may be done with a client that runs, by its owner and the person's settings."""
    owner = owner_of(client)
    words = client.words[client.prefix_length() :]
    is_print = owner.kind != BACKGROUND and flags.is_print(flags.parse(words))
    way, why = _way(client, words, owner, settings)
    if way == NEVER and settings.end_client and owner.kind not in (REMOTE, BACKGROUND):
        way = END
    return Plan(owner, way, why, is_print)


def _way(client: ClientProcess, words: "list[str]", owner: Owner, settings: Settings) -> "tuple[str, str]":
    if owner.kind == BACKGROUND:
        return (SERVICE, "") if owner.job else (NEVER, "its registry entry names no job that could be respawned")
    if owner.kind != TMUX or owner.pane is None:
        return NEVER, _why_not(owner)
    why = "" if settings.respawn_in_tmux else "the setting watch.respawn_in_tmux is off"
    why = why or _unrepeatable(client, words)
    if why:
        return NEVER, why
    return (PANE if owner.pane.pane_pid == client.who.pid else WINDOW), ""


def _unrepeatable(client: ClientProcess, words: "list[str]") -> str:
    """What its command line has against it."""
    if not client.has_whole_command_line():
        return "its command line is not as it was started with"
    if flags.is_print(flags.parse(words)):
        return "`claude -p` is one turn, whose output belongs to what it was started for"
    return flags.obstacle(words)


def _why_not(owner: Owner) -> str:
    if owner.kind in (TERMINAL, PROGRAM):
        more = f" ({owner.doubt})" if owner.doubt else ""
        return f"not started by `memguard run`, nor in a tmux pane{more}"
    return f"it belongs to {owner.name}, which alone can start it again"
