"""Whatever the own set finds, an anchor points at: where the library is, the own set looks nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memguard.state.redact.anchors import ANCHORS
from memguard.state.redact.assignments import ASSIGNMENT
from memguard.state.redact.library import Library
from memguard.state.redact.rules import own_rules_spans
from memguard.state.redact.view import view
from tests.secret_corpus import corpus
from tests.unit.state.redact.conftest import needs_library
from tests.unit.state.test_redact import MORE, SECRETS

_EXPRESSIONS = [re.compile(anchor.encode()) for anchor in ANCHORS]
NAMES = [
    "password", "passwd", "PASSPHRASE", "passcode", "pwd", "secret", "client_secret", "tokens", "AUTH_TOKEN", "api_key",
    "apiKey", "X-Api-Key", "account.key", "?sig", "&signature", "?key", "authorization", "bearer", "Cookie",
]  # fmt: skip
BEFORE = [
    "",
    "DB_",
    "my-",
    "--",
    "-x-",
    '"',
    "'",
    "[",
    "export ",
    "mysql ",
    "curl -u ",
    "sshpass -p ",
    " -p",
    "://",
    ":",
]
BETWEEN = [
    "",
    "=",
    " = ",
    ": ",
    ":",
    "==",
    " := ",
    " => ",
    " ",
    "\t",
    '": "',
    "']='",
    ", ",
    '", "',
    ": Basic ",
    "=\r",
    "@",
]
VALUES = [
    "hunter2", "word", "1234567", "abcdefgh", "aB3dE5gH7jK9", "a" * 110 + "1", "1" * 105 + "a", "/a+B/c9" * 6, "v1.2.3",
    "x=y1; z=w2", "me:hunter2", "${X}", "[redacted:x]", "\x7f1a2b3c", "$1a2b3c4",
]  # fmt: skip
TEXT = st.lists(
    st.tuples(*(st.sampled_from(each) for each in (BEFORE, NAMES, ["", "s", "_x", "Value", "2"], BETWEEN, VALUES))),
    max_size=3,
)


# What the own expression takes for an assignment, with shorter values: of the letters that it allows, whichever.
_SHORT = re.sub(r"\{([0-9]),[0-9]{2,}\}", r"{\1,30}", ASSIGNMENT.pattern.decode())
ASSIGNED = st.from_regex(re.compile(_SHORT, re.ASCII))
NAMED = [
    "password", "PASSWORD", "pass", "DB_PASS", "dbPass", "pwd", "passphrase", "secret", "SECRET", "token", "AUTH_TOKEN",
    "api_key", "API_KEY", "auth", "_auth", "BASIC_AUTH", "credential", "CREDENTIAL", "GH_PAT", "dsn", "DB_DSN", "?sig",
    "?SIG",
]  # fmt: skip
STARTS = ["", "--", "-x_", '"', "'", "export ", "set ", "set my_", "login me ", "-pass ", "-passin "]


def points(text: bytes) -> bool:
    return any(expression.search(text.replace(b"\r", b"\n")) for expression in _EXPRESSIONS)


@settings(max_examples=1500, deadline=None)
@given(TEXT, st.sampled_from([" ", "\r", "&", ";", ""]), st.sampled_from(["", *SECRETS.values(), *MORE]))
def test_of_any_text(pieces: list[tuple[str, ...]], between: str, secret: str) -> None:
    text = view(between.join([*map("".join, pieces), secret]).replace("\n", "\r").encode())
    assert points(text) or not own_rules_spans(text)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(STARTS), st.sampled_from(NAMED), ASSIGNED)
def test_of_any_assignment(start: str, name: str, assigned: str) -> None:
    text = view((start + name + assigned).replace("\n", "\r").encode())
    assert points(text) or not own_rules_spans(text)


def test_of_the_corpus() -> None:
    for sample in corpus(per_place=1):
        text = view(sample.line)
        assert points(text) or not own_rules_spans(text), sample


@needs_library
def test_the_library_points_where_the_own_set_finds(use: Callable[[Library | None], None], library: Library) -> None:
    use(library)
    for sample in corpus(per_place=1):
        text = view(sample.line)
        assert library.look(text).own or not own_rules_spans(text), sample
