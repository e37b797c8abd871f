"""The client's program can't be executed: at the first start, or in the moment of its update."""

from __future__ import annotations

import os
import signal

import pytest

from memguard.core.identity import ProcessId
from memguard.core.ticket import RESUME, Ticket
from tests.sandbox import Sandbox, wait_until


@pytest.mark.parametrize("content", [b"\x7fELF of another machine", b"no interpreter named"])
def test_at_the_first_start_one_line_says_so(opted_in: Sandbox, content: bytes) -> None:
    program = opted_in.folder / "broken"
    program.write_bytes(content)
    program.chmod(0o700)
    done = opted_in.memguard("run", "--client", str(program), "--", "x", code=126)
    assert done.stderr.count("\n") == 1
    assert "can't be started: Exec format error" in done.stderr
    wait_until(lambda: opted_in.guards() == [], "its guard is gone")


def test_at_a_restart_the_way_back_is_told(opted_in: Sandbox) -> None:
    session = opted_in.start("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")
    wait_until(lambda: any(line["event"] == "Stop" for line in opted_in.spool()), "the turn is over")
    (guard,) = opted_in.guards()
    pairs = dict(line.split("=", 1) for line in (guard / "client").read_text().splitlines())
    client = ProcessId.from_text(pairs["id"])
    (known,) = (path.name for path in (guard / "sessions").iterdir())
    ticket = Ticket("ab", client, known, RESUME)
    ticket.swept = True
    ticket.write(str(guard / "ticket"))
    (opted_in.folder / "claude").unlink()
    os.kill(client.pid, signal.SIGTERM)
    output, _ = session.communicate(timeout=20)
    assert session.returncode == 127
    assert "can't be started again (No such file or directory)" in output.decode()
    assert f"memguard run -- --resume {known}" in output.decode()
    wait_until(lambda: opted_in.guards() == [], "the guard is gone")
