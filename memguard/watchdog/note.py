"""What person and model are to read: left for the hook of the next event; here, of a part that was ended."""

import os
import time

from memguard.core.layout import NOTES, is_plain_id, private_dir, write_pairs
from memguard.core.part import TOOL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.watchdog.part_action import PartAction


def leave_note(action: "PartAction", name: str = "") -> str:
    """Write it under the call's id, or as one of the session's own; its name. `name` replaces one that is there.

    One that a hook has claimed meanwhile is not written again. Empty where it can't be written: the part is ended all
    the same, and events.jsonl says so.
    """
    session, part = action.session, action.part
    folder = f"{session.guard_dir}/{NOTES}"
    if name and not os.path.exists(f"{folder}/{name}"):
        return name
    is_in_flight = part.kind == TOOL and is_plain_id(part.call) and part.call in session.activity.in_flight
    name = name or (part.call if is_in_flight else f"part-{part.root.pid}-{time.monotonic_ns()}")
    pairs: dict[str, object] = {
        "kind": part.kind,
        "tool": part.name,
        "footprint_bytes": action.frozen_bytes,
        "limit_bytes": action.excess.limit_bytes,
        "limit": action.excess.limit,
        "processes": len(action.held),
        "forced": int(action.forced),
        "snapshot": action.snapshot,
        "t_utc": f"{time.time():.3f}",
    }
    try:
        put_note(session.guard_dir, name, pairs)
    except (OSError, ValueError) as error:
        session.journal.log(f"note for the model not written: {error}")
        return ""
    return name


def put_note(guard_dir: str, name: str, pairs: "dict[str, object]") -> None:
    """Leave a note; OSError or ValueError where it can't be written.

    A hook that claims the last note removes the folder, perhaps just now.
    """
    folder = f"{guard_dir}/{NOTES}"
    try:
        write_pairs(f"{private_dir(folder)}/{name}", pairs, lasts=False)
    except FileNotFoundError:
        write_pairs(f"{private_dir(folder)}/{name}", pairs, lasts=False)
