"""git, asked about a repository that may be a stranger's: it must not run anything that the repository names.

A repository's own configuration can name programs: a file system monitor, hooks, filters, diff drivers, text
converters, a pager, transports. Each is switched off by a variable that outranks every configuration file. Filters go
by names of the repository's choosing, so the names are read first.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time

# For all that one snapshot asks of git, together: an emergency leaves a capture 3 s.
TIMEOUT_S = 1.0
UNKNOWN = "unknown"
# Where systems keep git: a PATH from outside could name a git of the repository's own.
_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin:/run/current-system/sw/bin"
_MOST_OUTPUT = 262144
_OFF = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.editor": "false",
    "core.sshCommand": "false",
    "core.gitProxy": "",
    "core.askPass": "",
    "core.untrackedCache": "false",
    "credential.helper": "",
    "diff.external": "",
    "diff.submodule": "short",
    "gpg.program": "false",
    "log.showSignature": "false",
    "protocol.allow": "never",
    "status.submoduleSummary": "false",
    "submodule.recurse": "false",
}
_VARIABLES = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_PAGER": "cat",
    "GIT_ATTR_NOSYSTEM": "1",
    "LC_ALL": "C.UTF-8",
    "PATH": _PATH,
}
# No filter of the repository's is run: a file that one would change may show as modified.
_LIST_NAMES = ("config", "--list", "--name-only", "-z", "--includes")
_FILTER_KEYS = ("clean", "smudge", "process")


def git_environment() -> dict[str, str]:
    """All that git gets: nothing of ours, so neither `GIT_…` nor the client's variables are among it."""
    return dict(_VARIABLES)


class Git:
    """git in one directory, with `timeout_s` for all questions together."""

    def __init__(self, directory: str, timeout_s: float = TIMEOUT_S) -> None:
        self.directory = directory
        self._deadline_s = time.monotonic() + timeout_s
        self._settings: dict[str, str] | None = None

    def run(self, *arguments: str) -> str | None:
        """What a reading command prints, at most 256 KiB of it; None when it failed or took too long."""
        if self._settings is None:
            # All of the names, or none: a filter behind the cut would be run.
            listed = _run(self.directory, _OFF, _LIST_NAMES, self._deadline_s)
            if listed is None or len(listed) >= _MOST_OUTPUT:
                return None
            self._settings = {**_OFF, **_drivers(listed.decode("utf-8", "surrogateescape"))}
        output = _run(self.directory, self._settings, arguments, self._deadline_s)
        return None if output is None else output.decode("utf-8", "replace")


def run_git(directory: str, *arguments: str, timeout_s: float = TIMEOUT_S) -> str | None:
    """One reading command of git's in `directory`, as `Git.run`."""
    return Git(directory, timeout_s).run(*arguments)


def _drivers(names: str) -> dict[str, str]:
    """Settings that switch off every filter and diff driver that the configuration names."""
    off: dict[str, str] = {}
    for name in names.split("\0"):
        section, _, rest = name.partition(".")
        driver = rest.rpartition(".")[0]
        if section == "filter":
            off |= {f"filter.{driver}.{key}": "" for key in _FILTER_KEYS} | {f"filter.{driver}.required": "false"}
        elif section == "diff" and driver:
            off |= {f"diff.{driver}.{key}": "" for key in ("command", "textconv")}
    return off


def _run(directory: str, settings: dict[str, str], arguments: tuple[str, ...], deadline_s: float) -> bytes | None:
    try:
        process = subprocess.Popen(
            ["git", "--no-optional-locks", "--no-pager", *arguments],
            cwd=directory,
            env={**git_environment(), **_as_variables(settings)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    with process:
        output = _read(process, deadline_s)
        try:
            failed = process.wait(max(0.0, deadline_s - time.monotonic())) != 0 if output is not None else True
        except subprocess.TimeoutExpired:
            failed = True
        if failed:
            _end(process)
    return None if failed else output


def _read(process: subprocess.Popen[bytes], deadline_s: float) -> bytes | None:
    """What it prints, cut at `_MOST_OUTPUT`; None where it takes too long.

    The rest is read and forgotten: git counts a pipe that closes early as a failure.
    """
    if process.stdout is None:
        return None
    descriptor, output = process.stdout.fileno(), b""
    while True:
        remaining_s = deadline_s - time.monotonic()
        if remaining_s <= 0 or not select.select([descriptor], [], [], remaining_s)[0]:
            return None
        data = os.read(descriptor, 65536)
        if not data:
            return output
        output = (output + data)[:_MOST_OUTPUT]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and what it started: they have a process group of their own."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)


def _as_variables(settings: dict[str, str]) -> dict[str, str]:
    """By GIT_CONFIG_… rather than `-c`: a driver's name may hold an equals sign. Needs git 2.31, of 2021."""
    found = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        found |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return found
