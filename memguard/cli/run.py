"""`memguard run`: prepares a guard with everything heavy, then becomes the light launcher."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from memguard.cli.byte_code import prepare_byte_code
from memguard.cli.secret_rules import prepare_secret_rules
from memguard.config import dirs
from memguard.config.compile import compile_project, compiled_pairs
from memguard.config.load import LoadedConfig, load_config
from memguard.core.errors import ClientError, HostError, StateError
from memguard.core.identity import ProcessId
from memguard.core.layout import (
    COMPILED,
    GUARD,
    client_record,
    guard_dir,
    opted_in_key,
    private_dir,
    project_dir,
    read_pairs,
    write_pairs,
)
from memguard.core.log import printable
from memguard.core.spawn import resident_python
from memguard.host import current, dead_guards, identity
from memguard.host.capacity import capacity_bytes
from memguard.host.containment.leaving import leave_group
from memguard.host.containment.orphans_of import become_subreaper

_OWN_OPTIONS = ("--client", "--warning", "--critical", "--emergency", "--mode")
_LAUNCHER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "launcher", "__main__.py")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "run",
        help="a guarded Claude Code session in this terminal",
        usage="memguard run [options] [--] [arguments of the client]",
    )
    for name in _OWN_OPTIONS[1:4]:
        parser.add_argument(name, metavar="SIZE", help=f"{name[2:]} limit for this session, such as 4GB")
    parser.add_argument("--mode", choices=("guard", "observe"), help="observe: report what memguard would have done")
    parser.add_argument("--client", metavar="PATH", help="the client to start (default: `claude` on PATH)")
    parser.add_argument("arguments", nargs="*", help="passed to the client as they are")
    parser.set_defaults(run=run)


def separated(words: Sequence[str]) -> list[str]:
    """Put `--` before the first word that is the client's, so that `memguard run -p hello` needs none."""
    position = 1
    while position < len(words):
        word = words[position]
        if word in ("-h", "--help", "--"):
            return list(words)
        if word.partition("=")[0] not in _OWN_OPTIONS:
            break
        position += 1 if "=" in word else 2
    return [*words[:position], "--", *words[position:]]


class Ready(NamedTuple):
    """What a guarded session begins with, once nothing speaks against it."""

    state_dir: str
    runtime_dir: str
    key: str
    root: str
    loaded: LoadedConfig
    client: str


def run(arguments: argparse.Namespace) -> int:
    """Prepare, then exec; returns only by raising."""
    return start(make_ready(arguments), arguments.arguments)


def no_options() -> argparse.Namespace:
    """What `make_ready` takes, where no option was typed."""
    return argparse.Namespace(**{name[2:]: None for name in _OWN_OPTIONS})


def make_ready(arguments: argparse.Namespace) -> Ready:
    """Raise whatever keeps a guarded session from starting here; nothing is written."""
    if sys.platform != "linux":
        raise HostError(f"memguard does nothing on {sys.platform} yet", "start `claude` itself")
    state_dir, runtime_dir = dirs.state_dir(), dirs.runtime_dir()
    key = opted_in_key(os.getcwd(), state_dir)
    if not key:
        raise ClientError("this project is not opted in", "opt it in with `memguard init`, which can be undone")
    refuse_inside_session(runtime_dir)
    root = read_pairs(f"{project_dir(state_dir, key)}/{COMPILED}")["project"]
    loaded = _configuration(root, arguments)
    return Ready(state_dir, runtime_dir, key, root, loaded, _client(arguments.client or loaded.config.client))


def start(ready: Ready, words: list[str]) -> int:
    """Make the guard, and become its launcher with these arguments of the client's."""
    state_dir, runtime_dir, key, root, loaded, client = ready
    _refresh_compiled(root, state_dir, runtime_dir)
    _collect(runtime_dir)
    prepare_byte_code(state_dir)
    leave_group()  # of a session in whose tmux server this was typed
    prepare_secret_rules(state_dir, loaded.config)
    guard = _make_guard(state_dir, runtime_dir, key, words)
    write_pairs(f"{guard}/{COMPILED}", compiled_pairs(root, runtime_dir, loaded))
    command = [*resident_python(sys.executable, state_dir), _LAUNCHER, guard, state_dir, key]
    command += ["--", client, *words]
    sys.stdout.flush()
    os.execv(sys.executable, command)


def _configuration(root: str, arguments: argparse.Namespace) -> LoadedConfig:
    overrides = {name[2:]: getattr(arguments, name[2:]) for name in _OWN_OPTIONS}
    loaded = load_config(root, capacity_bytes(), os.environ, overrides)
    for warning in loaded.lines:
        sys.stderr.write(f"memguard: {printable(warning, 300)}\n")
    return loaded


def _refresh_compiled(root: str, state_dir: str, runtime_dir: str) -> None:
    """For sessions without a launcher; a disk that refuses it must not keep the person from working."""
    try:
        compile_project(root, state_dir, runtime_dir, load_config(root, capacity_bytes()))
    except StateError as error:
        sys.stderr.write(f"memguard: {error.what}; the session is guarded, but nothing lasting can be written\n")


def _collect(runtime_dir: str) -> None:
    """What earlier sessions have left that nobody could tidy up after; a failure is no concern of this one."""
    try:
        dead_guards.collect(runtime_dir)
    except OSError as error:
        sys.stderr.write(f"memguard: the remains of an earlier session can't be removed: {error.strerror}\n")


def _client(configured: str | None) -> str:
    found = shutil.which(configured or "claude")
    if found:
        return os.path.abspath(found)
    if configured:
        raise ClientError(f"{printable(configured, 200)} is not a program", "correct the client's path")
    raise ClientError("`claude` is not installed, or not on PATH", "install Claude Code, or name it with --client PATH")


def refuse_inside_session(runtime_dir: str) -> None:
    """By ancestry, not by variables: a tmux server that a tool once started hands those on for ever."""
    pid = os.getppid()
    while pid > 1:
        record = read_pairs(client_record(runtime_dir, pid))
        if record and _is_alive(record.get("id", "")):
            raise ClientError("this is inside a guarded session already", "start it in a terminal of its own")
        pid = current.parent_pid(pid)


def _is_alive(text: str) -> bool:
    try:
        return identity.is_alive(ProcessId.from_text(text))
    except ValueError:
        return False  # torn, or of another version


def _make_guard(state_dir: str, runtime_dir: str, key: str, words: Sequence[str]) -> str:
    """The guard's live folder. Our own process is its launcher: `exec` keeps pid and start time."""
    launcher = identity.identify(os.getpid())
    if launcher is None:
        raise HostError("this process can't be identified", "see `/proc` is mounted")
    from memguard.launcher import flags  # the launcher is Linux's

    parsed = flags.parse(list(words))
    obstacle = flags.obstacle(list(words))
    if obstacle:
        sys.stderr.write(f"memguard: watching and warning only: {obstacle}\n")
    guard = private_dir(guard_dir(runtime_dir, os.urandom(8).hex()))
    private_dir(project_dir(state_dir, key))
    pairs: dict[str, object] = {
        "kind": "launcher",
        "project_key": key,
        "state": state_dir,
        "launcher": launcher.to_text(),
    }
    pairs["subreaper"] = int(become_subreaper())  # `exec` keeps that, too
    pairs |= {"restartable": int(not obstacle), "why": obstacle, "created_utc": f"{time.time():.0f}"}
    write_pairs(f"{guard}/{GUARD}", pairs | {"print": int(flags.is_print(parsed))})
    return guard
