"""Secrets in text that are known by the name before them: `DB_PASSWORD=...`, `"api_key": "..."`, `--token ...`.

A name alone proves little in source code (`token = next(tokens)`), so the value has to look like one, too. How much so
depends on the form: a shell variable's value is taken as it is, a bare word in code has to hold letters and digits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memguard.state.redact.headers import CREDENTIAL, credential_spans, header_spans
from memguard.state.redact.names import AUTH, AUTHORIZATION, DSN, NAMES, PASS, PAT
from memguard.state.redact.span import BY_NAME, Span
from memguard.state.redact.values import (
    is_base64,
    is_chosen,
    is_harmless,
    is_identifier,
    is_mixed,
    is_phrase,
    is_placeholder,
    is_token,
    looks_random,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMED = 1
# After the name: the rest of it (in another case, or parted: a `tokenizer` is no token), a separator, a value.
_REST = rb"s?(?P<rest>(?:[A-Z0-9_.-][\w.-]{0,24})?+)"
_SEPARATOR = rb"""["'`]?\]?[ \t]{0,3}(?P<separator>=>|:=|={1,2}|:|(?<=["']),)[ \t\r]{0,3}"""
# In quotes up to the quote that closes, and no two values in the same quotes can share what they walk. Without: up to
# where most values end, and what is behind that is looked at once it is known to be a secret. Tokens of cloud services
# are longer than 512 bytes, keys of service accounts longer than 4 KiB.
_VALUE = (
    rb"""(?:"(?P<double>[^\s"][^"\r\n]{3,16383}+)(?=")|'(?P<single>[^\s'][^'\r\n]{3,16383}+)(?=')"""
    rb"""|`(?P<back>[^\s`][^`\r\n]{3,16383}+)(?=`)|(?<==)(?P<odd>[<{(\[&;,|][^\s"'`]{5,63}+)"""
    rb"""|(?P<open>["'`])?(?P<bare>[^\s"'`<>(){}\[\],;&|$][^\s"'`<>(){}\[\],;&|]{0,511}+))"""
)
ASSIGNMENT = re.compile(_REST + rb"(?:" + _SEPARATOR + rb"|(?P<gap>[ \t]{1,3}))" + _VALUE)
_TO_SPACE = re.compile(rb"""[^\s"'`]{0,16384}+""")
_ODD = re.compile(rb"""[{<&](?!&)[^\s"'`]{1,64}+""")
_TO_RUNS_END = re.compile(rb"[\w+/=.~%-]{0,16384}+")
_FLAG = re.compile(rb"--?[A-Za-z][\w-]*+")
_BEFORE_BYTES = 192
_WORD_ENDS = (b" ", b"\t", b"\r", b'"', b"'", b"`", b"=", b"(")
_LONGEST_FLAG = 48
# `set aws_secret_access_key X` of programs that keep settings, `login me password X` of netrc, `-passin pass:X`.
_SETS = re.compile(rb"(?:\A|[\s\"'`:-])set[ \t]{1,3}[\w./:-]{0,64}\Z")
_LOGS_IN = re.compile(rb"login\s{1,8}\S{1,128}\s{1,8}\Z")
_PASSES = re.compile(rb"""-pass(?:in|out)?[ \t=]{1,3}["'`]?\Z""")
# What says where a secret is, or how it is handled.
_ABOUT = re.compile(
    rb"(?i)(?:file|path|dir|folder|url|uri|endpoint|host|name|user|ids?|type|kind|count|len|length|size|limit|max|min|ttl|at|"
    rb"expir\w{0,8}|env|var|encryption|header|field|prefix|suffix|format|regex|pattern|policy|hint|label|index|provider|manager|"
    rb"usage|used|budget|version|algorithm|enabled|required|ref|class|input|mode|rules?|alias|rate|ratio|fail|through|text)\Z"
)
_SHORTEST, _SHORTEST_TOKEN = 4, 8
_CALL = (b"(", b"[", b".")
# Behind the first letters of a variable's value: of a value all the same.
_GOES_ON = tuple(bytes((sign,)) for sign in b"<>(){}[],;&|")
_PUNCTUATION = b":.,!?"
_UNSURE = (AUTH, PAT, DSN)
_PREFIX = re.compile(rb"[A-Za-z0-9_-]\Z")


def named_spans(text: bytes) -> Iterator[Span]:
    """The secrets in a view, by their names; in no order, and they may overlap."""
    folded = text.lower()
    for name in NAMES:
        last = 0
        for hit in name.finditer(folded):
            # A value that was looked at is not walked again from a name within it.
            if hit.start() < last:
                continue
            if hit[0] == AUTHORIZATION:
                if match := CREDENTIAL.match(text, hit.end()):
                    last = match.end()
                    yield from credential_spans(match)
            elif match := ASSIGNMENT.match(text, hit.end()):
                found = _Assignment(text, hit, match)
                last = found.looked_at
                if found.is_secret:
                    yield Span(match.start(found.group), last, BY_NAME, _NAMED)
    yield from header_spans(text, folded)


class _Assignment:
    """A name, and what is assigned to it: `hit` in the view in lower case, and the `match` behind it."""

    def __init__(self, text: bytes, hit: re.Match[bytes], match: re.Match[bytes]) -> None:
        self._text, self._match, self._word, self._start = text, match, hit[0], hit.start()
        self._before = text[max(0, self._start - _BEFORE_BYTES) : self._start]
        self.group = match.lastgroup or ""
        self._is_quoted = self.group not in {"bare", "odd"}
        value = match[self.group]
        self._value = value if self._is_quoted else value.rstrip(_PUNCTUATION)
        self._is_flag = _is_flag(text[max(0, self._start - _LONGEST_FLAG) : self._start + 1])
        self._is_variable = self._is_of_a_shell()
        self.is_secret = self._is_secret()

    @property
    def looked_at(self) -> int:
        """Up to where its value is a secret, or need not be walked again."""
        if not self.is_secret:
            return self._match.end() if self.group == "bare" else self._match.start(self.group)
        if self._is_quoted:
            return self._match.end()
        rest = _TO_SPACE if self._is_variable else _TO_RUNS_END
        more = rest.match(self._text, self._match.end())
        return more.end() if more else self._match.end()

    def _is_of_a_shell(self) -> bool:
        """`NAME=value` of a shell or an environment file."""
        match = self._match
        name = self._text[self._start : max(self._start, match.start("separator"))]
        return match["separator"] == b"=" and name.isupper() and self._text[match.end("separator")] not in b" \t\r"

    def _is_secret(self) -> bool:
        if _ABOUT.search(self._match["rest"]) or is_placeholder(self._value):
            return False
        if self._match["gap"]:
            return self._is_behind_gap()
        if self._word in _UNSURE:
            return self._is_of_an_unsure_name()
        if self._word == PASS and not _PREFIX.search(self._before):
            return self._is_of_pass_alone()
        return self._is_taken() if self._is_flag or self._is_variable else self._looks_secret()

    def _is_behind_gap(self) -> bool:
        if self._is_flag:
            return not self._value.startswith(b"-") and len(self._value) >= _SHORTEST
        is_named = _SETS.search(self._before) or _LOGS_IN.search(self._before)
        return is_named is not None and looks_random(self._value)

    def _is_of_an_unsure_name(self) -> bool:
        """`pat` is a pattern, too, `auth` a class, and a `dsn` may do without a password."""
        if self._word == DSN:
            return b"@" in self._value and b":" in self._value
        if self._word == PAT:
            return self._text.startswith(PAT.upper(), self._start) and is_token(self._value)
        if self._is_flag or self._is_variable:
            return looks_random(self._value) and not is_identifier(self._value)
        return is_base64(self._value) and not is_identifier(self._value) and not self._is_called()

    def _is_of_pass_alone(self) -> bool:
        """`pass` is what a test does, too."""
        if _PASSES.search(self._before):
            return self._match["separator"] == b":"
        is_named = self._is_quoted or self._is_flag or self._is_variable
        return is_named and b" " not in self._value and looks_random(self._value)

    def _is_taken(self) -> bool:
        """Whether a flag's or a variable's value is a secret: nearly all are."""
        value = self._value
        if is_harmless(value) or value.isdigit():
            return self._is_variable and self._goes_on_at_random()
        if self.group == "odd":
            return is_mixed(value)
        if self._is_quoted and b" " in value:
            return self._is_password or is_phrase(value)
        is_long = len(value) >= _SHORTEST or self._text[self._match.end() : self._match.end() + 1] in _GOES_ON
        return is_long and not (is_identifier(value) and self._is_called())

    def _goes_on_at_random(self) -> bool:
        """`/a1{b` and `12<c` are no path and no number."""
        more = _ODD.match(self._text, self._match.end())
        return more is not None and is_mixed(self._value + more[0]) and not is_placeholder(more[0])

    def _looks_secret(self) -> bool:
        value = self._value
        if self._is_quoted and b" " in value:
            return self._is_password and is_phrase(value)
        if self._is_quoted or self._match["open"]:
            return looks_random(value) or (self._is_password and self._match["separator"] != b"," and is_chosen(value))
        # Bare, a password may be `hunter2`; a token that looks so is a variable.
        is_word = not self._is_password and (len(value) < _SHORTEST_TOKEN or is_identifier(value))
        return self.group == "bare" and looks_random(value) and not is_word and not self._is_called()

    @property
    def _is_password(self) -> bool:
        return self._word.startswith(b"p")

    def _is_called(self) -> bool:
        return self._text.startswith(_CALL, self._match.end())


def _is_flag(before: bytes) -> bool:
    """Whether a name is one, by what stands before its second letter."""
    word = max(before.rfind(end) for end in _WORD_ENDS) + 1
    return _FLAG.fullmatch(before, word) is not None
