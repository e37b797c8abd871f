"""The same lines give the same output, whatever blocks they come in, and a line of any length passes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memguard.state.redact import Redactor, redact_bytes
from tests.secret_corpus import corpus
from tests.unit.state.test_redact import LETTERS, SECRETS

LINES = [sample.line for sample in corpus(per_place=1)]
WINDOW = 1048576


def fed(blocks: Iterable[bytes]) -> bytes:
    redactor = Redactor()
    return b"".join([*map(redactor.feed, blocks), redactor.finish()])


def cut(data: bytes, sizes: Iterable[int]) -> Iterable[bytes]:
    place = 0
    for size in sizes:
        if place >= len(data):
            break
        yield data[place : place + size]
        place += size
    yield data[place:]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=12), st.data())
def test_any_cut_gives_the_same(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(lines)
    sizes = data.draw(st.lists(st.integers(1, 900), max_size=40))
    assert fed(cut(whole, sizes)) == fed(lines) == redact_bytes(whole)


def test_lines_do_not_know_each_other(each_set: str) -> None:
    """Alone, in company, and in the other order."""
    alone = [redact_bytes(line) for line in LINES]
    assert redact_bytes(b"".join(LINES)) == b"".join(alone), each_set
    assert redact_bytes(b"".join(reversed(LINES))) == b"".join(reversed(alone)), each_set


@pytest.mark.parametrize("filler", ["plain words and more ", 'a "quoted" \n line', "\\ \\\\ \x1b[31m \u20ac "])
def test_a_secret_anywhere_in_a_long_line_is_found(filler: str, each_set: str) -> None:
    seed = random.randrange(2**32)
    print("seed", seed, each_set)  # noqa: T201  shown where the test fails
    chance = random.Random(seed)
    parts = [filler * chance.randrange(3000, 5000) + f" {chance.choice(list(SECRETS.values()))} " for _ in range(30)]
    line = json.dumps({"content": "".join(parts), "uuid": "1"}).encode() + b"\n"
    assert len(line) > 1.5 * WINDOW
    out = fed(cut(line + LINES[0], [chance.choice([7777, 65536, 1000001, 3000000]) for _ in range(900)]))
    assert out == redact_bytes(line) + redact_bytes(LINES[0])
    text = json.loads(out.splitlines()[0])["content"]
    assert LETTERS[:20] not in text
    assert "hunter2" not in text
    assert text.count("[redacted:") >= len(parts)


def test_what_two_windows_share_is_found() -> None:
    """At each of many places around the ends of windows."""
    for shift in range(0, 131072, 21313):
        padding = "x " * ((WINDOW - 65536 - 60 + shift) // 2)
        line = json.dumps({"a": padding + SECRETS["github-token"] + " " + padding}).encode()
        assert LETTERS not in redact_bytes(line).decode(), shift


def test_an_image_of_many_windows_is_not_torn() -> None:
    image = {"type": "base64", "media_type": "image/png", "data": ("AKIA" + "IOSFODNN7EXAMPLE" + "ab+/") * 150000}
    line = json.dumps({"source": image, "text": SECRETS["github-token"]}, separators=(",", ":")).encode()
    found = json.loads(redact_bytes(line))
    assert found["source"] == image
    assert found["text"] == "[redacted:github-token]"


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize(
    "odd",
    [b"\xff\xfe\x00\x00", b"\0\0\0", b"\xff\xfe" + "text".encode("utf-16le"), b"\x80\xc3\x28", b"[" * 3000, b"\\"],
)
def test_bytes_that_are_no_text_stay_and_hide_nothing(odd: bytes, each_set: str) -> None:
    token = SECRETS["github-token"].encode()
    out = redact_bytes(odd + b"\n" + odd + b" " + token + b" " + odd + b"\n")
    assert out == odd + b"\n" + odd + b" [redacted:github-token] " + odd + b"\n", each_set


def test_exact_changes_nothing() -> None:
    redactor = Redactor(exact=True)
    out = b"".join([*map(redactor.feed, LINES), redactor.finish()])
    assert out == b"".join(LINES)
    assert redactor.found == 0


def test_it_counts_what_it_found() -> None:
    redactor = Redactor()
    redactor.feed(json.dumps({"a": f"{SECRETS['github-token']} {SECRETS['jwt']}"}).encode() + b"\n")
    assert redactor.found == 2


PROGRAM = """
import sys
from memguard.state.redact import Redactor
redactor, text, given = Redactor(), b'def function(argument):\\\\n    return \\\\"x\\\\" ' * 3000, 0
redactor.feed(b'{"content":"')
while given < 50_000_000:
    redactor.feed(text)
    given += len(text)
redactor.feed(b'"}\\n')
redactor.finish()
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_line_of_fifty_megabytes_takes_bounded_memory() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120)
    assert int(done.stdout) < 64 * 1024
