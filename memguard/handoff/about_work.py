"""What the digest says of the work: what is left to do, what failed, which files changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.handoff.quoting import DATA_NOTE, Section, quoted, quoted_end
from memguard.state.outcomes import UNKNOWN_CODE

if TYPE_CHECKING:
    from memguard.handoff.digest import Material
    from memguard.state.outcomes import Failure
    from memguard.state.project import GitState

_PATH = 240
_TODO = 160
_COMMAND = 200
_OUTPUT = 300
_MOST_CHANGED = 12
_MOST_OPEN = 6


def todos(material: Material, budget: int) -> str:
    """The open items, in the order that they have."""
    section = Section(f"Open todo items ({DATA_NOTE}):", budget)
    for todo in material.conversation["todos"]:
        section.add(f"- {quoted(todo['status'], 20)}: {quoted(todo['text'], _TODO)}")
    return section.text()


def failures(material: Material, budget: int) -> str:
    """Commands whose last run failed, newest first."""
    section = Section(f"Commands that failed and have not succeeded since, newest first ({DATA_NOTE}):", budget)
    for failure in reversed(material.conversation["failures"]):
        section.add(f"- {_failure(failure)}.")
    return section.text()


def _failure(failure: Failure) -> str:
    code = failure["exit_code"]
    how = "exit code not known" if code == UNKNOWN_CODE else f"exit code {code}"
    times = f", {failure['times']} times in a row" if failure["times"] > 1 else ""
    output = f"; its output ended in {quoted_end(failure['output'], _OUTPUT)}" if failure["output"] else ""
    return f"{quoted(failure['command'], _COMMAND)}: {how}{times}{output}"


def project(material: Material, budget: int) -> str:
    """Folder, git then and now, and how large the changes are."""
    record, git_now = material.record, material.git_now
    if record is None:
        return ""
    section = Section(f"The project ({DATA_NOTE}):", budget)
    section.add(f"- Working directory: {quoted(record['project']['cwd'], _PATH)}.")
    then = record["project"]["git"]
    section.add(f"- git before the {material.moment}: {_git(then)}.")
    if git_now is not None:
        same = all(git_now[part] == then[part] for part in ("branch", "head", "status"))
        section.add(f"- git now: {'the same branch, head and changed files' if same else _git(git_now)}.")
    shown = git_now if git_now is not None and git_now["diff"] != "unknown" else then
    total = shown["diff"].strip().rpartition("\n")[2]
    if total:
        section.add(f"- Size of the changes to tracked files: {quoted(total.strip(), 120)}.")
    for entry in shown["status"][:_MOST_CHANGED]:
        section.add(f"- Changed: {quoted(entry, 120)}.")
    for path in record["project"]["open_files"][:_MOST_OPEN]:
        section.add(f"- Open at the time: {quoted(path, 120)}.")
    return section.text()


def _git(state: GitState) -> str:
    count = len(state["status"])
    return f"branch {quoted(state['branch'], 120)}, head {quoted(state['head'], 40)}, {count} changed files"


def files(material: Material, budget: int) -> str:
    """What the session's own tools edited, last first."""
    section = Section(f"Files that the session edited, last first ({DATA_NOTE}):", budget)
    for path in reversed(material.conversation["files"]):
        section.add(f"- {quoted(path, _PATH)}")
    return section.text()
