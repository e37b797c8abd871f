"""One variable of an environment, and nothing like it."""

import pytest

from memguard.host.environment import marks_of, session_id_of
from memguard.testing.fake_host import FakeHost

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
def test_finds_only_the_whole_name_with_a_plain_value(fake: FakeHost, environment: str, expected: str) -> None:
    fake.write("10/environ", environment)
    assert session_id_of(10, fake.root) == expected


def test_no_process_no_id(fake: FakeHost) -> None:
    assert session_id_of(10, fake.root) == ""


def test_a_real_process_is_asked(workshop: Workshop) -> None:
    who = workshop.ready("print('ready', flush=True); import time; time.sleep(600)", session_id="real-one")
    assert session_id_of(who.pid) == "real-one"


def test_all_marks_come_from_one_reading(fake: FakeHost) -> None:
    fake.write("10/environ", f"HOME=/home/me\0{NAME}=abc\0CLAUDE_PID=77\0{NAME}=second\0")
    marks = marks_of(10, fake.root)
    assert (marks.session_id, marks.client_pid, marks.config_dir) == ("abc", 77, "/home/me/.claude")
    fake.write("10/environ", f"CLAUDE_CONFIG_DIR=/c\0HOME=/home/me\0{NAME}=abc\0CLAUDE_PID=7x\0")
    marks = marks_of(10, fake.root)
    assert (marks.client_pid, marks.config_dir) == (0, "/c")


def test_without_an_id_nothing_is_a_mark(fake: FakeHost) -> None:
    fake.write("10/environ", "HOME=/home/me\0CLAUDE_PID=77\0")
    marks = marks_of(10, fake.root)
    assert (marks.session_id, marks.client_pid, marks.config_dir) == ("", 0, "")
