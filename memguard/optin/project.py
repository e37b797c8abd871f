"""A project's opting in and out, as one step under one lock."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import filelock

from memguard.config.compile import compile_project
from memguard.config.load import LoadedConfig
from memguard.config.shown import shown
from memguard.config.sources import project_config_path
from memguard.config.template import project_template
from memguard.config.trust import forget_trust
from memguard.core.errors import ClientError, StateError
from memguard.core.layout import COMPILED, private_dir, project_dir, project_key, read_pairs, remove, write_pairs
from memguard.optin.events import this_installation, wanted_entries
from memguard.optin.record import Record, digest
from memguard.optin.registration import holds_hooks, register, unregister
from memguard.optin.settings_file import SettingsFile, settings_file
from memguard.optin.shim import remove_shim, write_shim

_LOCK_TIMEOUT_S = 30
_ENROLMENT = "optin"  # pairs: scope, template (digest of the .memguard.toml that memguard wrote)
_USER_RECORD = "user-settings"  # no project key is like it: keys begin with the root of a path


@dataclass(slots=True)
class Outcome:
    """What was done: the settings file and whether it changed, the project's file and whether it was touched."""

    project: str
    scope: str
    settings: str
    config_file: str
    settings_changed: bool = False
    config_file_changed: bool = False
    notes: list[str] = field(default_factory=list)


class ProjectOptIn:
    """The project at `root`, opted in or not, in this user's state folder."""

    def __init__(self, root: str, state_dir: str) -> None:
        self.root = root
        self.state_dir = state_dir
        self.key = project_key(root)
        self.folder = project_dir(state_dir, self.key)

    @property
    def scope(self) -> str:
        """The scope that the project was opted in with; empty where it isn't."""
        return read_pairs(os.path.join(self.folder, _ENROLMENT)).get("scope", "")

    @property
    def is_in(self) -> bool:
        """Whether hooks act in this project."""
        return os.path.exists(os.path.join(self.folder, COMPILED))

    @property
    def _config_file(self) -> str:
        return project_config_path(self.root)

    def opt_in(self, loaded: LoadedConfig, runtime_dir: str, scope: str = "") -> Outcome:
        """Merge the hooks, compile the configuration, and write `.memguard.toml` where there is none.

        A settings file that can't be merged into is a ClientError, and nothing at all is done.
        """
        with self._locked():
            private_dir(self.folder)
            before, chosen = self.scope, scope or self._fitting_scope()
            file = settings_file(chosen, self.root)
            changed = self._register(file, loaded, runtime_dir)
            outcome = Outcome(self.root, chosen, file.path, self._config_file, settings_changed=changed)
            if before and before != chosen:
                self._leave(before, outcome.notes)
            outcome.config_file_changed = self._write_template(outcome)
            self._note_double(chosen, outcome.notes)
        return outcome

    def _register(self, file: SettingsFile, loaded: LoadedConfig, runtime_dir: str) -> bool:
        installation = this_installation(self.state_dir)
        if file.scope == "project":
            write_shim(installation)
        was_in = self.is_in
        compiled = compile_project(self.root, self.state_dir, runtime_dir, loaded)
        try:
            return register(file, self._record(file.scope), self.key, wanted_entries(file.scope, installation))
        except BaseException:
            if not was_in:
                remove(compiled)
                self._tidy()
            raise

    def _fitting_scope(self) -> str:
        """As before; else where the hooks are already, since twice in two files would run them twice."""
        if self.scope:
            return self.scope
        carrying = (scope for scope in ("user", "project") if holds_hooks(settings_file(scope, self.root)))
        return next(carrying, "local")

    def _note_double(self, scope: str, notes: list[str]) -> None:
        notes.extend(
            f"{settings_file(other, self.root).name} holds memguard's hooks too: they run twice"
            for other in ("local", "project", "user")
            if other != scope and holds_hooks(settings_file(other, self.root))
        )

    def _record(self, scope: str) -> Record:
        return Record(os.path.join(self.state_dir, _USER_RECORD) if scope == "user" else self.folder, scope)

    def opt_out(self, scope: str = "", purge: bool = False) -> Outcome:
        """Undo `opt_in`, whatever is still there of it. With `purge`, snapshots and all go too.

        The project is out even where the settings file can't be changed; that is then said in a ClientError.
        """
        with self._locked():
            chosen = scope or self.scope or "local"
            file = settings_file(chosen, self.root)
            outcome = Outcome(self.root, chosen, file.path, self._config_file)
            remove(os.path.join(self.folder, COMPILED))
            forget_trust(self.root)
            outcome.settings_changed = self._leave(chosen, outcome.notes)
            outcome.config_file_changed = self._remove_template(outcome.config_file)
            remove(os.path.join(self.folder, _ENROLMENT))
            self._tidy(purge)
        return outcome

    def _leave(self, scope: str, notes: list[str]) -> bool:
        file, record = settings_file(scope, self.root), self._record(scope)
        record.projects = {
            key for key in record.projects if os.path.exists(os.path.join(self.state_dir, key, COMPILED))
        }
        changed = unregister(file, record, self.key)
        if record.projects:
            notes.append(f"{file.name} keeps the hooks: other projects use them ({len(record.projects)})")
        elif holds_hooks(file):
            notes.append(
                f"{file.name} holds the hooks, as before `memguard init`; they act only where someone opted in"
            )
        return changed

    def _write_template(self, outcome: Outcome) -> bool:
        """The template, where nothing of its name is there, not even a link that leads nowhere.

        Its digest goes first: a file of ours that isn't noted would stay for ever.
        """
        path = os.path.join(self.folder, _ENROLMENT)
        noted, text = read_pairs(path).get("template", ""), project_template().encode()
        missing = not os.path.lexists(outcome.config_file)
        write_pairs(path, {"scope": outcome.scope, "template": digest(text) if missing else noted})
        return missing and _create(outcome.config_file, text)

    def _remove_template(self, path: str) -> bool:
        template = read_pairs(os.path.join(self.folder, _ENROLMENT)).get("template", "")
        if not template or os.path.islink(path):
            return False
        try:
            with open(path, "rb") as file:
                unchanged = digest(file.read(len(project_template()) * 4)) == template
        except OSError:
            return False
        return unchanged and remove(path)

    def _tidy(self, purge: bool = False) -> None:
        if purge and os.path.isdir(self.folder) and not os.path.islink(self.folder):
            _remove_tree(self.folder)
        elif os.path.isdir(self.folder) and not os.listdir(self.folder):
            os.rmdir(self.folder)
        if not any(_scope_of(self.state_dir, name) == "project" for name in os.listdir(self.state_dir)):
            remove_shim(self.state_dir)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = filelock.FileLock(os.path.join(self.state_dir, "optin.lock"), timeout=_LOCK_TIMEOUT_S, mode=0o600)
        try:
            with lock:
                yield
        except filelock.Timeout:
            raise StateError("another memguard init or uninstall has been at work for 30 s", "try again") from None
        except OSError as error:
            raise StateError(f"{shown(error.filename)}: {error.strerror}", "check the disk and permissions") from None


def _scope_of(state_dir: str, name: str) -> str:
    return read_pairs(os.path.join(state_dir, name, _ENROLMENT)).get("scope", "")


def _create(path: str, data: bytes) -> bool:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileExistsError:
        return False
    except OSError as error:
        raise ClientError(f"{shown(path)} can't be written: {error.strerror}", "check the folder") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return True


def _remove_tree(folder: str) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StateError(f"{shown(error.filename)} can't be removed: {error.strerror}", "remove it by hand") from None
