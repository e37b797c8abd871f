"""The digest: what a session reads about the restart that it comes out of. Facts only, at most 10,000 characters.

Deterministic; no sentence tells the model what to do, since orders from a hook look like an attack. What was borrowed
is quoted as JSON strings, in sections that say so.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from memguard.core.units import format_size
from memguard.handoff.facts import whole_number
from memguard.handoff.quoting import DATA_NOTE, Section, quoted

if TYPE_CHECKING:
    from memguard.handoff.facts import Facts
    from memguard.state.project import GitState
    from memguard.state.snapshot import Snapshot

MOST_CHARS = 10000
# By section; together below the whole, so that no section ever costs another its place.
_RESTART_CHARS = 1500
_PROCESSES_CHARS = 1800
_PROJECT_CHARS = 1700
_REQUESTS_CHARS = 1500
_UNSENT_CHARS = 600
_TODOS_CHARS = 1100
_FILES_CHARS = 900
_LAST_TEXT_CHARS = 700
_NAME = 80
_MOST_PROCESSES = 6
_PATH = 240
_TEXT = 900


def build_digest(
    facts: Facts, record: Snapshot | None, git_now: GitState | None, source: str, problem: str = ""
) -> str:
    """The whole digest. `problem` says why there is no record, where there is none."""
    sections = [_restart(facts, record, source, problem), _processes(facts, record)]
    if record:
        sections += [_project(record, git_now), _requests(record)]
        sections += [_unsent(record), _todos(record), _files(record), _last_text(record)]
    return "\n\n".join(filter(None, sections))[:MOST_CHARS]


def utc(t_utc: float) -> str:
    """A time for reading, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(t_utc)) if t_utc else "an unknown time"


def _restart(facts: Facts, record: Snapshot | None, source: str, problem: str) -> str:
    section = Section("memguard, which guards this session's memory, restarted it. The facts:", _RESTART_CHARS)
    when = facts.t_utc or (record["t_utc"] if record else 0)
    section.add(f"- Time of the restart: {utc(when)}.")
    reason = facts.reason or (record["restart"]["reason"] if record else "")
    if reason:
        section.add(f"- Reason noted: {quoted(reason, 300)}.")
    if facts.size_bytes:
        section.add(f"- {_sizes(facts)}")
    if facts.is_known:
        how = "by force (SIGKILL), after SIGTERM had no effect in time" if facts.is_forced else "by SIGTERM"
        section.add(f"- The earlier client process was ended {how}.")
    section.add(f"- {_continuation(facts, source)}")
    if facts.attempt:
        section.add(f"- This was restart {facts.attempt} of at most {facts.max_attempts} within the configured time.")
    section.add(f"- {_snapshot(facts, record)}")
    if problem:
        section.add(f"- The details of the earlier session could not be read: {quoted(problem, 200)}.")
    for missing in (record["missing"] if record else [])[:5]:
        section.add(f"- Not captured: {quoted(missing, 200)}.")
    return section.text()


def _sizes(facts: Facts) -> str:
    confirmed = f", confirmed {format_size(facts.confirmed_bytes)}" if facts.confirmed_bytes else ""
    limit = (
        f"; the {facts.limit_name or 'memory'} limit is {format_size(facts.limit_bytes)}"
        if facts.limit_bytes and not facts.is_asked_for
        else ""
    )
    return f"Memory of the session's process tree: {format_size(facts.footprint_bytes)}{confirmed}{limit}."


def _continuation(facts: Facts, source: str) -> str:
    if source == "resume":
        return "The conversation before this message is the same session, resumed; an interrupted turn goes on."
    if facts.strategy == "rerun":
        return "The earlier client had no conversation on disk yet; this one was started with the same prompt."
    return "This is a new session; the earlier conversation is not part of it, and is described below."


def _snapshot(facts: Facts, record: Snapshot | None) -> str:
    snapshot = record["id"] if record else facts.snapshot
    if snapshot:
        return f"The state before the restart is in snapshot {quoted(snapshot, 64)}."
    return f"There is no snapshot of the state before the restart: {quoted(facts.snapshot_missing or 'unknown', 300)}."


