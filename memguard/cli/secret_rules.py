"""The rules that secrets are recognised by: which are used here, and compiling a library's once."""

import importlib.util
import os
import shutil
import sys

from memguard.config.model import MemoryGuardianConfig
from memguard.core.layout import COMPILED
from memguard.core.spawn import start_detached, worker_environment

_PACKAGE, _DISTRIBUTION = "kingfisher_sdk", "kingfisher-secret-scanner"
NONE, OWN, READY, COMPILING = "none", "own", "ready", "compiling"


def rules_state(state_dir: str, config: MemoryGuardianConfig) -> str:
    """NONE where nothing is redacted, OWN without a library, READY or COMPILING with one."""
    if config.privacy == "exact":
        return NONE
    version = library_version() if config.snapshots.redaction_rules == "all" else ""
    if not version:
        return OWN
    from memguard.state.redact.library import is_compiled

    return READY if is_compiled(state_dir, version) else COMPILING


def library_version() -> str:
    """The installed library's version; empty where there is none."""
    if importlib.util.find_spec(_PACKAGE) is None:
        return ""
    from importlib import metadata

    return metadata.version(_DISTRIBUTION)


def prepare_secret_rules(state_dir: str, config: MemoryGuardianConfig) -> str:
    """Begin to compile where that is wanted and not done yet: 5 s in a process that nobody waits for. The state."""
    state = rules_state(state_dir, config)
    if state == COMPILING and hasattr(os, "fork"):
        command = [os.path.abspath(sys.executable), "-I", "-m", "memguard.state.redact.compiling", state_dir]
        start_detached(command, worker_environment(dict(os.environ)))
    return state


def rules_trouble(state_dir: str) -> str:
    """Why a capture would do without the library's rules: found by loading them, 0.4 s. Empty where it would not."""
    from memguard.state.redact import prepare, rules_id, trouble

    prepare(state_dir)
    rules_id()  # waits
    return trouble()


def rules_folder(state_dir: str) -> str:
    """Where the compiled ones are."""
    from memguard.state.redact.library import RULES_FOLDER

    return os.path.join(state_dir, RULES_FOLDER)


def remove_secret_rules(state_dir: str) -> None:
    """With the last project that is opted in: every other's captures would do without."""
    if any(os.path.exists(os.path.join(state_dir, name, COMPILED)) for name in os.listdir(state_dir)):
        return
    shutil.rmtree(rules_folder(state_dir), ignore_errors=True)


def told(state: str) -> str:
    """The state in words."""
    library = f"kingfisher {library_version()}" if state in (READY, COMPILING) else ""
    return {
        NONE: "nothing is redacted: you set privacy to exact",
        OWN: "replaced in snapshots, by memguard's own rules",
        READY: f"replaced in snapshots, by memguard's own rules and those of {library}",
        COMPILING: f"replaced in snapshots, by memguard's own rules; those of {library} are being compiled",
    }[state]
