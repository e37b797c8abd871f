"""What a summariser is given: the facts of a restart, with every kind of thing that a conversation can hold.

handoff_facts()                       of a session with one request, one todo item, one failed command, …
handoff_facts("write the parser", 9)  nine of each, all about that text
handoff_facts(is_empty=True)          of a session whose conversation could not be read
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from memguard.handoff.digest import Material
from memguard.handoff.facts import Facts
from memguard.handoff.summariser import facts_of
from memguard.state.conversation import empty_conversation
from memguard.state.process import empty_process

if TYPE_CHECKING:
    from memguard.state.project import GitState
    from memguard.state.snapshot import Snapshot

GB = 1024**3


def handoff_facts(text: str = "write the parser", times: int = 1, *, is_empty: bool = False) -> dict[str, Any]:
    """What `summarise(facts)` is called with: JSON's own types alone, as it gets them from another process."""
    record = None if is_empty else snapshot_record(text, times)
    facts = facts_of(Material(restart_facts(), record, git_state(), "startup"))
    given: dict[str, Any] = json.loads(json.dumps(facts))
    return given


def restart_facts(**values: Any) -> Facts:
    """What a watchdog notes of a restart; `values` replace its own."""
    given = {
        "ticket": "aa", "reason": "footprint over the critical limit", "footprint_bytes": int(4.4 * GB),
        "confirmed_bytes": int(4.2 * GB), "limit_bytes": 4 * GB, "limit_name": "critical", "t_utc": 1795397716.9,
        "forced": False, "strategy": "resume", "attempt": 1, "max_attempts": 3, "snapshot": "20261123T013405Z-1f3a9c",
        "snapshot_missing": "", "ended": [{"pid": 77, "name": "python", "footprint_bytes": 3 * GB}],
        "spared": [{"pid": 78, "name": "tmux", "why": "holds a terminal"}],
        "in_flight": [{"tool": "Bash", "tool_use_id": "toolu_1"}], **values,
    }  # fmt: skip
    return Facts(given)


def git_state(branch: str = "main", head: str = "a" * 40) -> GitState:
    """A repository with one changed file."""
    return {"branch": branch, "head": head, "status": [".M a.py"], "diff": " a.py | 2 +-\n 1 file changed\n"}


def snapshot_record(text: str = "write the parser", times: int = 1) -> Snapshot:
    """A snapshot's record that holds everything that there can be, so many times, in that text."""
    conversation = empty_conversation()
    conversation["requests"] = [{"text": f"{n} {text}", "time": "2026-11-23T02:08:19Z"} for n in range(times)]
    conversation["todos"] = [{"text": f"{n} {text}", "status": "pending"} for n in range(times)]
    conversation["files"] = [f"/x/{n}/{text}" for n in range(times)]
    conversation["first_request"] = [{"text": f"first {text}", "time": "2026-11-22T02:08:19Z"}]
    conversation["progress"] = {"phase": "under way", "calls": 7, "files": 2, "time": "2026-11-23T02:09:00Z"}
    decisions = [
        ("answer", text, text),
        ("plan", text, ""),
        ("refused", text, text),
        ("stopped", text, ""),
        ("x", text, ""),
    ]
    conversation["decisions"] = [
        {"kind": kind, "subject": subject, "answer": answer, "time": "t"} for kind, subject, answer in decisions * times
    ]
    conversation["failures"] = [
        {"command": f"test {n} {text}", "exit_code": n - 1, "output": f"{text} end", "times": n, "time": "t"}
        for n in range(times)
    ]
    conversation["background"] = [{"kind": "command", "what": text, "task_id": "b1", "time": "t"}] * times
    conversation["handed_down"] = f"The current request and its state (x):\n- Asked at {json.dumps(text)}"
    conversation["summary"], conversation["compactions"] = f"Summary: {text}", 2
    conversation["in_flight"] = [{"tool": "Bash", "tool_use_id": "toolu_1", "what": f"make {text}"}]
    conversation["last_text"] = text
    conversation["unsent"] = [{"text": text, "time": "now"}] * 9
    process = empty_process()
    process["tree"] = [{"pid": n, "name": text, "command": text, "footprint_bytes": GB} for n in range(times)]
    return {
        "version": 2, "id": "20261123T013405Z-1f3a9c", "t_utc": 1795397716.5, "memguard_version": "0",
        "project_key": "k",
        "session_id": "s", "conversation": conversation, "process": process,
        "project": {"cwd": f"/work/{text}", "git": git_state(text), "open_files": [text] * times},
        "restart": {"reason": "over", "guard": "", "ticket": "aa", "attempts": []},
        "privacy": "redacted",
        "transcripts": [{
            "name": "main", "path": "/t", "size_bytes": 5, "redactions": 0, "is_sealed": True, "begun": "",
            "segments": [], "meta": "",
        }],
        "missing": [text] * (times - 1),
    }  # fmt: skip
