"""The parts of a session's tree, kept from one reading to the next.

A part begins with a direct child of the client. A process stays in the part that it was first seen in, so that what a
tool has daemonised still counts to the tool.
"""

import time

from memguard.core.part import CLIENT, MCP, OTHER, TOOL, Part
from memguard.core.reading import ProcessReading, TreeReading
from memguard.core.tool_budgets import budget_index
from memguard.host.descendants import describe
from memguard.host.identity import process_id
from memguard.host.origin import origin_of, program_of
from memguard.host.started import started_utc
from memguard.watchdog.tool_call import ToolCall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from memguard.core.tool_budgets import ToolBudget

# Between fork and exec a child still shows the client's environment; where that has CLAUDE_PROJECT_DIR, a tool looks
# like a server. So it is asked again at each look, for the last time when it is no longer this young.
_UNCERTAIN_S = 2.0
# What starts processes for a call of its own: the client's shell tool.
_SHELL = "Bash"
# A call's hook is over before the client starts the call. A start is known to 10 ms, and the time of day to the
# adjustments that are made to it.
_CLOCK_SLACK_S = 0.1
_NOBODY = (0, 0)
_UNASKED = -2  # whether the person has set a budget for it
# Which of several parts grows fastest: over less, a single allocation would decide.
_RATE_SPAN_S = 0.5


class _Root:
    """What is remembered of one part."""

    __slots__ = (
        "born_s", "budget_index", "call", "first_bytes", "is_certain", "kind", "mark_bytes", "mark_s", "name", "rate",
    )  # fmt: skip

    def __init__(self, kind: str, name: str, now_s: float) -> None:
        self.kind = kind
        self.name = name
        self.born_s = now_s
        self.is_certain = kind not in (OTHER, MCP)  # a tool's or a hook's variables are its own: the client has neither
        self.call = ""
        self.budget_index = _UNASKED
        self.first_bytes = -1
        self.rate = 0.0  # bytes/s, over the last whole span
        self.mark_s = now_s
        self.mark_bytes = 0

    def measure(self, size_bytes: int, now_s: float) -> None:
        """Take the part's size at this moment into its growth."""
        if self.first_bytes < 0:
            self.first_bytes = self.mark_bytes = size_bytes
        if now_s - self.mark_s >= _RATE_SPAN_S:
            self.rate = (size_bytes - self.mark_bytes) / (now_s - self.mark_s)
            self.mark_s, self.mark_bytes = now_s, size_bytes


