"""A guard for a client that no launcher started."""

import os

from memguard.core.identity import ProcessId
from memguard.core.layout import CLIENT, GUARD, client_record, private_dir, write_pairs


def make_plain_guard(guard_dir: str, state_dir: str, key: str, client: str) -> None:
    """Write its files: the client is watched, warned of and snapshotted, but not restarted, since nobody could."""
    pairs: dict[str, object] = {"kind": "plain", "project_key": key, "state": state_dir, "launcher": ""}
    pairs |= {"restartable": 0, "why": "not started by `memguard run`", "print": 0}
    write_pairs(f"{guard_dir}/{GUARD}", pairs)
    write_pairs(f"{guard_dir}/{CLIENT}", {"id": client, "generation": 0})
    runtime_dir = os.path.dirname(os.path.dirname(guard_dir))
    private_dir(f"{runtime_dir}/clients")
    record = {"id": client, "guard": os.path.basename(guard_dir)}
    write_pairs(client_record(runtime_dir, ProcessId.from_text(client).pid), dict(record))
