"""Making a transcript readable before it is resumed, and putting it back as it was. A watchdog at rest does without."""

import os
import time

from memguard.core.layout import SET_ASIDE, remove, write_pairs
from memguard.core.log import described
from memguard.core.session_clients import read_session
from memguard.host import current, identity
from memguard.host.session_life import LIVING, SessionLife
from memguard.watchdog.private_pairs import read_private_pairs, whole_number
from memguard.watchdog.torn_line import MARK, Aside, put_back, set_aside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memguard.watchdog.guarded_session import GuardedSession

# A capture, or a hook that outlives its client, may have the transcript open for so long.
_PATIENCE_S = 2.0
_LOOK_S = 0.05


def mend(session: "GuardedSession") -> int:
    """Set aside what is torn at the end of the transcript; how many bytes, 0 where there is nothing to mend.

    What can't be mended stays as it is, and is said: a client may read it all the same.
    """
    try:
        take_back(session)
        if is_owed(session):
            raise BlockingIOError("what was set aside before can't be put back yet")
        activity = session.activity
        if _is_taken(session, activity.session_id):
            raise BlockingIOError("another client has resumed the session")
        aside = _patiently(
            lambda: set_aside(activity.transcript, activity.config_dir, lambda found: _note(session, found)),
            _PATIENCE_S,
        )
    except (OSError, ValueError) as error:
        session.journal.event("transcript_not_mended", session=session.activity.session_id, why=described(error))
        take_back(session)
        return 0
    if aside is None:
        return 0
    session.journal.event(
        "torn_line_set_aside", session=activity.session_id, torn_bytes=aside.size_bytes, kept_in=aside.name
    )
    return aside.size_bytes


def take_back(session: "GuardedSession", *, is_patient: bool = True) -> bool:
    """Put back what was set aside, as if nothing had been; False where nothing was, or it can't be, now or any more.

    A full disk, or who has the transcript open, leaves it noted for the next time: by then it may be there in part.
    """
    path = f"{session.guard_dir}/{SET_ASIDE}"
    aside = _read(path)
    if aside is None:
        return False
    try:
        if _is_taken(session, os.path.basename(aside.transcript).removesuffix(".jsonl")):
            raise BlockingIOError("another client has resumed the session")
        _patiently(lambda: put_back(aside, session.activity.config_dir), _PATIENCE_S if is_patient else 0)
        name = "torn_line_put_back"
    except FileNotFoundError:
        name = ""  # a watchdog died before it had done anything
    except OSError as error:
        session.journal.log(f"{aside.name} stays beside its transcript: {described(error)}")
        if not _is_final(error):
            return False
        name = "torn_line_left_aside"
    remove(path)
    if name:
        session.journal.event(name, torn_bytes=aside.size_bytes, kept_in=aside.name)
    return name == "torn_line_put_back"


def is_owed(session: "GuardedSession") -> bool:
    """Whether something is set aside that a client hasn't taken up, nor been given back."""
    return _read(f"{session.guard_dir}/{SET_ASIDE}") is not None


def _is_final(error: OSError) -> bool:
    """Whether it will be the same next time: written to since, or in the copy's place something else."""
    from errno import ELOOP

    return isinstance(error, PermissionError) or error.errno == ELOOP


def _patiently(action: "Callable[[], Aside | None]", patience_s: float) -> Aside | None:
    """Do it, again where somebody has the transcript open just now."""
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            return action()
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_LOOK_S)


def _is_taken(session: "GuardedSession", session_id: str) -> bool:
    """Whether another client than this guard's has the session, by the guards' registry or the client's own."""
    own = session.subject.client
    record = read_session(session.settings.runtime_dir, session_id)
    if any(identity.is_alive(client) for client in record.clients if client != own):
        return True
    life = SessionLife("", current.scan())
    life.ask_clients(session.activity.config_dir)
    return life.of(session_id) == LIVING


def _note(session: "GuardedSession", aside: Aside) -> None:
    pairs: dict[str, object] = {name: getattr(aside, name) for name in Aside.__slots__}
    write_pairs(f"{session.guard_dir}/{SET_ASIDE}", pairs)


def _read(path: str) -> Aside | None:
    """What a watchdog of this guard noted; None where there is nothing, or not as memguard writes it."""
    pairs = read_private_pairs(path)
    try:
        offset, size_bytes = whole_number(pairs["offset"]), whole_number(pairs["size_bytes"])
        transcript, name = pairs["transcript"], pairs["name"]
    except (KeyError, ValueError):
        return None
    is_ours = os.path.isabs(transcript) and name.startswith(f"{os.path.basename(transcript)}{MARK}")
    return Aside(transcript, offset, size_bytes, name) if is_ours and "/" not in name else None
