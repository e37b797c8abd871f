"""Keyrings for tests. There is no desktop here: what is shown is how memguard speaks to the library, not a real one."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class InMemory(KeyringBackend):
    """Keeps entries in this process."""

    priority = 0.1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library's
        self.entries: dict[tuple[str, str], str] = {}
        self.is_locked = False
        self.asked = 0

    def _entries(self) -> dict[tuple[str, str], str]:
        self.asked += 1
        if self.is_locked:
            raise KeyringLocked("the collection is locked")
        return self.entries

    def get_password(self, service: str, username: str) -> str | None:
        return self._entries().get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._entries()[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self._entries().pop((service, username), None) is None:
            raise PasswordDeleteError("no such entry")


class Forgetful(InMemory):
    """Takes everything and keeps nothing, as the library's null backend."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password)
        self.entries.clear()


class Foreign(InMemory):
    """Raises what only its own library knows."""

    def get_password(self, service: str, username: str) -> str | None:
        raise ZeroDivisionError(f"no bus for {service} {username}\x1b[31m")


class InFile(InMemory):
    """Keeps entries across processes, in the file that the variable MEMGUARD_TEST_KEYRING names."""

    name = "Test Keyring"

    @property
    def _path(self) -> Path:
        return Path(os.environ["MEMGUARD_TEST_KEYRING"])

    def _entries(self) -> dict[tuple[str, str], str]:
        if self._path.exists():
            self.entries = {tuple(key): value for *key, value in json.loads(self._path.read_text())}
        return self.entries

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password)
        self._save()

    def delete_password(self, service: str, username: str) -> None:
        super().delete_password(service, username)
        self._save()

    def _save(self) -> None:
        self._path.write_text(json.dumps([[*key, value] for key, value in self.entries.items()]))
