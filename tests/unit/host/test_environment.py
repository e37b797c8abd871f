"""One variable of an environment, and nothing like it."""

import pytest

from memguard.host.environment import session_id_of

from .fake_proc import FakeProc
from .workshop import Workshop

NAME = "CLAUDE_CODE_SESSION_ID"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (f"A=1\0{NAME}=abc-1\0B=2\0", "abc-1"),
        (f"{NAME}=abc", "abc"),
        (f"X{NAME}=abc\0", ""),
        (f"A={NAME}=abc\0", ""),
        (f"{NAME}=../../x\0", ""),
        (f"{NAME}={'a' * 65}\0", ""),
        (f"{NAME}=\0", ""),
        ("", ""),
        (f"BIG={'x' * 300_000}\0{NAME}=late\0", "late"),
    ],
)
def test_finds_only_the_whole_name_with_a_plain_value(fake: FakeProc, environment: str, expected: str) -> None:
    fake.write("10/environ", environment)
    assert session_id_of(10, fake.root) == expected


def test_no_process_no_id(fake: FakeProc) -> None:
    assert session_id_of(10, fake.root) == ""


def test_a_real_process_is_asked(workshop: Workshop) -> None:
    who = workshop.ready("print('ready', flush=True); import time; time.sleep(600)", session_id="real-one")
    assert session_id_of(who.pid) == "real-one"
