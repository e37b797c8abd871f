"""Text that is made to keep the rules busy takes a bounded multiple of the time of other text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memguard.state.redact import redact_bytes

# Each repeats how a rule begins and never ends as it should, or ends so at once and often.
SNIPPETS = [
    b"eyJ", b"eyJaaaaaaaa.", b"\\", b"\\" * 1001 + b'"', b"password", b"token=", b"token: a1b2c3d4 ", b'"', b" -pxx",
    b"mysql -p", b"curl -u a:b ", b"://", b"://a:", b"://" + b":" * 300, b"-----BEGIN PRIVATE KEY-----", b"sk-",
    b"AKIA", b"\\u0041", b"\\u001b[", b"\\u001b[31mx", b"cookie: a=", b"cookie:" + b"a=b;" * 30, b"api_key=",
    b"authorization: bearer ", b"bearer aaaaaaaaaaaaaaaa", b"a", b"0", b"QUJD", b"xox", b"--password ", b"_",
    b"gh", b"'",
    b'{"a":', b"[", b"\0", b"\xff", b'"secret":"', b"github_pat_", b"key = " + b"a" * 500, b"hf_", b"\x1b[1;", b"AA",
    b"-----BEGIN PRIVATE KEY-----" + b"A" * 40 + b'","',
]  # fmt: skip
ORDINARY = b'def function(argument):\\n        return argument * 2  # \\"x\\" '


def cpu_s(data: bytes) -> float:
    begun_s = time.thread_time()
    redact_bytes(data)
    return time.thread_time() - begun_s


def repeated(snippet: bytes, size_bytes: int) -> bytes:
    return b'{"x":"' + (snippet * (size_bytes // len(snippet) + 1))[:size_bytes]


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize("snippet", SNIPPETS)
def test_twice_the_text_takes_twice_the_time(snippet: bytes) -> None:
    small = max(min(cpu_s(repeated(snippet, 100000)) for _ in range(2)), 0.004)
    assert cpu_s(repeated(snippet, 400000)) / small < 12


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_a_hostile_line_of_ten_megabytes() -> None:
    size = 10_000_000
    line = b'{"x":"' + b" ".join(repeated(snippet, size // len(SNIPPETS)) for snippet in SNIPPETS) + b"\n"
    assert cpu_s(line) / cpu_s(repeated(ORDINARY, size)) < 30


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*SNIPPETS, b"\n", b" ", b"=", b'"}\n{"']), min_size=1, max_size=6))
def test_no_mixture_of_them_is_worse(snippets: list[bytes]) -> None:
    assert cpu_s(repeated(b"".join(snippets), 100000)) < 3
