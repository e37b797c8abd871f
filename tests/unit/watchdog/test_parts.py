"""A session's tree, divided into parts and kept from one reading to the next."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from memguard.core.part import CLIENT, HOOK, MCP, OTHER, TOOL, Part
from memguard.core.reading import ProcessReading, TreeReading
from memguard.core.tool_budgets import ToolBudget
from memguard.host import identity
from memguard.host.linux import parent_pid, read_tree
from memguard.testing.fake_host import FakeHost
from memguard.watchdog.parts import Parts
from memguard.watchdog.tool_call import ToolCall
from tests.guard_rig import MB, GuardRig
from tests.sandbox import wait_until

if TYPE_CHECKING:
    from pathlib import Path

# A tool that leaves a daemon behind, in a process session of its own; its parents go once the file is there.
DAEMON = """
import os, sys, time
if not os.fork():
    os.setsid()
    if not os.fork():
        print(os.getpid(), flush=True)
        time.sleep(120)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
os._exit(0)
"""

# Becomes another program once the file is there, with the variables of a tool instead of a server's.
EXECUTES = """
import os, sys, time
print("ready", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
own = {name: value for name, value in os.environ.items() if name != "CLAUDE_PROJECT_DIR"}
own["CLAUDE_PID"] = str(os.getppid())
code = "import time; print('tool', flush=True); time.sleep(120)"
os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", code], own)
"""


class Tree:
    """A tree on disk: a client with pid 10, and what it starts."""

    def __init__(self, folder: Path) -> None:
        self.proc = FakeHost(str(folder / "proc"))
        self.processes = [ProcessReading(10, 1, 1000, 50 * MB)]
        self.proc.add(10, 1)
        self.parts = Parts(10, self.proc.root)
        self.calls: dict[str, ToolCall] = {}
        self.budgets: list[ToolBudget] = []

    def add(  # noqa: PLR0913 -- a process has many facts, all but two by name
        self,
        pid: int,
        kind: str,
        *,
        parent_pid: int = 10,
        command: str = "/bin/tool",
        mb: int = 1,
        ago_s: float = 0.0,
    ) -> None:
        """One more process, begun so long ago, with the variables that a child of its kind gets; none for no kind."""
        ticks = int((time.clock_gettime(time.CLOCK_BOOTTIME) - ago_s) * os.sysconf("SC_CLK_TCK"))
        self.proc.add(pid, parent_pid, start_ticks=ticks)
        self.become(pid, kind, command)
        self.processes.append(ProcessReading(pid, parent_pid, ticks, mb * MB))

    def become(self, pid: int, kind: str, command: str = "/bin/tool") -> None:
        of_pid, of_project = {"CLAUDE_PID": "10"}, {"CLAUDE_PROJECT_DIR": "/p"}
        variables = {TOOL: of_pid, HOOK: of_pid | of_project, MCP: of_project}.get(kind, {})
        name = command.rpartition("/")[2]
        self.proc.change(pid, name=name, words=(command, "--key=secret"), variables={"A": "1", **variables})

    def update(self, now_s: float = 0.0) -> dict[int, Part]:
        """The parts of the present tree, by the pid of their root."""
        self.parts.update(TreeReading(list(self.processes)), self.calls, self.budgets, now_s)
        return {part.root.pid: part for part in self.parts.now}

    def begin_call(self, call: str, tool: str = "Bash", budget_index: int = -1, ago_s: float = 0.0) -> None:
        self.calls[call] = ToolCall(call, tool, time.time() - ago_s, budget_index)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def pids(part: Part) -> set[int]:
    return {process.pid for process in part.processes}


def test_each_direct_child_begins_a_part_of_its_kind(rig: GuardRig) -> None:
    started = {kind: rig.hold(kind, 1) for kind in (TOOL, HOOK, MCP, OTHER)}
    kinds = {part.root: part.kind for part in rig.look()}
    assert kinds == {who: kind for kind, who in started.items()}
    (client,) = (part for part in rig.session.parts.now if part.kind == CLIENT)
    assert pids(client) == {rig.session.subject.client.pid}
    total_bytes = sum(part.footprint_bytes for part in rig.session.parts.now)
    assert total_bytes == rig.session.subject.reading.footprint_bytes, "everything is in one part, and in one alone"


def test_what_a_tool_daemonised_still_counts_to_it_also_when_the_tool_is_over(rig: GuardRig, tmp_path: Path) -> None:
    root = rig.python(TOOL, DAEMON, tmp_path / "go")
    daemon, client = int(rig.said()[0]), rig.session.subject.client
    assert daemon in pids(rig.part(root))
    (tmp_path / "go").touch()
    wait_until(lambda: identity.identify(root.pid) is None and parent_pid(daemon) != root.pid, "the tool's end")
    both = [*read_tree(client.pid).processes, *read_tree(daemon).processes]  # as with a control group's word
    rig.session.parts.update(TreeReading(both), {}, [])
    (part,) = (part for part in rig.session.parts.now if part.kind != CLIENT)
    assert (part.root, part.kind, pids(part)) == (root, TOOL, {daemon})


def test_a_grandchild_is_in_the_part_of_its_parent(tree: Tree) -> None:
    tree.add(20, TOOL)
    tree.add(21, "", parent_pid=20, mb=7)
    tree.add(22, "", parent_pid=21, mb=5)
    part = tree.update()[20]
    assert (pids(part), part.footprint_bytes) == ({20, 21, 22}, 13 * MB)


def test_an_orphan_whose_part_nobody_saw_is_a_part_of_its_own(tree: Tree) -> None:
    tree.add(30, TOOL, parent_pid=1)
    assert tree.update()[30].kind == TOOL


def test_a_pid_that_was_given_away_is_not_the_former_owners_part(tree: Tree) -> None:
    tree.add(20, TOOL)
    tree.add(21, "", parent_pid=20)
    assert pids(tree.update()[20]) == {20, 21}
    tree.processes[2] = ProcessReading(21, 10, 2000, MB)
    tree.become(21, MCP)
    parts = tree.update()
    assert (pids(parts[20]), parts[21].kind) == ({20}, MCP)


def test_a_child_before_its_exec_is_looked_at_again_while_it_is_young(tree: Tree) -> None:
    tree.add(20, "")
    assert tree.update(now_s=1.0)[20].kind == OTHER
    tree.become(20, MCP, "/usr/bin/node\0/opt/files-server/dist/index.js")
    part = tree.update(now_s=1.5)[20]
    assert (part.kind, part.name) == (MCP, "files-server")


@pytest.mark.parametrize("before", ["", MCP], ids=["a client without its variables", "a client that has a project's"])
@pytest.mark.parametrize("next_look_s", [1.01, 2.9, 60.0])
def test_a_tool_that_was_caught_before_its_exec_is_one_at_the_next_look(
    tree: Tree, before: str, next_look_s: float
) -> None:
    """However late that comes: between fork and exec a child shows the client's variables, as a server does."""
    tree.budgets = [ToolBudget("Bash", 300 * MB), ToolBudget("mcp", 900 * MB)]
    tree.begin_call("toolu_1", budget_index=0)
    tree.add(20, before)
    assert tree.update(now_s=1.0)[20].kind in (OTHER, MCP)
    tree.become(20, TOOL)
    part = tree.update(now_s=next_look_s)[20]
    assert (part.kind, part.call, part.budget_index) == (TOOL, "toolu_1", 0)


@pytest.mark.parametrize("kind", [OTHER, MCP])
def test_what_is_no_longer_young_is_not_read_again(tree: Tree, kind: str) -> None:
    tree.add(20, kind)
    tree.update(now_s=1.0)
    tree.update(now_s=3.5)
    tree.become(20, TOOL)
    assert tree.update(now_s=3.6)[20].kind == kind


def test_a_server_that_has_left_its_child_behind_stays_a_server(tree: Tree) -> None:
    """A wrapper that is over by the second look can't be asked."""
    tree.add(20, MCP)
    tree.add(21, "", parent_pid=20)
    tree.update(now_s=1.0)
    del tree.processes[1]
    tree.become(20, TOOL)
    part = tree.update(now_s=1.5)[20]
    assert (part.kind, pids(part)) == (MCP, {21})


def test_a_real_child_that_executes_another_program_with_other_variables(rig: GuardRig, tmp_path: Path) -> None:
    """As a tool of a client that has CLAUDE_PROJECT_DIR itself."""
    root = rig.python(MCP, EXECUTES, tmp_path / "go")
    assert rig.part(root).kind == MCP
    rig.begin_call("toolu_1")
    (tmp_path / "go").touch()
    wait_until(lambda: rig.said()[1:] == ["tool"], "its exec")
    assert rig.part(root).kind == TOOL


def test_a_tool_is_paired_with_the_newest_call_of_the_shell_that_began_before_it(tree: Tree) -> None:
    """An older one waits for the person's permission, and starts its process later."""
    tree.begin_call("toolu_read", tool="Read", ago_s=0.5)
    tree.begin_call("toolu_1", ago_s=60)
    tree.begin_call("toolu_2", ago_s=1)
    tree.add(20, TOOL)
    assert (tree.update()[20].call, tree.update()[20].name) == ("toolu_2", "Bash")
    tree.add(21, TOOL)
    parts = tree.update()
    assert (parts[20].call, parts[21].call) == ("toolu_2", "toolu_1")


def test_a_call_whose_process_nobody_saw_is_not_taken_for_the_next_one(tree: Tree) -> None:
    """`ls` is over before any look, and is told of for as long as the turn goes on."""
    tree.budgets = [ToolBudget("default", 900 * MB), ToolBudget("Bash(make*)", 200 * MB)]
    tree.begin_call("toolu_ls", budget_index=0, ago_s=3)
    tree.begin_call("toolu_make", budget_index=1, ago_s=1)
    tree.add(20, TOOL)
    part = tree.update()[20]
    assert (part.call, part.budget_index) == ("toolu_make", 1)


def test_a_call_that_had_its_process_gets_no_other(tree: Tree) -> None:
    """The next one's hook was lost."""
    tree.begin_call("toolu_1", budget_index=0)
    tree.add(20, TOOL)
    assert tree.update()[20].call == "toolu_1"
    del tree.processes[1]
    tree.update()
    tree.add(21, TOOL)
    assert tree.update()[21].call == ""
    tree.calls.clear()
    tree.update()
    assert not tree.parts._paired


def test_a_call_that_is_over_stays_with_its_process_and_a_later_one_is_not_taken_for_it(tree: Tree) -> None:
    """As with a command that runs on in the background: its PostToolUse comes at once."""
    tree.begin_call("toolu_1")
    tree.add(20, TOOL)
    tree.update()
    del tree.calls["toolu_1"]
    tree.begin_call("toolu_2")
    tree.add(21, TOOL)
    parts = tree.update()
    assert (parts[20].call, parts[21].call) == ("toolu_1", "toolu_2")


def test_a_call_that_was_over_before_the_first_look_still_has_its_process(rig: GuardRig) -> None:
    """A command in the background: both of its hooks have come, and its process goes on."""
    rig.compile({"tool_budget_0": f"{300 * MB} default", "tool_budget_1": f"{200 * MB} Bash(make*)"})
    client, spool = rig.session.subject.client, rig.project / "spool"
    spool.mkdir()
    (rig.guard / "sessions").mkdir()
    (rig.guard / "sessions" / "s1").write_text("transcript=\ncwd=\n")
    known = {"session": "s1", "client_pid": client.pid, "tool": "Bash", "tool_use_id": "toolu_1"}
    begun = {**known, "event": "PreToolUse", "t_utc": time.time(), "budget": 1}
    root = rig.hold(TOOL, 1)
    over = {**known, "event": "PostToolUse", "t_utc": time.time()}
    (spool / "s1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (begun, over)))
    part = rig.part(root)
    assert rig.session.activity.in_flight == {}
    assert (part.call, part.name, part.budget_index) == ("toolu_1", "Bash", 1)


def test_a_process_that_is_older_than_a_call_does_not_run_for_it(tree: Tree) -> None:
    """A command in the background, met by a watchdog that took over: a later call's budget and note are not its."""
    tree.budgets = [ToolBudget("default", 900 * MB), ToolBudget("Bash(pytest*)", 200 * MB)]
    tree.add(20, TOOL, ago_s=60)
    tree.begin_call("toolu_2", budget_index=1, ago_s=1)
    parts = tree.update()
    assert (parts[20].call, parts[20].budget_index) == ("", 0)
    tree.add(21, TOOL)
    parts = tree.update()
    assert (parts[20].call, parts[21].call, parts[21].budget_index) == ("", "toolu_2", 1)


def test_a_client_inside_another_session_has_its_own_parts(tree: Tree) -> None:
    """The outer CLAUDE_PID is handed on: between fork and exec a child is nobody yet, and then what it is."""
    tree.add(20, "")
    tree.proc.write("20/environ", "CLAUDE_PID=9\0")
    assert tree.update(now_s=1.0)[20].kind == OTHER
    tree.proc.write("20/environ", "CLAUDE_PID=10\0")
    assert tree.update(now_s=1.1)[20].kind == TOOL


def test_the_clients_own_growth_is_measured_too(tree: Tree) -> None:
    """Of client and tool that would both do, the one that grows goes."""
    now_s = time.monotonic()
    tree.update(now_s)
    tree.processes[0].footprint_bytes += 50 * MB
    part = tree.update(now_s + 10)[10]
    assert (part.kind, part.growth_bytes) == (CLIENT, 50 * MB)
    assert 4 * MB <= part.rate_bytes_per_s <= 5 * MB


def test_a_tool_without_a_call_is_named_after_the_shell(tree: Tree) -> None:
    """`--bare`, or a hook that was lost."""
    tree.add(20, TOOL, command="/bin/bash")
    assert (tree.update()[20].name, tree.update()[20].call) == ("Bash", "")


def test_hooks_and_servers_take_no_call(tree: Tree) -> None:
    tree.begin_call("toolu_1")
    tree.add(20, HOOK)
    tree.add(21, MCP)
    assert {part.call for part in tree.update().values()} == {""}


@pytest.mark.parametrize(
    ("call_index", "expected"),
    [(1, 1), (-1, 0)],
    ids=["that of its command", "that of the tool, where the hook told none"],
)
def test_a_tool_has_the_budget_of_its_call(tree: Tree, call_index: int, expected: int) -> None:
    tree.budgets = [ToolBudget("Bash", 300 * MB), ToolBudget("Bash(pytest*)", 200 * MB)]
    tree.begin_call("toolu_1", budget_index=call_index)
    tree.add(20, TOOL)
    assert tree.update()[20].budget_index == expected


def test_a_call_that_is_told_of_late_still_brings_its_budget(tree: Tree) -> None:
    tree.budgets = [ToolBudget("default", 300 * MB), ToolBudget("Bash(pytest*)", 200 * MB)]
    tree.add(20, TOOL)
    assert tree.update()[20].budget_index == 0
    tree.begin_call("toolu_1", budget_index=1, ago_s=1)
    assert tree.update()[20].budget_index == 1


@pytest.mark.parametrize(("pattern", "index"), [("mcp__files", 0), ("mcp__mail", -1), ("default", 0), ("Bash", -1)])
def test_a_server_has_the_budget_that_names_it(tree: Tree, pattern: str, index: int) -> None:
    tree.budgets = [ToolBudget(pattern, 200 * MB)]
    tree.add(20, MCP, command="/usr/bin/node\0/opt/files/dist/index.js")
    assert tree.update()[20].budget_index == index


@pytest.mark.parametrize("kind", [HOOK, OTHER])
def test_the_budgets_of_tools_are_not_those_of_anything_else(tree: Tree, kind: str) -> None:
    tree.budgets = [ToolBudget("default", 1)]
    tree.add(20, kind)
    assert tree.update()[20].budget_index == -1


def test_growth_is_since_the_part_was_first_seen_and_its_rate_of_late(tree: Tree) -> None:
    tree.add(20, TOOL, mb=10)
    assert (tree.update(now_s=100.0)[20].growth_bytes, tree.update(now_s=100.0)[20].rate_bytes_per_s) == (0, 0.0)
    tree.processes[1].footprint_bytes = 60 * MB
    part = tree.update(now_s=101.0)[20]
    assert (part.growth_bytes, part.rate_bytes_per_s) == (50 * MB, 50 * MB)
    part = tree.update(now_s=102.0)[20]
    assert (part.growth_bytes, part.rate_bytes_per_s) == (50 * MB, 0.0)


def test_the_rate_does_not_follow_a_single_allocation(tree: Tree) -> None:
    """Readings come 10 ms apart while something grows: 4 MB between two of them are no 400 MB/s."""
    tree.add(20, TOOL, mb=10)
    tree.update(now_s=100.0)
    tree.processes[1].footprint_bytes = 14 * MB
    assert tree.update(now_s=100.01)[20].rate_bytes_per_s == 0.0


def test_a_client_that_is_gone_has_no_parts(tree: Tree) -> None:
    tree.add(20, TOOL)
    tree.update()
    tree.processes = []
    assert tree.update() == {}


def test_hostile_names_are_shown_clean(tree: Tree) -> None:
    for pid, command in {20: "/x/\x1b[31mred", 21: "/x/foo) Z 1", 22: "/x/a\nb=c", 23: "\udcff\udcfe"}.items():
        tree.add(pid, MCP, command=command)
    names = {pid: part.name for pid, part in tree.update().items() if pid != 10}
    assert names == {20: "??31mred", 21: "foo??Z?1", 22: "a?b?c", 23: "??"}


def test_a_long_session_does_not_grow(tree: Tree) -> None:
    """A thousand tools, one after the other: what is remembered is that of the living."""
    for n in range(1000):
        tree.processes = [tree.processes[0], ProcessReading(100 + n, 10, 1000, MB)]
        tree.update(now_s=float(n))
    assert len(tree.parts.now) == 2
    assert len(tree.parts._roots) + len(tree.parts._member_of) <= 4


def test_a_tool_that_is_looked_at_all_the_while_it_starts_is_a_tool_in_the_end(rig: GuardRig) -> None:
    """No first impression sticks."""
    root = rig.python(TOOL, "import time; print('up', flush=True); time.sleep(120)", ready=False)
    seen = set()
    while not rig.said():
        seen |= {part.kind for part in rig.look() if part.root == root}
    wait_until(lambda: rig.part(root).kind == TOOL, "a tool")
    assert seen <= {TOOL, OTHER}


def test_settings_that_change_under_a_running_tool_do_not_give_it_anothers_budget(tree: Tree) -> None:
    """Its call's budget was the first line of the old list; the new list begins with another tool's."""
    tree.budgets = [ToolBudget("Bash(make*)", 5 * MB), ToolBudget("default", 9 * MB)]
    tree.add(11, TOOL)
    tree.calls["toolu_1"] = ToolCall("toolu_1", "Bash", time.time() - 1, 0)
    assert tree.update()[11].budget_index == 0
    tree.budgets = [ToolBudget("Grep", MB), ToolBudget("default", 9 * MB)]
    assert tree.update(1.0)[11].budget_index == 1