class Parts:
    """The parts of one client; `now` is the latest division."""

    def __init__(self, client_pid: int, proc: str = "/proc") -> None:
        self.now: list[Part] = []
        self._client_pid = client_pid
        self._proc = proc
        self._budgets: list[ToolBudget] = []
        self._client = _Root(CLIENT, "client", time.monotonic())
        self._roots: dict[tuple[int, int], _Root] = {}  # by pid and start ticks
        self._paired: set[str] = set()  # calls that a process was found for, as long as anybody names them
        self._member_of: dict[int, tuple[int, tuple[int, int]]] = {}  # pid: its start ticks, its part's root

    def update(
        self, tree: TreeReading, calls: "dict[str, ToolCall]", budgets: "list[ToolBudget]", now_s: float = -1.0
    ) -> None:
        """Divide a reading; its first process is the client."""
        now_s = time.monotonic() if now_s < 0 else now_s
        if budgets is not self._budgets:
            self._renew_budgets(budgets)
        members: dict[tuple[int, int], list[ProcessReading]] = {}
        for process in tree.processes:
            members.setdefault(self._root_of(process, now_s), []).append(process)
        self._forget(tree, members)
        self._paired.intersection_update(calls)
        for key, root in self._roots.items():
            self._learn(key, root, calls, budgets, now_s)
        self.now = [self._part(key, processes, now_s) for key, processes in members.items()]

    def _renew_budgets(self, budgets: "list[ToolBudget]") -> None:
        """The settings have changed, and indices are of the old list: a running tool is asked again, by its name."""
        if [b.pattern for b in budgets] != [b.pattern for b in self._budgets]:
            for root in self._roots.values():
                root.budget_index = _UNASKED
        self._budgets = budgets

    def _root_of(self, process: ProcessReading, now_s: float) -> "tuple[int, int]":
        """The root of this process's part; parents come before their children in a reading."""
        own = (process.pid, process.start_ticks)
        if process.pid == self._client_pid:
            self._member_of[process.pid] = (process.start_ticks, _NOBODY)
            return own
        ticks, root = self._member_of.get(process.pid, (0, _NOBODY))
        if ticks != process.start_ticks:
            root = self._first_root_of(process)
            self._member_of[process.pid] = (process.start_ticks, root)
        if root == own and root not in self._roots:
            kind = origin_of(process.pid, self._client_pid, self._proc)
            self._roots[root] = _Root(kind, self._name_of(process.pid), now_s)
        return root

    def _name_of(self, pid: int) -> str:
        return program_of(pid, self._proc) or describe(pid, self._proc)

    def _first_root_of(self, process: ProcessReading) -> "tuple[int, int]":
        """A direct child of the client begins a part, and so does an orphan whose part nobody saw."""
        _, root = self._member_of.get(process.parent_pid, (0, _NOBODY))
        return (process.pid, process.start_ticks) if root == _NOBODY else root

    def _forget(self, tree: TreeReading, members: "Collection[tuple[int, int]]") -> None:
        living = {process.pid for process in tree.processes}
        self._member_of = {pid: known for pid, known in self._member_of.items() if pid in living}
        self._roots = {key: root for key, root in self._roots.items() if key in members}

    def _learn(
        self,
        key: "tuple[int, int]",
        root: _Root,
        calls: "dict[str, ToolCall]",
        budgets: "list[ToolBudget]",
        now_s: float,
    ) -> None:
        """Find out what a young root is, and which call a tool runs for."""
        if not root.is_certain:
            self._ask_again(key, root, now_s)
        if root.kind == TOOL and not root.call:
            self._pair(root, self._call_for(calls, started_utc(key[1])))
        if root.budget_index == _UNASKED:
            root.budget_index = self._budget_of(root, budgets)

    def _ask_again(self, key: "tuple[int, int]", root: _Root, now_s: float) -> None:
        """What it is by now; one that is gone can't be asked, and what it has left stays what it was."""
        pid, ticks = key
        if self._member_of.get(pid, (0, _NOBODY))[0] == ticks:
            root.kind, root.name = origin_of(pid, self._client_pid, self._proc), self._name_of(pid)
            root.budget_index = _UNASKED
        root.is_certain = root.kind not in (OTHER, MCP) or now_s - root.born_s >= _UNCERTAIN_S

    def _pair(self, root: _Root, call: "ToolCall | None") -> None:
        root.name = call.tool if call else _SHELL
        if call:
            root.call = call.tool_use_id
            self._paired.add(call.tool_use_id)
            root.budget_index = call.budget_index if call.budget_index >= 0 else _UNASKED

    def _budget_of(self, root: _Root, budgets: "list[ToolBudget]") -> int:
        """An MCP server's process doesn't say which server it is: the name that the person gave is looked for in it."""
        if not budgets or root.kind not in (TOOL, MCP):
            return -1
        if root.kind == TOOL:
            return budget_index(budgets, root.name, "")
        named = (i for i, b in enumerate(budgets) if b.pattern.startswith("mcp__") and b.pattern[5:] in root.name)
        return next(named, budget_index(budgets, "mcp", ""))

    def _call_for(self, calls: "dict[str, ToolCall]", process_utc: float) -> "ToolCall | None":
        """The newest call of the shell tool that began before the process, and that none was found for yet.

        Calls of one message run one after the other. An older one may be over, its process too short for any look, or
        wait for the person's permission. Those of subagents that begin within the same moment may be taken for each
        other, which costs the right name and, where they differ, the right budget.
        """
        latest_utc = process_utc + _CLOCK_SLACK_S
        waiting = [c for c in calls.values() if c.tool_use_id not in self._paired and c.started_utc <= latest_utc]
        return max((c for c in waiting if c.tool == _SHELL), key=lambda c: c.started_utc, default=None)

    def _part(self, key: "tuple[int, int]", processes: "list[ProcessReading]", now_s: float) -> Part:
        is_client = key[0] == self._client_pid
        root = self._client if is_client else self._roots[key]
        part = Part(root.kind, root.name, process_id(*key), processes)
        part.call, part.budget_index = root.call, -1 if is_client else root.budget_index
        root.measure(part.footprint_bytes, now_s)
        part.growth_bytes, part.rate_bytes_per_s = part.footprint_bytes - root.first_bytes, root.rate
        return part
