"""`memguard watch`: guard a client that runs already and was started without `memguard run`."""

import argparse
import json
import os
import time

from memguard.config import dirs
from memguard.core.errors import ClientError, HostError, UsageError
from memguard.core.identity import ProcessId
from memguard.core.layout import (
    COMPILED,
    EVENTS,
    GUARD,
    WATCHDOG,
    client_record,
    guard_dir,
    is_plain_id,
    opted_in_key,
    private_dir,
    project_dir,
    read_pairs,
)
from memguard.core.lock import is_held
from memguard.core.log import printable
from memguard.core.settings import Settings
from memguard.core.spawn import hook_environment, start_detached, start_watchdog_command
from memguard.gate.escalate import plain_guard_id
from memguard.host import identity
from memguard.host.client_process import ClientProcess, find_client
from memguard.host.owner import REMOTE
from memguard.watchdog.plain import END, PANE, SERVICE, WINDOW, Plan, plan_of

_WATCHDOG_S = 5.0
_LOOK_S = 0.02
_FOLLOW_S = 0.5
_LINE = 300
_LONGEST_EVENT = 2000
_OVER_ITS_LIMIT = {
    PANE: "over its limit it is snapshotted and restarted in its tmux pane",
    WINDOW: "over its limit it is snapshotted and restarted in a window beside the tmux pane of its shell",
    SERVICE: "over its limit it is snapshotted and respawned by `claude respawn`; a turn that this interrupts waits for"
    " you",
    END: "over its limit it is warned of and snapshotted, its tools are ended, and at the emergency limit itself",
}
_ELSEWHERE = "over its limit it is warned of and snapshotted, and its tools are ended; itself it is never ended"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("watch", help="guard a client that runs already, however it was started")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--pid", type=int, metavar="PID", help="the client's process")
    which.add_argument("--session", metavar="ID", help="its session's id, or the beginning of it")
    parser.add_argument("--foreground", action="store_true", help="stay, and show what memguard does, until it is gone")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Give it a guard where it has none, and say what will and what will not be done."""
    client = _by_pid(arguments.pid) if arguments.pid is not None else _by_session(arguments.session)
    state_dir, runtime_dir = dirs.state_dir(), dirs.runtime_dir()
    guard = _guard_of(client.who, runtime_dir)
    if guard.get("kind") == "launcher":
        _tell(
            client, {"guard": guard["id"], "owner": "launcher", "restartable": True, "started": False}, arguments.json
        )
        return 0
    key = _opted_in(client, state_dir)
    pairs = read_pairs(f"{project_dir(state_dir, key)}/{COMPILED}")
    plan = plan_of(client, Settings(pairs))
    if plan.owner.kind == REMOTE:
        raise ClientError("a remote session is not watched", "its machine is not yours to guard")
    folder = private_dir(guard_dir(runtime_dir, guard.get("id") or plain_guard_id(client.who.pid)))
    started = _start(folder, state_dir, key, client.who, pairs)
    _tell(client, {"guard": os.path.basename(folder), **_facts(plan), "started": started}, arguments.json)
    if arguments.foreground:
        _follow(f"{project_dir(state_dir, key)}/{EVENTS}", os.path.basename(folder), folder)
    return 0


def _by_pid(pid: int) -> ClientProcess:
    """The client that has `pid` now; anything else is refused, whoever's it is."""
    client = find_client(pid) if pid > 1 else None
    if client is None:
        raise ClientError(f"no process of yours has the pid {pid}", "find the client's with `ps -C claude`")
    if not client.is_registered and not client.looks_like_client():
        raise ClientError(f"process {pid} is not a Claude Code client", "find the client's pid with `ps -C claude`")
    return client


def _by_session(session: str) -> ClientProcess:
    """The one client whose registry entry names the session (a prefix will do), and that still is that process."""
    if not is_plain_id(session):
        raise UsageError("that is no session id", "the client shows it with /status")
    found = [client for client in _registered() if client.entry("sessionId").startswith(session)]
    if len(found) > 1:
        raise UsageError(f"{len(found)} running clients match {session}", "name one with --pid")
    if not found:
        raise ClientError(f"no running client has the session {session}", "name its process with --pid")
    return found[0]


