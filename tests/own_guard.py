"""A guard of this very test process, so that hooks which it runs find a client, a guard and a watchdog that listens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from memguard.core.layout import COMPILED, WAKE, client_record, guard_dir, private_dir, write_pairs
from memguard.host import identity

if TYPE_CHECKING:
    from tests.sandbox import Sandbox

GUARD_ID = "0123456789abcdef"


@contextmanager
def own_guard(box: Sandbox, client_pid: int = 0) -> Iterator[Path]:
    """The guard's folder, while its FIFO has a reader. The project has to be opted in.

    With `client_pid` another process is the client.
    """
    client_pid = client_pid or os.getpid()
    runtime = str(box.runtime / "memguard")
    guard = private_dir(guard_dir(runtime, GUARD_ID))
    private_dir(f"{runtime}/clients")
    client = identity.identify(client_pid)
    assert client
    write_pairs(client_record(runtime, client_pid), {"id": client.to_text(), "guard": GUARD_ID})
    Path(guard, COMPILED).write_bytes((box.state_folder / COMPILED).read_bytes())
    os.mkfifo(f"{guard}/{WAKE}", 0o600)
    reader = os.open(f"{guard}/{WAKE}", os.O_RDWR | os.O_NONBLOCK)
    try:
        yield Path(guard)
    finally:
        os.close(reader)
