"""`memguard reap`: end what sessions that are over have left running, and ask about the rest."""

import argparse
import json
import os
import sys

from memguard.config import dirs
from memguard.core.log import printable
from memguard.core.units import format_size
from memguard.host import dead_guards, frozen_record
from memguard.host.orphans import Orphans, OrphanTree
from memguard.host.sparing import ByConsent, Rule
from memguard.host.sweep import end_all
from memguard.logs.logger import logger_of

# As at a restart: time enough to write something out, and no longer, since nobody waits for these.
_GRACE_S = 2.0
_MOST_NAMES = 5

ENDED = "ended"
REMAINS = "could not be ended"
LEFT_ALONE = "left alone"
WOULD_END = "would be ended"
WOULD_ASK = "would be asked about"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "reap",
        help="end what sessions that are over have left running",
        description="Ends what a session that is over has left running: what was part of a tool call, or carries the"
        " session's id, and is neither bound to a terminal nor in use by others. Asks about the rest.",
    )
    parser.add_argument("--dry-run", action="store_true", help="list what was found, and end nothing")
    parser.add_argument("--yes", action="store_true", help="end also what would be asked about")
    parser.add_argument("--json", action="store_true", help="as JSON; asks nothing")
    parser.add_argument("--unattended", metavar="STATE", default="", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List, end, ask; 1 where something that was to be ended remains."""
    runtime_dir = dirs.runtime_dir()
    orphans = Orphans(runtime_dir, [client_config_dir()])
    reap = Reap(orphans)
    if arguments.dry_run:
        reap.only_look()
    else:
        reap.end(orphans.endable, orphans.rule)
        asked = [] if arguments.unattended else orphans.doubtful
        wanted = [tree for tree in asked if arguments.yes or _is_wanted(tree, arguments)]
        if wanted:  # a client may have been started there while the person was asked
            reap.end(wanted, ByConsent(Orphans(runtime_dir, [client_config_dir()]).life))
        _tidy_up(runtime_dir, orphans)
    if arguments.unattended:
        _log(arguments.unattended, reap)
    elif arguments.json:
        print(json.dumps(reap.as_json(), indent=2))
    else:
        print(reap.shown(has_consent=arguments.yes))
    return 1 if reap.has_failed else 0


class Reap:
    """What becomes of each tree, and of each process of it."""

    def __init__(self, orphans: Orphans) -> None:
        self._orphans = orphans
        self._outcomes: dict[int, tuple[str, str]] = {}  # root's pid: outcome, and why, where it was left alone
        self._fates: dict[int, str] = {}  # by pid

    @property
    def has_failed(self) -> bool:
        """Whether something that was to be ended still runs."""
        return any(outcome == REMAINS for outcome, _ in self._outcomes.values())

    def only_look(self) -> None:
        """Say what would become of each."""
        for tree in self._orphans.trees:
            self._outcomes[tree.root.who.pid] = (WOULD_ASK, tree.asks) if tree.asks else (WOULD_END, "")

    def end(self, trees: list[OrphanTree], rule: Rule) -> None:
        """End them all in one sweep; what the rule spares by now is left alone and named."""
        if not trees:
            return
        targets = [process.who for tree in trees for process in tree.processes]
        result = end_all(targets, _GRACE_S, exclude=self._orphans.own_pids, rule=rule)
        spared = {pid: why for pid, _, why in result.spared}
        remaining = {pid for pid, _ in result.remaining}
        for tree in trees:
            self._outcomes[tree.root.who.pid] = self._outcome(tree, spared, remaining)

    def _outcome(self, tree: OrphanTree, spared: dict[int, str], remaining: set[int]) -> tuple[str, str]:
        pids = [process.who.pid for process in tree.processes]
        for pid in pids:
            self._fates[pid] = LEFT_ALONE if pid in spared else REMAINS if pid in remaining else ENDED
        if any(pid in remaining for pid in pids):
            return REMAINS, ""
        return next(((LEFT_ALONE, spared[pid]) for pid in pids if pid in spared), (ENDED, ""))

    def of(self, tree: OrphanTree) -> tuple[str, str]:
        """What became of a tree, and why."""
        return self._outcomes.get(tree.root.who.pid, (LEFT_ALONE, tree.asks))

    def shown(self, has_consent: bool = False) -> str:
        """For people: one line per tree, and what to do about what is left; with `--yes` nothing more can be done."""
        trees = self._orphans.trees
        if not trees:
            return "no session that is over has left anything running"
        lines = [f"{self.of(tree)[0]}: {_line(tree, self.of(tree)[1])}" for tree in trees]
        is_left = any(self.of(tree)[0] == LEFT_ALONE for tree in trees)
        if is_left and not has_consent and not sys.stdin.isatty():
            lines.append("what was left alone can be ended from a terminal, or with --yes")
        return "\n".join(lines)

    def as_json(self) -> list[dict[str, object]]:
        """Everything that is known of each tree."""
        return [self._entry(tree) for tree in self._orphans.trees]

    def _entry(self, tree: OrphanTree) -> dict[str, object]:
        outcome, why = self.of(tree)
        processes = [
            {
                "pid": process.who.pid,
                "name": process.name,
                "footprint_bytes": process.footprint_bytes,
                "outcome": self._fates.get(process.who.pid, outcome),
            }
            for process in tree.processes
        ]
        return {
            "pid": tree.root.who.pid,
            "name": tree.root.name,
            "session": tree.session_id,
            "origin": tree.origin,
            "footprint_bytes": tree.footprint_bytes,
            "outcome": outcome,
            "why": why,
            "processes": processes,
        }


def client_config_dir() -> str:
    """Where the client of this user keeps its registry."""
    return os.environ.get("CLAUDE_CONFIG_DIR") or os.path.expanduser("~/.claude")


def _line(tree: OrphanTree, why: str) -> str:
    count = len(tree.processes)
    size = f"{format_size(tree.footprint_bytes):>7} in {count} process{'es' * (count > 1)}"
    reason = f"; {why}" if why else ""
    return f"{size}, pid {tree.root.who.pid} {tree.root.name or '(no name)'} ({printable(tree.origin, 80)}{reason})"


def _is_wanted(tree: OrphanTree, arguments: argparse.Namespace) -> bool:
    """Ask, where there is somebody to ask."""
    if arguments.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        return input(f"end {_line(tree, tree.asks)}? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


def _tidy_up(runtime_dir: str, orphans: Orphans) -> None:
    """Nobody is left stopped; guards without a process go, and so do sessions that have left nothing."""
    for folder in orphans.life.dead_guards:
        frozen_record.thaw_left(folder)
    dead_guards.collect(runtime_dir)
    Orphans(runtime_dir).forget_sessions()


def _log(state_dir: str, reap: Reap) -> None:
    """One line of what a worker of the SessionStart hook has done, by name and size."""
    entries = reap.as_json()
    for outcome in (ENDED, REMAINS):
        found = [entry for entry in entries if entry["outcome"] == outcome]
        names = ", ".join(str(entry["name"]) for entry in found[:_MOST_NAMES])
        size_bytes = sum(int(str(entry["footprint_bytes"])) for entry in found)
        if found:
            size = format_size(size_bytes)
            logger_of(state_dir).info("left by sessions that are over: %s: %s (%s)", outcome, names, size)
