"""The todo items of a conversation: the client's older list (TodoWrite), and its newer tasks, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from memguard.state.message import NAME_CHARS, blocks, raw, text_of, word

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_TODOS = 40
_STATUSES = ("pending", "in_progress", "completed")
_MOST_TASKS = 1000


class Todo(TypedDict):
    """A todo item: pending or in_progress."""

    text: str
    status: str


class TodoList:
    """Takes calls and their results in order; a call that failed is taken back."""

    def __init__(self) -> None:
        self._items: list[Todo] = []
        self._tasks: dict[str, Todo] = {}
        self._undo: dict[str, Callable[[], None]] = {}

    @property
    def open(self) -> list[Todo]:
        """What isn't completed, at most 40, the items before the tasks."""
        items = [item for item in (*self._items, *self._tasks.values()) if item["status"] != "completed"]
        return [{**item, "text": text_of(item["text"], NAME_CHARS)} for item in items[-MOST_TODOS:]]

    def called(self, tool: str, call: str, given: dict[str, Any]) -> None:
        """A call of one of the tools for todo items; others are nothing to it."""
        if tool == "TodoWrite":
            before, self._items = self._items, [_todo(item, "content") for item in blocks(given.get("todos"))]
            self._undo[call] = lambda: setattr(self, "_items", before)
        elif tool == "TaskUpdate":
            self._task_changed(call, given)

    def failed(self, call: str) -> None:
        """The call came to nothing."""
        self._undo.pop(call, lambda: None)()

    def made(self, tool: str, result: object) -> None:
        """The id of a new task is only in the result of the call that made it."""
        task = result.get("task") if isinstance(result, dict) and tool == "TaskCreate" else None
        if isinstance(task, dict) and isinstance(task.get("subject"), str) and len(self._tasks) < _MOST_TASKS:
            self._tasks[word(task.get("id"))] = _todo({"status": "pending", **task}, "subject")

    def _task_changed(self, call: str, given: dict[str, Any]) -> None:
        number = word(given.get("taskId"))
        before = self._tasks.get(number)
        if before is None:
            return
        if given.get("status") == "deleted":
            del self._tasks[number]
        else:
            old = {"subject": before["text"], "status": before["status"]}
            self._tasks[number] = _todo({**old, **given}, "subject")
        self._undo[call] = lambda: self._tasks.__setitem__(number, before)


def _todo(item: dict[str, Any], name: str) -> Todo:
    status = item.get("status")
    return {"text": raw(item.get(name), NAME_CHARS), "status": status if status in _STATUSES else "pending"}
