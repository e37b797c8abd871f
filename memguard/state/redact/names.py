"""Secrets that are known by the name of the variable or flag that holds them."""

from __future__ import annotations

import re

BY_NAME_PLACEHOLDER = "[redacted:by-name]"
_SECRET_NAME = re.compile(
    r"KEY|TOKEN|SECRET|PASS(?:W|PHRASE|CODE|$|_)|PASSWD|PWD$|AUTH(?!OR(?!I))|CREDENTIAL|COOKIE|PRIVATE|DSN$|_PAT$"
    r"|SESSION_ID$|SIGNATURE|WEBHOOK",
    re.IGNORECASE,
)
# Names that look like secrets and say where something is, or how: left readable.
_HARMLESS_NAME = re.compile(
    r"^(?:(?:OLD)?PWD$|SSH_AUTH_SOCK|XAUTHORITY|GPG_TTY|KEYBOARD|KEYMAP|CLAUDE_CODE_SESSION_ID"
    r"|MAX_THINKING_TOKENS|CLAUDE_CODE_MAX_OUTPUT_TOKENS)",
    re.IGNORECASE,
)
_LONGEST_FLAG = 64


def is_secret_name(name: str) -> bool:
    """Whether what is called so is a secret, whatever it looks like."""
    return bool(_SECRET_NAME.search(name)) and not _HARMLESS_NAME.match(name)


def is_secret_word(word: str) -> bool:
    """The same of a word on a command line: a flag or a variable's name, and no prompt that speaks of tokens."""
    return len(word) < _LONGEST_FLAG and " " not in word and is_secret_name(word)
