"""What memguard remembers of a settings file that it changed, so that it can be given back as it was."""

import hashlib
import os

from memguard.core.layout import private_dir, read_pairs, remove, write_atomic, write_pairs


def digest(data: bytes) -> str:
    """The name of a content."""
    return hashlib.sha256(data).hexdigest()


class Record:
    """The record, in `folder`, of the settings file of a scope.

    `original` is the file without memguard, byte for byte; None: there was no file. `written` is the digest of what
    memguard wrote: only as long as that is what the file holds does `original` say what it was before. `projects`
    are the keys of the projects that use the file.
    """

    __slots__ = ("_bytes_path", "_pairs_path", "created", "created_folder", "folder", "original", "projects", "written")

    def __init__(self, folder: str, scope: str) -> None:
        self.folder = folder
        self._pairs_path = os.path.join(folder, f"settings-{scope}")
        self._bytes_path = os.path.join(folder, f"settings-{scope}.original")
        pairs = read_pairs(self._pairs_path)
        self.written = pairs.get("written", "")
        self.created = pairs.get("created") == "1"
        self.created_folder = pairs.get("created_folder") == "1"
        self.projects = {key for key in pairs.get("projects", "").split(",") if key}
        self.original = self._read_original() if pairs.get("original") == "1" else None
        if pairs.get("original") == "1" and self.original is None:
            self.written = ""  # the bytes are lost: nothing but taking entries out is left

    def _read_original(self) -> bytes | None:
        try:
            with open(self._bytes_path, "rb") as file:
                return file.read()
        except OSError:
            return None

    def fits(self, data: bytes | None) -> bool:
        """Whether the file still is what memguard wrote."""
        return data is not None and bool(self.written) and digest(data) == self.written

    def save(self, settings_path: str) -> None:
        """Write the record, the original first: a record without it would promise what can't be kept."""
        private_dir(self.folder)
        if self.original is None:
            remove(self._bytes_path)
        else:
            write_atomic(self._bytes_path, self.original)
        pairs: dict[str, object] = {
            "settings": settings_path,
            "written": self.written,
            "original": int(self.original is not None),
            "created": int(self.created),
            "created_folder": int(self.created_folder),
            "projects": ",".join(sorted(self.projects)),
        }
        write_pairs(self._pairs_path, pairs)

    def forget(self) -> None:
        """Remove the record and the original."""
        remove(self._pairs_path)
        remove(self._bytes_path)
