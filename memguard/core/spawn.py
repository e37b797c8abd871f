"""Starting processes of memguard's own, away from the session that they look after."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# What a client leaves in the environment of what it starts. A client that inherits them saves no transcript
# (https://github.com/anthropics/claude-code/issues/72347), and a process that carries them counts to the session.
MARKERS = (
    "CLAUDECODE",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_EXECPATH",
    "CLAUDE_EFFORT",
    "CLAUDE_ENV_FILE",
    "CLAUDE_PID",
    "CLAUDE_PROJECT_DIR",
)
# A worker needs to find its files and the system's tools.
_WORKER_VARIABLES = (
    "HOME", "PATH", "LANG", "LC_ALL", "TMPDIR", "TZ", "USER", "XDG_RUNTIME_DIR", "SYSTEMROOT", "CLAUDE_CONFIG_DIR",
)  # fmt: skip
# Where a desktop is reached, for a plugin that notifies.
_DESKTOP_VARIABLES = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY")
# Of a hook's environment, where a repository's settings can set anything: what says no more than how to print.
_HARMLESS = ("LANG", "LC_ALL", "TZ", "USER", "SYSTEMROOT", "CLAUDE_CONFIG_DIR")


def unmarked(environment: "dict[str, str]") -> "dict[str, str]":
    """`environment` without the client's markers."""
    return {name: value for name, value in environment.items() if name not in MARKERS}


def worker_environment(environment: "dict[str, str]") -> "dict[str, str]":
    """The few variables that a worker or watchdog gets of an environment that is the person's own."""
    return {name: environment[name] for name in _WORKER_VARIABLES if name in environment}


def watchdog_environment(environment: "dict[str, str]", pairs: "dict[str, str]") -> "dict[str, str]":
    """A worker's, and of the person's own shell the variables that they named for plugins in `[plugins] variables`."""
    named = [*_DESKTOP_VARIABLES, *pairs.get("plugin_variables", "").split()] if pairs.get("plugins") else []
    return worker_environment(environment) | {name: environment[name] for name in named if name in environment}


def hook_environment(environment: "dict[str, str]", pairs: "dict[str, str]") -> "dict[str, str]":
    """The same from a hook: home, PATH and runtime folder as the project's compiled file has them from the person."""
    kept = {name: environment[name] for name in _HARMLESS if name in environment}
    kept["XDG_RUNTIME_DIR"] = os.path.dirname(pairs["runtime"])
    for variable, name in (("HOME", "home"), ("PATH", "path")):
        if pairs.get(name):
            kept[variable] = pairs[name]
    return kept


def start_detached(
    command: "list[str]", environment: "dict[str, str]", before: "Callable[[], object] | None" = None
) -> None:
    """Start `command` in a process session of its own, reparented at once, holding none of our files open.

    Twice forked: a worker whose parent is the hook would count to the session's tree while the hook lives. `before`
    is called in the new process: a hook's leaves the session's control group.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        _silence()
        os.chdir("/")
        if before:
            before()
        os.execve(command[0], command, environment)
    finally:
        os._exit(127)


def _silence() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


def capture_command(
    python: str, project: "tuple[str, str]", reason: str, session: "dict[str, str]", mark: str = ""
) -> "list[str]":
    """The command line of a capture: ids and paths only.

    `project` is state folder and project key; `session` has id, transcript, cwd and client, each perhaps empty. `mark`
    is the file that says that this capture is wanted (core.capture_mark).
    """
    values = {
        "--state": project[0],
        "--project-key": project[1],
        "--reason": reason,
        "--session": session["id"],
        "--transcript": session["transcript"],
        "--cwd": session["cwd"],
        "--client": session["client"],
        "--wanted": mark,
    }
    command = [python, "-I", "-m", "memguard.state.capture"]
    return command + [part for name, value in values.items() for part in (name, value)]


def resident_python(python: str, state_dir: str) -> "list[str]":
    """How what stays resident is started: standard library only, and without docstrings, which saves 1.4 MiB.

    The byte code for that has a folder of its own: beside a system's interpreter a person may not write, and compiling
    at each start takes 0.3 s and leaves the heap in pieces.
    """
    return [python, "-I", "-S", "-OO", "-X", f"pycache_prefix={state_dir}/pycache"]


def start_watchdog_command(python: str, guard_dir: str, state_dir: str, key: str, client: str = "") -> "list[str]":
    """The command line of a watchdog: ids and paths only. `client` is given where no launcher records it."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    program = [*resident_python(python, state_dir), f"{package}/watchdog/__main__.py"]
    command = [*program, guard_dir, state_dir, key]
    return [*command, client] if client else command
