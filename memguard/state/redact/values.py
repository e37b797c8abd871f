"""What stands behind the name of a secret: one, or what a program, a form or a manual has there."""

from __future__ import annotations

import re

_PLACEHOLDER = re.compile(
    rb"(?i)\[redacted|x{4}|\*{3}|\.{3}|%\(|%s\Z|\A\$|\$[{(]|your[_-]|example|placeholder|change_?me|undefined"
    rb"|(?:true|false|null|none)\Z|\{\{|<%|\{[a-z_.]*\}|\A<.*>\Z|\A\{.*\}\Z|\A\(.*\)\Z|\A\[.*\]\Z"
)
# A long random value holds four `x` in a row by chance.
_PLACEHOLDER_BYTES = 64
_MIXED = re.compile(rb"(?=[^0-9]{0,99}[0-9])[^A-Za-z]{0,99}[A-Za-z]")
# Words, identifiers, calls and member chains of a program, numbers with units, versions, dates, paths and addresses.
_HARMLESS = re.compile(
    rb"[a-z]+://.*|[~.]{0,2}/[^{<&;,]*|v?[0-9]+(?:[.:_-][0-9A-Za-z]{1,6}){0,5}[A-Za-z%]{0,3}|[A-Za-z_]\w*(?:(?:\.|::|->)\w+)+"
    rb"|[A-Za-z_][\w.]*+\([^()]*\)|[a-z]+(?:\|[a-z]+(?::[a-z0-9,]+)?)+"
)
# Too mixed and too long for any of them.
_DENSE = re.compile(rb"(?=[^0-9]{0,64}[0-9])(?=[^a-z]{0,64}[a-z])(?=[^A-Z]{0,64}[A-Z])[\w+/=~-]{24,}")
# Of random base64 one letter in 64 is a slash, of a path one in 8.
_MOST_SLASHES, _BYTES_PER_SLASH = 4, 24
_IDENTIFIER = re.compile(rb"[A-Za-z_]+[0-9]{0,3}(?:_[A-Za-z]+[0-9]{0,2})*")
_SHORTEST = 6
# What has spaces and is longer than this is prose.
_LONGEST_PHRASE = 128
_PUNCTUATION = b":.,!?()'\"`"
# What forms, schemas and translations have behind the name of a password: its type, its label, what is wrong with it.
_SHORTEST_CHOSEN = 8
_LABEL = re.compile(
    rb"(?i)required|optional|disabled|forbidden|incorrect|(?:in)?valid\w*|(?:un)?defined|default|boolean|sensitive|"
    rb"protected|encrypted|plain_?text|(?:min|max)\w*|mandatory|missing|mismatch|nullable|writeonly|readonly|"
    rb"kennwort|contrase.{1,3}|wachtwoord|adgangskode|mot.de.passe|[\w.:-]*(?:pass(?:w(?:or)?[dt]|phrase|code)?|pwd)(?:[A-Z_.:-].*)?"
)
_BASE64 = re.compile(rb"(?=[^0-9]{0,64}[0-9])(?=[^a-z]{0,64}[a-z])(?=[^A-Z]{0,64}[A-Z])[\w+/=:.~-]{12,}")
_TOKEN = re.compile(rb"[\w.~+/=-]{16,}")


def is_placeholder(value: bytes) -> bool:
    """Whether it says that a secret belongs there, or what one was replaced by."""
    return _PLACEHOLDER.search(value[:_PLACEHOLDER_BYTES]) is not None


def is_mixed(value: bytes) -> bool:
    """Whether it has letters and digits."""
    return _MIXED.match(value) is not None


def is_identifier(value: bytes) -> bool:
    """Whether it is a name that a program may have for something."""
    return _IDENTIFIER.fullmatch(value) is not None


def is_harmless(value: bytes) -> bool:
    """Whether it is something of another kind, although letters and digits are in it."""
    if _DENSE.fullmatch(value) and value.count(b"/") <= max(_MOST_SLASHES, len(value) // _BYTES_PER_SLASH):
        return False
    return _HARMLESS.fullmatch(value) is not None


def looks_random(value: bytes) -> bool:
    """Whether it is one word that nobody writes for anything but a secret."""
    return len(value) >= _SHORTEST and is_mixed(value) and not is_harmless(value)


def is_token(value: bytes) -> bool:
    """Whether it is long and of the letters that tokens are of."""
    return _TOKEN.fullmatch(value) is not None and is_mixed(value)


def is_base64(value: bytes) -> bool:
    """Whether it may be encoded: lower case, upper case and digits."""
    return _BASE64.fullmatch(value) is not None


def is_phrase(value: bytes) -> bool:
    """Whether a value with spaces is a secret: where one of its words is, other than one with a number behind it."""
    if len(value) > _LONGEST_PHRASE:
        return False
    words = [word.strip(_PUNCTUATION) for word in value.split()]
    return any(looks_random(word) and not is_identifier(word) for word in words)


def is_chosen(value: bytes) -> bool:
    """Whether one word without a digit may be a password that a person has chosen."""
    return len(value) >= _SHORTEST_CHOSEN and not _LABEL.fullmatch(value) and not is_harmless(value)
