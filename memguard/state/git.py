"""git, asked about a repository that may be a stranger's: it must not run anything that the repository names.

A repository's own configuration can name programs: a file system monitor, hooks, filters, diff drivers, text
converters, a pager, transports. Each is switched off by a variable that outranks every configuration file. Filters go
by names of the repository's choosing, so the names are read first.
"""

from __future__ import annotations

import os
import subprocess

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
_FILTER_KEYS = ("clean", "smudge", "process")


def git_environment() -> dict[str, str]:
    """All that git gets: nothing of ours, so neither `GIT_…` nor the client's variables are among it."""
    return dict(_VARIABLES)


def run_git(directory: str, *arguments: str, timeout_s: float = TIMEOUT_S) -> str | None:
    """What a reading command of git prints in `directory`; None when it failed or took too long."""
    drivers = _drivers(directory, timeout_s)
    if drivers is None:
        return None
    return _run(directory, {**_OFF, **drivers}, arguments, timeout_s)


def _drivers(directory: str, timeout_s: float) -> dict[str, str] | None:
    """Settings that switch off every filter and diff driver that the configuration names."""
    names = _run(directory, _OFF, ("config", "--list", "--name-only", "-z", "--includes"), timeout_s)
    if names is None:
        return None
    off: dict[str, str] = {}
    for name in names.split("\0"):
        section, _, rest = name.partition(".")
        driver = rest.rpartition(".")[0]
        if section == "filter":
            off |= {f"filter.{driver}.{key}": "" for key in _FILTER_KEYS} | {f"filter.{driver}.required": "false"}
        elif section == "diff" and driver:
            off |= {f"diff.{driver}.{key}": "" for key in ("command", "textconv")}
    return off


def _run(directory: str, settings: dict[str, str], arguments: tuple[str, ...], timeout_s: float) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "--no-pager", *arguments],
            cwd=directory,
            env={**git_environment(), **_as_variables(settings)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
            start_new_session=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if done.returncode != 0:
        return None
    return done.stdout[:_MOST_OUTPUT].decode("utf-8", "replace")


def _as_variables(settings: dict[str, str]) -> dict[str, str]:
    """By GIT_CONFIG_… rather than `-c`: a driver's name may hold an equals sign. Needs git 2.31, of 2021."""
    found = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        found |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return found
