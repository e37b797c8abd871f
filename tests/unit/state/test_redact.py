"""Secrets go, JSON stays JSON, and blocks may end anywhere."""

from __future__ import annotations

import json
import random
import time

import pytest

from memguard.state.redact import Redactor, redact_arguments, redact_bytes, redact_environment, redact_text

LETTERS = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA"
# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "anthropic-key": "sk-" + "ant-api03-" + LETTERS,
    "api-key": "sk-" + "proj-" + LETTERS,
    "github-token": "ghp" + "_" + LETTERS + "abcd",
    "gitlab-token": "glpat" + "-" + LETTERS[:20],
    "aws-key-id": "AKIA" + "IOSFODNN7EXAMPLE",
    "google-key": "AIza" + LETTERS + "xyz",
    "slack-token": "xoxb" + "-123456789012-" + LETTERS,
    "jwt": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0." + LETTERS,
    "url-password": "https://me:" + "hunter2hunter2" + "@example.org/x",
    "private-key": f"-----BEGIN RSA {'PRIVATE'} KEY-----\nMIIEpAIBAAKCAQEA{LETTERS}\n{LETTERS}\n-----END RSA",
}
MORE = ["gho" + "_" + LETTERS, "github" + "_pat_" + LETTERS, "ghs" + "_" + LETTERS, "xoxp" + "-" + LETTERS]
AROUND = ["{}", "\n{}\n", "token={} ", '"{}"', "\x1b[32m{}\x1b[0m", "\t{},", "({})", "\\{}\\", "päss: {} ü"]


def secret_part(secret: str) -> str:
    return "hunter2hunter2" if "hunter2" in secret else LETTERS[:16] if LETTERS[:16] in secret else secret[4:]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("kind", SECRETS)
def test_each_kind_goes_in_each_surrounding_and_the_json_stays_valid(kind: str, around: str) -> None:
    text = around.replace("{}", SECRETS[kind])
    line = json.dumps({"message": {"content": text}, "nested": json.dumps({"a": text})})
    out = redact_bytes(line.encode())
    assert secret_part(SECRETS[kind]).encode() not in out
    assert f"[redacted:{kind}]" in json.loads(out)["message"]["content"]
    json.loads(json.loads(out)["nested"])


@pytest.mark.parametrize("secret", MORE)
def test_the_other_prefixes(secret: str) -> None:
    assert LETTERS not in redact_text(f"x {secret} y")


@pytest.mark.parametrize(
    "text",
    [
        "task-force-of-many-many-long-words", "a risk-free-and-very-long-hyphenated-name", "https://example.org:8080/@scope/x",
        "git@github.com:me/repo.git", "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQ\n", "AKIA",
        "sk-short", "eyJ.x.y",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


def test_blocks_of_any_size_give_the_same() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    chance = random.Random(seed)
    for _ in range(60):
        pieces = [*SECRETS.values(), *MORE, "plain " * 900, "x" * 20000]
        data = json.dumps([chance.choice(pieces) for _ in range(6)]).encode()
        redactor, out, position = Redactor(), b"", 0
        while position < len(data):
            size = chance.choice([1, 30, 5000, 40000]) if len(data) < 3000 else chance.choice([999, 5000, 40000])
            out += redactor.feed(data[position : position + size])
            position += size
        assert out + redactor.finish() == redact_bytes(data)


def test_environment_goes_by_name_and_by_look() -> None:
    given = {
        "MY_API_KEY": "plain", "DB_PASSWORD": "plain", "PATH": "/usr/bin", "AUTH_HEADER": "plain", "EMPTY_TOKEN": "",
        "NOTE": SECRETS["github-token"], "SSH_AUTH_SOCK": "/run/agent",
        "CLAUDE_CODE_MESSAGING_TOKEN": "plain",
        "DATABASE_URL": "postgres://me:" + "hunter2hunter2" + "@db/x", "MONKEY": "see",
        "AWS_SECRET_ACCESS_KEY": "plain",
    }  # fmt: skip
    found = redact_environment(given)
    assert [name for name, value in found.items() if value == "plain"] == []
    assert found["PATH"] == "/usr/bin"
    assert found["SSH_AUTH_SOCK"] == "/run/agent"
    assert found["EMPTY_TOKEN"] == ""
    assert "hunter2" not in str(found)
    assert LETTERS not in str(found)


def test_command_lines_lose_the_values_of_secret_flags() -> None:
    shown = redact_arguments(
        ["claude", "--api-key", "abc", "--token=def", "PASSWORD=ghi", "-p", "fix it", SECRETS["jwt"]]
    )
    assert "abc" not in shown
    assert not any(value in " ".join(shown) for value in ("def", "ghi", LETTERS))
    assert shown[0] == "claude"
    assert shown[5:7] == ["-p", "fix it"]


def test_thirty_megabytes_take_well_under_a_second() -> None:
    line = json.dumps({"content": "def function(argument):\n        return argument\n" * 80}).encode() + b"\n"
    block = line * (1048576 // len(line))
    redactor = Redactor()
    before_s = time.process_time()
    for _ in range(30):
        redactor.feed(block)
    redactor.finish()
    assert time.process_time() - before_s < 1.0
