"""Secrets of headers: `Authorization: ...`, `Bearer ...`, `Cookie: ...`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memguard.state.redact.span import Span
from memguard.state.redact.values import is_harmless, is_mixed

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = 2
_SCHEME = rb"(?i:bearer|basic|token|digest|apikey|bot|negotiate)"
CREDENTIAL = re.compile(
    rb"""["'`]?[ \t]{0,2}(?:[:=,][ \t]{0,2})?["'`]?(?:%b[ \t]{1,2})?(?P<value>[\w.~+/=-]{8,16384}+)""" % _SCHEME
)
_LONG_CREDENTIAL = 24
_BEARER = re.compile(rb"bearer (?=[\w.~+/-]{16})")
_COOKIE = re.compile(rb"cookie(?=[\"'`]?[ ]{0,2}:)")
_PAIRS = re.compile(rb"""["'`]?[ ]{0,2}:[ ]{0,2}["'`]?(?P<value>(?:[\w.-]{1,64}+=[^\s;,"'`]{1,16384}+;?[ ]?){1,40}+)""")


def header_spans(text: bytes, folded: bytes) -> Iterator[Span]:
    """The secrets in a view that `Bearer` or `Cookie` stands before. `folded` is the view in lower case."""
    last = 0
    for hit in _BEARER.finditer(folded):
        if hit.start() >= last and (match := CREDENTIAL.match(text, hit.end())):
            last = match.end()
            yield from credential_spans(match)
    last = 0
    for hit in _COOKIE.finditer(folded):
        if hit.start() >= last and (pairs := _PAIRS.match(text, hit.end())):
            last = pairs.end()
            yield Span(*pairs.span("value"), "cookie", _HEADER)


def credential_spans(match: re.Match[bytes]) -> Iterator[Span]:
    """The one that `CREDENTIAL` has matched behind a word such as `Authorization`, if it is one."""
    value = match["value"]
    if is_mixed(value) and (len(value) >= _LONG_CREDENTIAL or not is_harmless(value)):
        yield Span(*match.span("value"), "authorization", _HEADER)