def _registered() -> "list[ClientProcess]":
    folder = f"{os.environ.get('CLAUDE_CONFIG_DIR') or os.path.expanduser('~/.claude')}/sessions"
    names = os.listdir(folder) if os.path.isdir(folder) else []
    pids = [int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdecimal() and name.isascii()]
    clients = [find_client(pid) for pid in pids]
    return [client for client in clients if client and client.is_registered]


def _guard_of(who: ProcessId, runtime_dir: str) -> "dict[str, str]":
    """The facts of the guard that the client has, `id` among them; empty where it has none."""
    record = read_pairs(client_record(runtime_dir, who.pid))
    if record.get("id") != who.to_text() or not is_plain_id(record.get("guard", "")):
        return {}
    return {**read_pairs(f"{guard_dir(runtime_dir, record['guard'])}/{GUARD}"), "id": record["guard"]}


def _opted_in(client: ClientProcess, state_dir: str) -> str:
    """The key of its project, by the folder that the process is in, as its hooks find it."""
    folders = [folder for folder in (client.entry("cwd"), client.cwd) if os.path.isabs(folder)]
    key = next((key for folder in folders if (key := opted_in_key(folder, state_dir))), "")
    if not key:
        raise ClientError(
            f"{printable(client.cwd, 200)} is not opted in", "opt it in with `memguard init` there, which can be undone"
        )
    return key


def _start(folder: str, state_dir: str, key: str, who: ProcessId, pairs: "dict[str, str]") -> bool:
    """Start its watchdog as a hook does; False where it has one."""
    if is_held(f"{folder}/{WATCHDOG}"):
        return False
    command = start_watchdog_command(pairs["python"], folder, state_dir, key, who.to_text())
    start_detached(command, hook_environment(dict(os.environ), pairs))
    deadline_s = time.monotonic() + _WATCHDOG_S
    while not is_held(f"{folder}/{WATCHDOG}") or not os.path.exists(f"{folder}/{GUARD}"):
        if not identity.is_alive(who):
            raise ClientError(f"process {who.pid} is gone", "nothing is left to watch")
        if time.monotonic() > deadline_s:
            raise HostError("the watchdog did not start", "see memguard.log in memguard's state folder")
        time.sleep(_LOOK_S)
    return True


def _facts(plan: Plan) -> "dict[str, object]":
    return {"owner": plan.owner.kind, "restartable": plan.is_restartable, "way": plan.way, "why": plan.why}


def _tell(client: ClientProcess, facts: "dict[str, object]", as_json: bool) -> None:
    if as_json:
        print(json.dumps({"client_pid": client.who.pid, "session": client.entry("sessionId"), **facts}), flush=True)
        return
    pid = client.who.pid
    if facts["owner"] == "launcher":
        print(f"client {pid} is guarded already: it was started with `memguard run`")
        return
    done = "watching" if facts["started"] else "already watching"
    why = printable(str(facts["why"]), _LINE)
    what = _OVER_ITS_LIMIT.get(str(facts["way"]), _ELSEWHERE)
    print(f"{done} client {pid}: {what}{f' ({why})' if why else ''}", flush=True)


def _follow(events: str, guard: str, folder: str) -> None:
    """Show each event of this guard from here on, until its folder is gone, with which its watchdog ends."""
    offset = os.path.getsize(events) if os.path.exists(events) else 0
    is_over = False
    while not is_over:
        is_over = not os.path.isdir(folder)  # asked first: its last events are shown, too
        offset = _show_new(events, offset, guard)
        if not is_over:
            time.sleep(_FOLLOW_S)


def _show_new(events: str, offset: int, guard: str) -> int:
    """Print the whole lines behind `offset` that are of this guard; where the next look begins."""
    try:
        with open(events, "rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return offset
    whole = data[: data.rfind(b"\n") + 1]
    for line in whole.decode("utf-8", "replace").splitlines():
        if f'"guard": "{guard}"' in line:
            print(printable(line, _LONGEST_EVENT), flush=True)
    return offset + len(whole)
