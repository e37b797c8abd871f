"""Secrets in text that are known by the name before them: `DB_PASSWORD=...`, `"api_key": "..."`, `--token ...`.

A name alone proves little in source code (`token = next(tokens)`), so the value has to look like one, too. How much so
depends on the form: a shell variable's value is taken as it is, a bare word in code has to hold letters and digits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memguard.state.redact.span import BY_NAME, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMED, _HEADER = 1, 2
# In lower case. A key is secret by the word before it: `sort key` is none.
_KEY_OF = (
    rb"api", rb"access", rb"private", rb"secret", rb"account", rb"auth", rb"encryption", rb"signing", rb"master",
    rb"shared", rb"license", rb"service", rb"session", rb"deploy",
)  # fmt: skip
_NAMES = (
    re.compile(rb"p(?:ass(?:w(?:or)?d|phrase|wd|code)|wd)"),
    re.compile(rb"secret"),
    re.compile(rb"token"),
    re.compile(
        rb"key(?:" + b"|".join(b"(?<=%s.key)|(?<=%skey)" % (word, word) for word in _KEY_OF) + rb"|(?<=[?&]key))"
    ),
    re.compile(rb"sig(?:nature)?(?==)(?:(?<=[?&]sig)|(?<=[?&-]signature))"),
)
# After the name: the rest of it (in another case, or parted: a `tokenizer` is no token), a separator, a value.
_REST = rb"s?(?P<rest>(?:[A-Z0-9_.-][\w.-]{0,24})?+)"
_SEPARATOR = rb"""["'`]?\]?[ \t]{0,3}(?P<separator>=>|:=|={1,2}|:|(?<=["']),)[ \t\r]{0,3}"""
_VALUE = (
    rb"""(?:(?P<quote>["'`])(?P<quoted>[^"'`\s<>{}]{4,512}+)"""
    rb"""|(?P<bare>[^\s"'`<>(){}\[\],;&|$][^\s"'`<>(){}\[\],;&|]{3,511}+))"""
)
_ASSIGNMENT = re.compile(_REST + rb"(?:" + _SEPARATOR + rb"|(?P<gap>[ \t]{1,3}))" + _VALUE)
_FLAG = re.compile(rb"--?[A-Za-z][\w-]*+")
_FLAG_BYTES = 48
_WORD_ENDS = (b" ", b"\t", b"\r", b'"', b"'", b"`", b"=", b"(")
# What says where a secret is, or how it is handled.
_ABOUT = re.compile(
    rb"(?i)(?:file|path|dir|folder|url|uri|endpoint|host|name|ids?|type|kind|count|len|length|size|limit|max|min|ttl|at|"
    rb"expir\w{0,8}|env|var|encryption|header|field|prefix|suffix|format|regex|pattern|policy|hint|label|index|provider|manager|"
    rb"usage|used|budget|version|algorithm|enabled|required|ref|class|input|mode|rules?|alias)\Z"
)
_PLACEHOLDER = re.compile(
    rb"(?i)\[redacted|x{4}|\*{3}|\.{3}|%\(|%s\Z|\A\$|\$[{(]|your[_-]|example|placeholder|change_?me|undefined|(?:true|false|null|none)\Z"
)
_MIXED = re.compile(rb"(?=[^0-9]{0,99}[0-9])[^A-Za-z]{0,99}[A-Za-z]")
# Words, identifiers and member chains of a program, numbers with units, versions, dates, paths and addresses.
_HARMLESS = re.compile(
    rb"[a-z]+://.*|[~.]{0,2}/.*|v?[0-9]+(?:[.:_-][0-9A-Za-z]{1,6}){0,5}[A-Za-z%]{0,3}|[A-Za-z_]\w*(?:(?:\.|::|->)\w+)+"
)
# Too mixed and too long for any of them.
_DENSE = re.compile(rb"(?=[^0-9]{0,64}[0-9])(?=[^a-z]{0,64}[a-z])(?=[^A-Z]{0,64}[A-Z])[\w+/=~-]{24,}")
_MOST_SLASHES = 4
_IDENTIFIER = re.compile(rb"[A-Za-z_]+[0-9]{0,3}(?:_[A-Za-z]+[0-9]{0,2})*")
_SHORTEST, _SHORTEST_TOKEN = 6, 8
_PUNCTUATION = b":.,!?"
_CALL = (b"(", b"[", b".")
_AUTHORIZATION = re.compile(rb"authorization")
_SCHEME = rb"(?i:bearer|basic|token|digest|apikey|bot|negotiate)"
_CREDENTIAL = re.compile(
    rb"""["'`]?[ \t]{0,2}(?:[:=,][ \t]{0,2})?["'`]?(?:%b[ \t]{1,2})?(?P<value>[\w.~+/=-]{8,4096}+)""" % _SCHEME
)
_LONG_CREDENTIAL = 24
_BEARER = re.compile(rb"bearer (?=[\w.~+/-]{16})")
_COOKIE = re.compile(rb"cookie(?=[\"'`]?[ ]{0,2}:)")
_PAIRS = re.compile(rb"""["'`]?[ ]{0,2}:[ ]{0,2}["'`]?(?P<value>(?:[\w.-]{1,64}+=[^\s;,"'`]{1,1024}+;?[ ]?){1,40}+)""")


def named_spans(text: bytes) -> Iterator[Span]:
    """The secrets in a view, by their names; in no order, and they may overlap."""
    folded = text.lower()
    for name in _NAMES:
        last = 0
        for hit in name.finditer(folded):
            # A value that was looked at is not walked again from a name within it.
            if hit.start() >= last and (match := _ASSIGNMENT.match(text, hit.end())):
                last = match.end()
                if _is_secret(text, hit.start(), match):
                    yield Span(*match.span("quoted" if match["quote"] else "bare"), BY_NAME, _NAMED)
    yield from _headers(text, folded)


def _headers(text: bytes, folded: bytes) -> Iterator[Span]:
    for hit in _AUTHORIZATION.finditer(folded):
        yield from _credential(text, hit.end())
    for hit in _BEARER.finditer(folded):
        yield from _credential(text, hit.end())
    last = 0
    for hit in _COOKIE.finditer(folded):
        if hit.start() >= last and (pairs := _PAIRS.match(text, hit.end())):
            last = pairs.end()
            yield Span(*pairs.span("value"), "cookie", _HEADER)


def _credential(text: bytes, place: int) -> Iterator[Span]:
    match = _CREDENTIAL.match(text, place)
    value = match["value"] if match else b""
    if match and _MIXED.match(value) and (len(value) >= _LONG_CREDENTIAL or not _is_harmless(value)):
        yield Span(*match.span("value"), "authorization", _HEADER)


def _is_secret(text: bytes, start: int, match: re.Match[bytes]) -> bool:
    value = (match["quoted"] or match["bare"]).rstrip(_PUNCTUATION)
    if _ABOUT.search(match["rest"]) or _PLACEHOLDER.search(value):
        return False
    is_flag = _is_flag(text[max(0, start - _FLAG_BYTES) : start + 1])
    if match["gap"]:
        return is_flag and not value.startswith(b"-")
    if is_flag or _is_variable(text, start, match):
        return not _is_harmless(value) and not value.isdigit()
    return _looks_secret(text, start, match, value)


def _is_flag(before: bytes) -> bool:
    """Whether a name is one, by what stands before its second letter."""
    word = max(before.rfind(end) for end in _WORD_ENDS) + 1
    return _FLAG.fullmatch(before, word) is not None


def _is_variable(text: bytes, start: int, match: re.Match[bytes]) -> bool:
    """`NAME=value` of a shell or an environment file."""
    name = text[start : match.start("separator")]
    return match["separator"] == b"=" and name.isupper() and text[match.end("separator")] not in b" \t\r"


def _looks_secret(text: bytes, start: int, match: re.Match[bytes], value: bytes) -> bool:
    if len(value) < _SHORTEST or not _MIXED.match(value) or _is_harmless(value):
        return False
    if match["quote"]:
        return True
    # Bare, a password may be `hunter2`; a token that looks so is a variable.
    is_word = text[start : start + 1] not in b"pP" and (len(value) < _SHORTEST_TOKEN or _IDENTIFIER.fullmatch(value))
    return not is_word and not text.startswith(_CALL, match.end())


def _is_harmless(value: bytes) -> bool:
    if _DENSE.fullmatch(value) and value.count(b"/") <= _MOST_SLASHES:
        return False
    return _HARMLESS.fullmatch(value) is not None
