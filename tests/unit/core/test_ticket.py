"""The restart ticket: what is not exactly as memguard writes it is no ticket."""

import json
import os
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.core.ticket import RESUME, Ticket, read_ticket

CLIENT = ProcessId(42, 4711, "boot", "ns")


def _written(path: Path) -> Ticket:
    ticket = Ticket("ab12", CLIENT, "11111111-2222-3333-4444-555555555555", RESUME)
    ticket.permission_mode = "plan"
    ticket.is_interrupted = True
    ticket.write(str(path))
    return ticket


def test_a_ticket_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = _written(tmp_path / "ticket")
    read = read_ticket(str(tmp_path / "ticket"))
    assert read is not None
    assert [getattr(read, name) for name in Ticket.__slots__] == [getattr(written, name) for name in Ticket.__slots__]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session_id", "--dangerously-skip-permissions"),
        ("session_id", "../../x"),
        ("session_id", ""),
        ("ticket_id", "a/b"),
        ("strategy", "shell"),
        ("permission_mode", "root"),
        ("client", "42"),
        ("client", 42),
        ("snapshot", "a b"),
        ("attempt", None),
    ],
)
def test_a_field_that_memguard_does_not_write_makes_it_no_ticket(tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "ticket"
    _written(path)
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({**fields, field: value}))
    assert read_ticket(str(path)) is None


def test_a_ticket_that_others_may_write_is_none(tmp_path: Path) -> None:
    _written(tmp_path / "ticket")
    os.chmod(tmp_path / "ticket", 0o622)
    assert read_ticket(str(tmp_path / "ticket")) is None


def test_a_link_to_a_ticket_is_none(tmp_path: Path) -> None:
    _written(tmp_path / "ticket")
    (tmp_path / "link").symlink_to(tmp_path / "ticket")
    assert read_ticket(str(tmp_path / "link")) is None


def test_a_torn_ticket_is_none(tmp_path: Path) -> None:
    _written(tmp_path / "ticket")
    data = (tmp_path / "ticket").read_bytes()
    os.truncate(tmp_path / "ticket", len(data) // 2)
    assert read_ticket(str(tmp_path / "ticket")) is None


def test_a_ticket_holds_no_command(tmp_path: Path) -> None:
    _written(tmp_path / "ticket")
    fields = json.loads((tmp_path / "ticket").read_text())
    assert set(fields) == set(Ticket.__slots__)
