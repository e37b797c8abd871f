"""A key file: a first line that says its kind, then `name=value` lines in one order and one spelling.

The form is in `docs/envelope.md`, "Key files". A reader that finds anything else refuses the file.
"""

from __future__ import annotations

import re

from memguard.core.errors import StateError
from memguard.state.envelope import fingerprint
from memguard.state.files import shown

VERSION = 2  # 1 was one line and one pair for all times, see `takeover`
PUBLIC = "public"
PRIVATE = "private"
KEYRING = "keyring"
PASSPHRASE = "passphrase"  # noqa: S105  a kind of file
PLACES = (PRIVATE, KEYRING, PASSPHRASE)  # where a private half can be; the first that opens without asking comes first
LONGEST_BYTES = 4096

_MARK = "memguard-key "
_KEY = "[0-9a-f]{64}"
_TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
_HALF = {"public": _KEY, "made": _TIME}
_FORMS = {
    PUBLIC: _HALF,
    PRIVATE: _HALF | {"private": _KEY},
    KEYRING: _HALF | {"backend": "[ -~]{1,100}"},
    PASSPHRASE: _HALF
    | {"scrypt": "[1-9][0-9]? [1-9][0-9]{0,2} [1-9][0-9]?", "salt": "[0-9a-f]{32}", "sealed": "[0-9a-f]{96}"},
}


class KeyFile:
    """One key's file of one kind, as text values by name."""

    __slots__ = ("kind", "values")

    def __init__(self, kind: str, public: bytes, made: str, **more: str) -> None:
        """`made` is a time in UTC such as 2026-11-23T09:00:00Z; `more` is what this kind holds besides."""
        self.kind = kind
        self.values = {"public": public.hex(), "made": made, **more}

    @property
    def public(self) -> bytes:
        """The public half, 32 bytes."""
        return bytes.fromhex(self.values["public"])

    @property
    def made(self) -> str:
        """When the pair was made, in UTC."""
        return self.values["made"]

    @property
    def fingerprint(self) -> str:
        """The key's name: 16 hexadecimal digits."""
        return fingerprint(self.public)

    def to_text(self) -> str:
        """The whole file."""
        return f"{_MARK}{VERSION} {self.kind}\n" + "".join(
            f"{name}={self.values[name]}\n" for name in _FORMS[self.kind]
        )


# The length of every private half's file: of one that is not opened, it tells whether it was cut off.
PRIVATE_BYTES = len(KeyFile(PRIVATE, bytes(32), "2026-11-23T09:00:00Z", private=bytes(32).hex()).to_text())


def parse(text: str, path: str) -> KeyFile:
    """The file with this content; StateError, naming `path`, for anything that `to_text` would not write."""
    first, *lines = text.split("\n")[:-1] or [""]
    kind = first.removeprefix(f"{_MARK}{VERSION} ")
    if first.startswith(_MARK) and kind == first and re.fullmatch(f"{_MARK}[0-9]{{1,6}} [a-z]{{1,20}}", first):
        raise StateError(f"{shown(path)} is of a newer memguard", "install that one (`pip install -U claude-memguard`)")
    form = _FORMS.get(kind, {})
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    if form and list(values) == list(form) and all(re.fullmatch(form[name], values[name]) for name in form):
        found = KeyFile(kind, bytes.fromhex(values.pop("public")), values.pop("made"), **values)
        if found.to_text() == text:
            return found
    raise broken(path)


def parts(text: str) -> list[str]:
    """The text of each key file in a text that holds several, one after the other."""
    starts = [found.start() for found in re.finditer(f"^{_MARK}", text, re.MULTILINE)]
    return [text[start:end] for start, end in zip([0, *starts[1:]], [*starts[1:], len(text)], strict=True)]


def broken(path: str) -> StateError:
    """The error of a file that no memguard has written, or not to its end."""
    return StateError(
        f"{shown(path)} is not a key file of memguard",
        "put it back from a backup or an export, or remove it and lose it",
    )
