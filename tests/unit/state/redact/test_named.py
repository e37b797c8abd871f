"""Secrets that a name says are some go whole, by the own set and with the library."""

from __future__ import annotations

import json
import random
import string

import pytest

from memguard.state.redact import redact_arguments, redact_bytes, redact_environment, redact_text
from memguard.state.redact.names import is_secret_name

SEED = 5
LONG = "".join(random.Random(SEED).choices(string.ascii_letters + string.digits, k=900))
# A text, and what must be gone: of a long one its end.
NAMED = [
    ("AWS_SESSION_TOKEN=" + LONG, LONG[-200:]),
    ('{"SessionToken": "' + LONG * 4 + '"}', LONG[-200:]),
    ("aws_session_token = " + LONG + "==", LONG[-200:]),
    ('"session_token": "IQoJ/' + LONG + '=="', LONG[-200:]),
    ('{"account_key": "' + LONG * 17 + '"}', LONG[-200:]),
    ("Cookie: sid=" + LONG * 2, LONG[-200:]),
    ("Authorization: Negotiate " + LONG * 6, LONG[-200:]),
    ('DB_PASSWORD="aB3<kLm9{zQ7y"', "kLm9"),
    ("DB_PASSWORD=aB3kLm9{zQ7yQ8", "zQ7yQ8"),
    ("DB_PASSWORD=Tr0ub4dor&zQ7yQ8", "zQ7yQ8"),
    ("DB_PASSWORD={aB3kLm9;zQ7yQ8", "zQ7yQ8"),
    ('DB_PASSWORD="aB3kLm9 zQ7yQ8 xx"', "zQ7yQ8"),
    ('{"password": "abcdef,1234&xyz"}', "1234"),
    ('{"password": "abcdef;12345xyz"}', "12345"),
    ('{"client_secret": "abcdef[12345]xyz"}', "12345"),
    ("{'password': 'it\"s{a1<b2'}", "a1<b2"),
    ("export DB_PASS=Xy72bkq9Lm", "Xy72bkq9Lm"),
    ('{"SMTP_PASS": "Xy72bkq9Lm"}', "Xy72bkq9Lm"),
    ('dbPass: "Xy72bkq9Lm!"', "Xy72bkq9Lm"),
    ('auth: { user: "me", pass: "Xy72bkq9Lm" }', "Xy72bkq9Lm"),
    ("tool --pass Xy72bkq9Lm", "Xy72bkq9Lm"),
    ("openssl rsa -passin pass:Xy72bkq9Lm -in a", "Xy72bkq9Lm"),
    ("openssl enc -pass 'pass:Xy72bkq9Lm' -e", "Xy72bkq9Lm"),
    ("postgres://admin:S3cr@tTail99@db.example.org:5432/app", "tTail99"),
    ("postgres://admin:S3c/retTail99@db.example.org:5432/app", "retTail99"),
    ("postgres://admin:S3c/r@tTail99@db.example.org:5432/app", "tTail99"),
    ('{"password": "tulipgardenhouse"}', "tulipgardenhouse"),
    ('{"password": "correct-horse-battery-staple"}', "battery"),
    ("machine example.org login me password Xy72bkq9Lm", "Xy72bkq9Lm"),
    ("machine example.org\n  login me\n  password Xy72bkq9Lm\n", "Xy72bkq9Lm"),
    ("aws configure set aws_secret_access_key wJalrXUtnFEMIK7MDENGbPxRfiCYzz9pL3kQ", "wJalrXUtnFEM"),
    ("//npm.example.org/:_auth=dXNlcjpwYXNzd29yZDEy", "dXNlcjpwYXNz"),
    ('{"auths": {"r.example.org": {"auth": "dXNlcjpwYXNzd29yZDEy"}}}', "dXNlcjpwYXNz"),
    ("DB_CREDENTIAL=Xy72bkq9LmQQ8", "Xy72bkq9LmQQ8"),
    ("GH_PAT=Xy72bkq9LmQQ8Xy72bkq9LmQQ8", "Xy72bkq9LmQQ8"),
    ('DSN="app:Xy72bkq9Lm@tcp(db:3306)/app"', "Xy72bkq9Lm"),
]


@pytest.mark.parametrize(("text", "gone"), NAMED)
def test_what_a_name_says_is_a_secret_goes_whole(text: str, gone: str, each_set: str) -> None:
    line = json.dumps({"message": {"content": f"out\n{text}\nend"}})
    found = json.loads(redact_bytes(line.encode()))["message"]["content"]
    assert gone not in found, each_set
    assert found.startswith("out\n")
    assert found.endswith("\nend")
    assert gone not in redact_text(text), each_set
    nested = json.dumps({"message": {"content": json.dumps({"stdout": text})}})
    assert gone not in redact_bytes(nested.encode()).decode(), each_set


@pytest.mark.parametrize("text", ["?access_token=aaaa1111bbbb&refresh_token=cccc2222dddd&page=2"])
def test_a_value_ends_where_the_next_begins(text: str) -> None:
    assert redact_text(text) == "?access_token=[redacted:by-name]&refresh_token=[redacted:by-name]&page=2"


@pytest.mark.parametrize(
    "name",
    ["DB_PASS", "SMTP_PASSWORD", "GH_PAT", "DB_CREDENTIAL", "BASIC_AUTH", "SENTRY_DSN", "MY_KEY", "WEBHOOK", "passwd"],
)
def test_names_in_the_environment(name: str) -> None:
    assert redact_environment({name: "plain"}) == {name: "[redacted:by-name]"}


@pytest.mark.parametrize("name", ["PATH", "BYPASS", "COMPASS", "PASSED", "AUTHOR", "PATTERN", "HOME", "PWD"])
def test_names_that_only_read_so(name: str) -> None:
    assert not is_secret_name(name)


def test_the_password_that_openssl_is_given() -> None:
    shown = redact_arguments(["openssl", "rsa", "-passin", "pass:Xy72", "-passout", "file:/etc/x"])
    assert shown == ["openssl", "rsa", "-passin", "pass:[redacted:password]", "-passout", "file:/etc/x"]
