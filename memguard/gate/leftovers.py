"""What sessions that are over have left running, at the start of another: ended by a worker, and told to the person."""

import os

from memguard.core.errors import HostError
from memguard.core.log import append_log
from memguard.core.pause import is_paused
from memguard.core.session_clients import add_told, read_session
from memguard.core.settings import GUARD_MODE
from memguard.core.spawn import hook_environment, start_detached
from memguard.core.units import format_size
from memguard.gate import Event
from memguard.host import dead_guards
from memguard.host.orphans import Orphans, OrphanTree, may_have_left

_MOST_NAMES = 3


def tidy_up(event: Event) -> str:
    """Have what was left ended, and say so in one line; empty where nothing was. No failure costs the session."""
    try:
        return _deal_with_orphans(event)
    except (OSError, ValueError, HostError) as error:
        append_log(event.state_dir, f"what earlier sessions left is not tidied up: {error}")
        return ""


def _deal_with_orphans(event: Event) -> str:
    """A start that nobody has left anything for reads some small files, and scans nothing."""
    runtime_dir = event.pairs["runtime"]
    if not may_have_left(runtime_dir):
        dead_guards.collect(runtime_dir)
        return ""
    orphans = Orphans(runtime_dir, [os.environ.get("CLAUDE_CONFIG_DIR") or os.path.expanduser("~/.claude")])
    orphans.forget_sessions()
    acts = event.pairs["mode"] == GUARD_MODE and not is_paused(event.guard_dir, event.project_dir)
    if acts and (orphans.endable or orphans.life.dead_guards):
        _start_worker(event)
    else:
        dead_guards.collect(runtime_dir)
    return _line(orphans.endable, _untold(runtime_dir, orphans), acts)


def _start_worker(event: Event) -> None:
    """It looks again, ends what it finds, and removes the dead guards; it outlives this hook."""
    command = [event.pairs["python"], "-I", "-m", "memguard.cli", "reap", "--unattended", event.state_dir]
    start_detached(command, hook_environment(dict(os.environ), event.pairs))


def _untold(runtime_dir: str, orphans: Orphans) -> "list[OrphanTree]":
    """What a session that is known has left and that is asked about, said once for each process."""
    new = []
    for tree in orphans.doubtful:
        record = read_session(runtime_dir, tree.session_id)
        if record.clients and tree.root.who.to_text() not in record.told:
            add_told(runtime_dir, tree.session_id, tree.root.who)
            new.append(tree)
    return new


def _line(ended: "list[OrphanTree]", kept: "list[OrphanTree]", acts: bool) -> str:
    parts = []
    if ended:
        what = f"a session that is over has left {_summary(ended)}"
        parts.append(f"{what}, {'being ended' if acts else 'not ended; to end them: memguard reap'}")
    if kept:
        why = "; ".join(sorted({tree.asks for tree in kept}))
        what = f"a session that is over has left {_summary(kept)}"
        parts.append(f"{what}, not ended: {why}; to look: memguard reap")
    return f"memguard: {'. '.join(parts)}" if parts else ""


def _summary(trees: "list[OrphanTree]") -> str:
    count = sum(len(tree.processes) for tree in trees)
    size = format_size(sum(tree.footprint_bytes for tree in trees))
    names = list(dict.fromkeys(tree.root.name for tree in trees))
    more = ", …" if len(names) > _MOST_NAMES else ""
    return f"{count} process{'es' * (count > 1)} ({size}: {', '.join(names[:_MOST_NAMES])}{more})"
