"""What a snapshot holds of a guarded process: its conversation, the process, its project, and why it was taken."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from memguard.core.errors import StateError

Part = TypeVar("Part")


@dataclass
class ConversationState:
    """The Claude Code conversation of the process, where it has one; texts are redacted, the newest last."""

    session_id: str = ""
    recent_context: list[str] = field(default_factory=list)
    last_text: str = ""
    summary: str = ""
    todos: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    in_flight: list[str] = field(default_factory=list)
    transcript_bytes: int = 0


@dataclass
class CapturedProcess:
    """The process (the specification's second `ProcessState`): command line and variables are redacted."""

    pid: int = 0
    command: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    memory_mb: float = 0.0
    started_utc: float = 0.0


@dataclass
class ProjectState:
    """Where it worked; `git_status` are lines such as `.M path`, `open_files` paths below the folder."""

    working_directory: str = ""
    git_branch: str = ""
    git_head: str = ""
    git_status: list[str] = field(default_factory=list)
    open_files: list[str] = field(default_factory=list)


@dataclass
class RestartState:
    """Why it was captured, and the restarts before it: `t_utc` in seconds, and `reason`."""

    reason: str = ""
    attempts: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class CompleteState:
    """Everything; `metadata` has `id`, `t_utc`, `memguard_version`, `privacy`, and `missing` in words."""

    conversation: ConversationState = field(default_factory=ConversationState)
    process: CapturedProcess = field(default_factory=CapturedProcess)
    project: ProjectState = field(default_factory=ProjectState)
    restart: RestartState = field(default_factory=RestartState)
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def state_id(self) -> str:
        """The snapshot's id."""
        return str(self.metadata.get("id", ""))

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CompleteState:
        """What `to_dict` gave; fields that are missing have their defaults. Raises StateError for what is no state."""
        try:
            return cls(
                _part(ConversationState, data.get("conversation", {})),
                _part(CapturedProcess, data.get("process", {})),
                _part(ProjectState, data.get("project", {})),
                _part(RestartState, data.get("restart", {})),
                dict(data.get("metadata", {})),
            )
        except (TypeError, AttributeError, ValueError):
            raise StateError("this is not a complete state", "give what `CompleteState.to_dict` made") from None


def _part(kind: type[Part], data: Mapping[str, Any]) -> Part:
    """One part; ValueError where a field is of another type than its default."""
    default = kind()
    for name, value in data.items():
        wanted = type(getattr(default, name))
        if not isinstance(value, (int, float) if wanted is float else wanted):
            raise ValueError(name)  # noqa: TRY004  the caller says what it means
    return kind(**data)
