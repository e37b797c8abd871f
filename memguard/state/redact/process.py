"""What a process was started with: its variables and its command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.state.redact.commands import short_flag_secret
from memguard.state.redact.names import is_secret_name, is_secret_word
from memguard.state.redact.span import BY_NAME
from memguard.state.redact.text import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BY_NAME = f"[redacted:{BY_NAME}]"
_PASSWORD = "[redacted:password]"  # noqa: S105  what stands in the place of one
# They take `pass:X`, and just as well the name of a file or of a variable.
_OPENSSL_FLAGS = ("-passin", "-passout")


def redact_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Values of variables that are secret by name, or look like one, replaced."""
    return dict(_variable(name, value) for name, value in environment.items())


def _variable(name: str, value: str) -> tuple[str, str]:
    if not value or is_secret_name(name):
        return redact_text(name), _BY_NAME if value else value
    # Together, since some rules go by the name of the service that it begins with.
    shown, _, rest = redact_text(f"{name}={value}").partition("=")
    return shown, rest


def redact_arguments(arguments: Iterable[str]) -> list[str]:
    """A command line with the values of secret flags (`--api-key X`, `--token=X`, `PASSWORD=X`) replaced.

    `-p X` and the like are secret flags behind the programs that take a password so (`mysql`, `sshpass`, `curl -u`).
    """
    words = list(arguments)
    return [_word(words, place) for place in range(len(words))]


def _word(words: list[str], place: int) -> str:
    word, before = words[place], words[place - 1] if place else ""
    if before.startswith("-") and is_secret_word(before) and "=" not in before and not word.startswith("-"):
        return _BY_NAME
    if before in _OPENSSL_FLAGS and word.startswith("pass:"):
        return f"pass:{_PASSWORD}"
    name, equals, value = word.partition("=")
    if equals and value and is_secret_word(name):
        return f"{redact_text(name)}={_BY_NAME}"
    secret = short_flag_secret(words, place) if place else -1
    return redact_text(word) if secret < 0 else redact_text(word[:secret]) + _PASSWORD
