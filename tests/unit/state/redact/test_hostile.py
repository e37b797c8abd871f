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
    # Values of letters that `true` and `null` have.
    b"password: eeee1111 ", b"PASSWORD=tester11 ", b'\\"PASSWORD\\": \\"tester11\\" ', b"token=tr11uelse ",
    b"password='", b'password=\\"', b"password=`x", b"PASSWORD={aaaa", b"PASSWORD=a<", b"password: 'a b1", b"auth",
    b"_pat", b"authorization", b"authorization: ", b"bearer aaaaaaaaaaaaaaaa", b"set password ", b"login a password ",
    b"dsn=a:b@", b"-pass pass:aaaa ", b"-passin pass:", b"://a:b/", b"://a:/@", b'","signature":"',
    b'","signature":"' + b"ghp_" * 60,
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
def test_four_times_the_text_takes_four_times_the_time(snippet: bytes) -> None:
    ratio = 16.0
    for _ in range(
        3
    ):  # what takes the square of the time is at 16 each time, and another process is there now and then
        small = max(cpu_s(repeated(snippet, 100000)), 0.004)
        ratio = min(ratio, cpu_s(repeated(snippet, 400000)) / small)
        if ratio < 6:
            return
    assert ratio < 7


def test_a_megabyte_of_secrets_in_one_line_takes_seconds() -> None:
    """Each of them has to be told from a number outside a string."""
    assert cpu_s(b'{"x":"' + b"password: eeee1111\\n" * 50000 + b'"}\n') < 20


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
