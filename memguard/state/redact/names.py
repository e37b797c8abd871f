"""The names of secrets: of variables, flags, members, fields. One list, for what is named and for text that names it.

The expressions look at text in lower case, and each begins with a literal, which `re` searches for first.
"""

from __future__ import annotations

import re

# A key is secret by the word before it: `sort key` is none.
_KEY_OF = (
    rb"api", rb"access", rb"private", rb"secret", rb"account", rb"auth", rb"encryption", rb"signing", rb"master",
    rb"shared", rb"license", rb"service", rb"session", rb"deploy",
)  # fmt: skip
# Words that end in `pass` and let nobody in.
_NO_PASS = (rb"by", rb"com", rb"tres", rb"sur", rb"over", rb"under", rb"high", rb"low", rb"band", rb"all", rb"first")
PASS, AUTH, AUTHORIZATION, PAT, DSN = b"pass", b"auth", b"authorization", b"_pat", b"dsn"
NAMES = (
    re.compile(
        rb"p(?:ass(?:w(?:or)?d|phrase|wd|code|(?![a-z])%b)|wd)" % b"".join(b"(?<!%bpass)" % word for word in _NO_PASS)
    ),
    re.compile(rb"secret"),
    re.compile(rb"token"),
    re.compile(
        rb"key(?:" + b"|".join(b"(?<=%s.key)|(?<=%skey)" % (word, word) for word in _KEY_OF) + rb"|(?<=[?&]key))"
    ),
    re.compile(rb"sig(?:nature)?(?==)(?:(?<=[?&]sig)|(?<=[?&-]signature))"),
    re.compile(rb"auth(?:orization|(?![a-z]))"),
    re.compile(rb"credential"),
    re.compile(rb"_pat(?![a-z])"),
    re.compile(rb"dsn(?![a-z])"),
)
# In the environment and as a flag's name these say enough. In text they stand for much else.
_NAMES_ALONE = re.compile(rb"key|auth(?!or(?!i))|cookie|private|session_id\Z|signature|webhook")
# Names that look like secrets and say where something is, or how: left readable.
_HARMLESS_NAME = re.compile(
    rb"(?:(?:old)?pwd\Z|ssh_auth_sock|xauthority|gpg_tty|keyboard|keymap|claude_code_session_id"
    rb"|max_thinking_tokens|claude_code_max_output_tokens)"
)
_LONGEST_FLAG = 64


def is_secret_name(name: str) -> bool:
    """Whether what is called so is a secret, whatever it looks like."""
    folded = name.lower().encode("utf-8", "replace")
    is_named = bool(_NAMES_ALONE.search(folded)) or any(each.search(folded) for each in NAMES)
    return is_named and not _HARMLESS_NAME.match(folded)


def is_secret_word(word: str) -> bool:
    """The same of a word on a command line: a flag or a variable's name, and no prompt that speaks of tokens."""
    return len(word) < _LONGEST_FLAG and " " not in word and is_secret_name(word)