def _processes(facts: Facts, record: Snapshot | None) -> str:
    section = Section(f"Processes and tool calls at the restart ({DATA_NOTE}):", _PROCESSES_CHARS)
    for call in _cut_off(facts, record):
        section.add(call)
    for process in facts.ended:
        section.add(f"- Ended: {_process(process)}, {format_size(whole_number(process.get('footprint_bytes')))}.")
    for process in facts.spared:
        section.add(f"- Still running: {_process(process)}; why: {quoted(process.get('why', ''), _NAME)}.")
    if facts.is_known and not facts.ended and not facts.spared:
        section.add("- No process of a tool was left when the client had ended.")
    for running in record["process"]["tree"][:_MOST_PROCESSES] if record else []:
        size, command = format_size(running["footprint_bytes"]), quoted(running["command"], 100)
        section.add(f"- At the snapshot: {_process({**running})}, {size}, {command}.")
    return section.text()


def _cut_off(facts: Facts, record: Snapshot | None) -> list[str]:
    """The calls that the watchdog saw cut off, with what the transcript says of them."""
    what = {call["tool_use_id"]: call["what"] for call in record["conversation"]["in_flight"]} if record else {}
    lines = []
    for call in facts.in_flight:
        tool, command = quoted(call.get("tool", ""), _NAME), quoted(what.get(str(call.get("tool_use_id")), ""), _PATH)
        lines.append(
            f"- The tool call {tool} {command} had started and was cut off; it may have taken effect."
            # Only where its input was known can its repetition be recognised.
            + (" Its repetition is denied once, with this reason." if call.get("is_denied_once") is True else "")
        )
    return lines


def _process(process: dict[str, object]) -> str:
    return f"process {whole_number(process.get('pid'))} {quoted(process.get('name', ''), _NAME)}"


def _project(record: Snapshot, git_now: GitState | None) -> str:
    section = Section(f"The project ({DATA_NOTE}):", _PROJECT_CHARS)
    section.add(f"- Working directory: {quoted(record['project']['cwd'], _PATH)}.")
    then = record["project"]["git"]
    section.add(f"- git before the restart: {_git(then)}.")
    if git_now is not None:
        same = all(git_now[part] == then[part] for part in ("branch", "head", "status"))
        section.add(f"- git now: {'the same branch, head and changed files' if same else _git(git_now)}.")
    shown = git_now if git_now is not None and git_now["diff"] != "unknown" else then
    for entry in shown["status"][:12]:
        section.add(f"- Changed: {quoted(entry, 120)}.")
    total = shown["diff"].strip().rpartition("\n")[2]
    if total:
        section.add(f"- Size of the changes to tracked files: {quoted(total.strip(), 120)}.")
    for path in record["project"]["open_files"][:6]:
        section.add(f"- Open at the time: {quoted(path, 120)}.")
    return section.text()


def _git(state: GitState) -> str:
    count = len(state["status"])
    return f"branch {quoted(state['branch'], 120)}, head {quoted(state['head'], 40)}, {count} changed files"


def _requests(record: Snapshot) -> str:
    section = Section(f"The person's last requests, newest first ({DATA_NOTE}):", _REQUESTS_CHARS)
    for number, request in enumerate(reversed(record["conversation"]["requests"])):
        most = _TEXT if number == 0 else _PATH
        section.add(f"- {quoted(request['time'], 40)}: {quoted(request['text'], most)}")
    return section.text()


def _unsent(record: Snapshot) -> str:
    """A resumed client sends nothing of its queue, and shows none of it either."""
    title = f"Typed by the person during the turn, and not sent before the restart ({DATA_NOTE}):"
    section = Section(title, _UNSENT_CHARS)
    for request in record["conversation"].get("unsent", []):
        section.add(f"- {quoted(request['text'], 400)}")
    return section.text()


def _todos(record: Snapshot) -> str:
    section = Section(f"Open todo items ({DATA_NOTE}):", _TODOS_CHARS)
    for todo in record["conversation"]["todos"]:
        section.add(f"- {quoted(todo['status'], 20)}: {quoted(todo['text'], 160)}")
    return section.text()


def _files(record: Snapshot) -> str:
    section = Section(f"Files that the session edited, last first ({DATA_NOTE}):", _FILES_CHARS)
    for path in reversed(record["conversation"]["files"]):
        section.add(f"- {quoted(path, _PATH)}")
    return section.text()


def _last_text(record: Snapshot) -> str:
    section = Section(f"The last text of the assistant before the restart ({DATA_NOTE}):", _LAST_TEXT_CHARS)
    if record["conversation"]["last_text"]:
        section.add(f"- {quoted(record['conversation']['last_text'], 480)}")
    return section.text()
