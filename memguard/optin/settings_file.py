"""The client's settings file of a scope: where it is, read and replaced without ever leaving a part of it."""

import os
import stat
from dataclasses import dataclass

from memguard.config.inside import is_inside
from memguard.config.shown import shown
from memguard.core.errors import ClientError
from memguard.state.files import sync_dir

SCOPES = ("local", "project", "user")
# The largest seen in use is some 50 KB; the text is walked once for each hook.
_LARGEST_BYTES = 4 * 1024 * 1024
_TEMPORARY = ".memguard"  # one name, so that the next run finds it; a lock keeps two runs apart


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """`path` as the person knows it; links may not lead out of `boundary`."""

    scope: str
    path: str
    boundary: str

    @property
    def folder(self) -> str:
        """The `.claude` folder."""
        return os.path.dirname(self.path)

    @property
    def name(self) -> str:
        """The path, fit for a line of text."""
        return shown(self.path)

    def read(self) -> bytes | None:
        """What the file holds; None where there is none. ClientError where it isn't a file of this project."""
        real = self._real()
        try:
            descriptor = os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ClientError(f"{self.name} can't be read: {error.strerror}", "check the file") from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ClientError(f"{self.name} is not a regular file", "nothing was changed; move it out of the way")
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
        if len(data) > _LARGEST_BYTES:
            raise ClientError(f"{self.name} is larger than 4 MB", "nothing was changed; check the file")
        return data

    def replace(self, before: bytes | None, after: bytes | None) -> bool:
        """Make the file `after` (None: no file); False, and nothing done, where it isn't `before` any more.

        The client writes this file too, and takes no lock: what it wrote meanwhile must not be lost.
        """
        try:
            return self._replaced(before, after)
        except OSError as error:
            raise ClientError(
                f"{self.name} can't be written: {error.strerror}", "check the disk and the file's permissions"
            ) from None

    def clear(self) -> None:
        """Remove what a run that was killed left beside the file."""
        _remove(self._real() + _TEMPORARY)

    def _replaced(self, before: bytes | None, after: bytes | None) -> bool:
        real = self._real()
        if after is None:
            if self.read() != before:
                return False
            os.unlink(real)
            return True
        os.makedirs(os.path.dirname(real), exist_ok=True)
        temporary = real + _TEMPORARY
        try:
            _write_like(real, temporary, after)
            if self.read() != before:
                return False
            os.replace(temporary, real)
        finally:
            _remove(temporary)
        sync_dir(os.path.dirname(real))
        return True

    def _real(self) -> str:
        real = os.path.realpath(self.path)
        if os.path.islink(real):
            raise ClientError(f"{self.name} is a link that leads round in a circle", "nothing was changed; remove it")
        if not is_inside(real, self.boundary):
            outside = f"{self.name} is a link to outside {shown(self.boundary)}"
            raise ClientError(outside, "nothing was changed; make it a plain file")
        return real


def settings_file(scope: str, root: str) -> SettingsFile:
    """The settings file of one of SCOPES for the project at `root`."""
    if scope == "user":
        home = os.path.expanduser("~")
        folder = os.path.abspath(os.environ.get("CLAUDE_CONFIG_DIR") or os.path.join(home, ".claude"))
        return SettingsFile(scope, os.path.join(folder, "settings.json"), home if is_inside(folder, home) else folder)
    name = "settings.json" if scope == "project" else "settings.local.json"
    return SettingsFile(scope, os.path.join(root, ".claude", name), root)


def _write_like(original: str, path: str, data: bytes) -> None:
    """Write a new file with the mode and owner of `original`; where there is none, with the usual ones."""
    try:
        status = os.stat(original)
    except FileNotFoundError:
        status = None
    _remove(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o666 if status is None else 0o600), "wb") as file:
        if status is not None and os.name == "posix":
            _take_owner(file.fileno(), status)
            os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _take_owner(descriptor: int, status: os.stat_result) -> None:
    """Root in a container edits files of others: they must be able to read them afterwards."""
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) == (status.st_uid, status.st_gid):
        return
    try:
        os.fchown(descriptor, status.st_uid, status.st_gid)
    except PermissionError:
        if now.st_uid != status.st_uid:
            raise


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return
