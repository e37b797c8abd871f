"""What the digest says of the restart itself: when, why, how, and what was ended with the client."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from memguard.core.units import format_size
from memguard.handoff.continuing import sentences
from memguard.handoff.facts import whole_number
from memguard.handoff.quoting import DATA_NOTE, Section, quoted
from memguard.state.handed_down import RESTARTED, RESTORED

if TYPE_CHECKING:
    from memguard.handoff.digest import Material
    from memguard.handoff.facts import Facts
    from memguard.state.snapshot import Snapshot

# How the new client began: with the old conversation, with a new one, or with a new one on the person's own word.
RESUME, STARTUP, RESTORE = "resume", "startup", "restore"
SOURCES = (RESUME, STARTUP, RESTORE)
_NAME = 80
_MOST_PROCESSES = 6
_MOST_BACKGROUND = 6
_COMMAND = 240


def restart(material: Material, budget: int) -> str:
    """Sentences of ours, with few borrowed words in them."""
    facts, record = material.facts, material.record
    if material.source == RESTORE:
        return _restored(material, budget)
    section = Section(RESTARTED, budget)
    section.add(f"- Time of the restart: {utc(facts.t_utc or (record['t_utc'] if record else 0))}.")
    reason = facts.reason or (record["restart"]["reason"] if record else "")
    if reason:
        section.add(f"- Reason noted: {quoted(reason, 300)}.")
    if facts.size_bytes:
        section.add(f"- {_sizes(facts)}")
    if facts.is_known:
        how = "by force (SIGKILL), after SIGTERM had no effect in time" if facts.is_forced else "by SIGTERM"
        section.add(f"- The earlier client process was ended {how}.")
    for sentence in (_continuation(facts, material.source), *sentences(facts)):
        section.add(f"- {sentence}")
    if facts.attempt:
        section.add(f"- This was restart {facts.attempt} of at most {facts.max_attempts} within the configured time.")
    section.add(f"- {_snapshot(facts, record)}")
    if material.problem:
        section.add(f"- The details of the earlier session could not be read: {quoted(material.problem, 200)}.")
    _add_missing(section, record)
    return section.text()


def _restored(material: Material, budget: int) -> str:
    section, record = Section(RESTORED, budget), material.record
    if record:
        section.add(f"- Time of the snapshot: {utc(record['t_utc'])}; its id: {quoted(record['id'], 64)}.")
        section.add(f"- Reason noted: {quoted(record['restart']['reason'], 300)}.")
    section.add("- The earlier conversation is not part of this session; it is described below.")
    _add_missing(section, record)
    return section.text()


def _add_missing(section: Section, record: Snapshot | None) -> None:
    for missing in (record["missing"] if record else [])[:5]:
        section.add(f"- Not captured: {quoted(missing, 200)}.")


def utc(t_utc: float) -> str:
    """A time for reading, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(t_utc)) if t_utc else "an unknown time"


def _sizes(facts: Facts) -> str:
    confirmed = f", confirmed {format_size(facts.confirmed_bytes)}" if facts.confirmed_bytes else ""
    limit = (
        f"; the {facts.limit_name or 'memory'} limit is {format_size(facts.limit_bytes)}"
        if facts.limit_bytes and not facts.is_asked_for
        else ""
    )
    return f"Memory of the session's process tree: {format_size(facts.footprint_bytes)}{confirmed}{limit}."


def _continuation(facts: Facts, source: str) -> str:
    if source == RESUME:
        return "The conversation before this message is the same session, resumed; an interrupted turn goes on."
    if facts.strategy == "rerun":
        return "The earlier client had no conversation on disk yet; this one was started with the same prompt."
    return "This is a new session; the earlier conversation is not part of it, and is described below."


def _snapshot(facts: Facts, record: Snapshot | None) -> str:
    snapshot = record["id"] if record else facts.snapshot
    if snapshot:
        return f"The state before the restart is in snapshot {quoted(snapshot, 64)}."
    return f"There is no snapshot of the state before the restart: {quoted(facts.snapshot_missing or 'unknown', 300)}."


def processes(material: Material, budget: int) -> str:
    """Calls that were cut off, what was ended and spared, what ran in the background, and the largest of the tree."""
    facts, record = material.facts, material.record
    section = Section(f"Processes and tool calls at the {material.moment} ({DATA_NOTE}):", budget)
    for line in _cut_off(facts, record):
        section.add(line)
    for process in facts.ended:
        section.add(f"- Ended: {_process(process)}, {format_size(whole_number(process.get('footprint_bytes')))}.")
    for process in facts.spared:
        section.add(f"- Still running: {_process(process)}; why: {quoted(process.get('why', ''), _NAME)}.")
    if facts.is_known and not facts.ended and not facts.spared:
        section.add("- No process of a tool was left when the client had ended.")
    for task in reversed(material.conversation["background"][-_MOST_BACKGROUND:]):
        kind = "sub-agent" if task["kind"] == "agent" else "command"
        section.add(f"- Begun in the background, end not reported: {kind} {quoted(task['what'], _COMMAND)}.")
    for running in record["process"]["tree"][:_MOST_PROCESSES] if record else []:
        size, command = format_size(running["footprint_bytes"]), quoted(running["command"], 100)
        section.add(f"- At the snapshot: {_process({**running})}, {size}, {command}.")
    return section.text()


def _cut_off(facts: Facts, record: Snapshot | None) -> list[str]:
    """The calls that the watchdog saw cut off, with what the transcript says of them."""
    what = {call["tool_use_id"]: call["what"] for call in record["conversation"]["in_flight"]} if record else {}
    lines = []
    for call in facts.in_flight:
        tool = quoted(call.get("tool", ""), _NAME)
        command = quoted(what.get(str(call.get("tool_use_id")), ""), _COMMAND)
        lines.append(
            f"- The tool call {tool} {command} had started and was cut off; it may have taken effect."
            # Only where its input was known can its repetition be recognised.
            + (" Its repetition is denied once, with this reason." if call.get("is_denied_once") is True else "")
        )
    return lines


def _process(process: dict[str, object]) -> str:
    return f"process {whole_number(process.get('pid'))} {quoted(process.get('name', ''), _NAME)}"
