"""Which budget of the session's a test run has, and that nothing which lies in those files can harm a test run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memguard.core.identity import ProcessId
from memguard.core.layout import write_pairs
from memguard.gate.event import append_line
from memguard.host.identity import identify
from memguard.test_run import session_budget as module
from memguard.test_run.session_budget import NOT_GUARDED, SessionBudget, session_budget
from tests.sandbox import ROOT, Sandbox, wait_until

MB = 1024 * 1024
SESSION = "11111111-2222-4333-8444-555555555555"
BUDGETS = {"default": 900 * MB, "Bash": 700 * MB, "Bash(pytest*)": 300 * MB, "Bash(make*)": 200 * MB}
PYTEST, MAKE = 2, 3  # their numbers
WITHOUT = SessionBudget(is_guarded=True, budget_bytes=0, pattern="")
BY_NAME = SessionBudget(is_guarded=True, budget_bytes=700 * MB, pattern="Bash")
ASKS = """
import json, os
from memguard.test_run.session_budget import session_budget
print(json.dumps(session_budget(os.environ)))
"""
# Says who it is, then starts what it is told to, and says what that has said.
STARTS = """
import json, os, subprocess, sys
sys.path.insert(0, sys.argv[1])
if sys.argv[2] == "subreaper":
    from memguard.host.containment.orphans_of import become_subreaper
    become_subreaper()
print(os.getpid(), flush=True)
order = json.loads(sys.stdin.readline())
done = subprocess.run([sys.executable, "-c", order["code"]], env=order["variables"], capture_output=True, text=True)
print(done.stdout or done.stderr)
"""
# Asks once it has lost its parent.
DAEMON = f"""
import os, time
parent = os.getpid()
if os.fork():
    os._exit(0)
os.setsid()
while os.getppid() == parent:
    time.sleep(0.01)
{ASKS}
"""


class Above:
    """A process that stands above the one that asks: a client, or a launcher."""

    def __init__(self, kind: str, **variables: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", STARTS, str(ROOT), kind], env={**os.environ, **variables}, cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout
        self.who = own(int(self._process.stdout.readline()))

    def ask(self, variables: dict[str, str], code: str = ASKS) -> SessionBudget:
        """What a process that it starts is told; it ends."""
        output, _ = self._process.communicate(json.dumps({"code": code, "variables": variables}) + "\n", timeout=20)
        return SessionBudget(*json.loads(output))


def own(pid: int = 0) -> ProcessId:
    who = identify(pid or os.getpid())
    assert who is not None
    return who


class Session:
    """A guarded session whose client is this test, unless it is told otherwise; what it asks is the client's child."""

    def __init__(self, folder: Path) -> None:
        self.above = folder / "run"
        self.runtime, self.state = self.above / "memguard", folder / "state"
        self.project, self.guard = self.state / "-work-shop", self.runtime / "guards" / "aa11"
        for path in (self.above, self.runtime, self.state, self.project, self.runtime / "clients"):
            path.mkdir(mode=0o700)
        for path in (self.runtime / "guards", self.guard, self.guard / "tools", self.guard / "sessions"):
            path.mkdir(mode=0o700)
        self.record(own())
        self.guard_file()
        self.compile()
        write_pairs(str(self.guard / "sessions" / SESSION), {"cwd": "/work/shop"})

    def record(self, client: ProcessId) -> None:
        """What hooks and watchdog find a client by."""
        self.client = client
        write_pairs(str(self.runtime / "clients" / str(client.pid)), {"id": client.to_text(), "guard": "aa11"})
        write_pairs(str(self.guard / "client"), {"id": client.to_text(), "generation": 0})

    def guard_file(self, **more: object) -> None:
        facts = {"kind": "launcher", "project_key": self.project.name, "state": str(self.state), "launcher": ""}
        write_pairs(str(self.guard / "guard"), {**facts, **more})

    def compile(self, mode: str = "guard", budgets: dict[str, int] = BUDGETS) -> None:
        pairs = {f"tool_budget_{n}": f"{size} {pattern}" for n, (pattern, size) in enumerate(budgets.items())}
        for folder in (self.guard, self.project):
            write_pairs(str(folder / "compiled"), {"mode": mode, **pairs})

    def begin(self, call: str, budget: int, tool: str = "Bash", ago_s: float = 0.0, client_pid: int = 0) -> None:
        """A PreToolUse, as its hook writes it down."""
        pid = client_pid or self.client.pid
        facts = (time.time() - ago_s, "PreToolUse", SESSION, pid, 9, 9, 1, "NORMAL", tool, call, "default", "", 0)
        append_line(str(self.project), SESSION, (*facts, budget))

    def variables(self, **more: str) -> dict[str, str]:
        kept = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(self.above)}
        return {**kept, "CLAUDE_PID": str(self.client.pid), "CLAUDE_CODE_SESSION_ID": SESSION, **more}

    def ask(self, *before: str, code: str = ASKS, words: tuple[str, ...] = (), **variables: str) -> SessionBudget:
        """What a Python program that is started as a tool is told; `before` are words that start it."""
        command = [*before, sys.executable, "-c", code, *words]
        done = subprocess.run(
            command, env=self.variables(**variables), cwd=ROOT, capture_output=True, text=True, timeout=20, check=False,
            start_new_session=True,
        )  # fmt: skip
        assert done.stderr == ""
        return SessionBudget(*json.loads(done.stdout))


def allowed(number: int) -> SessionBudget:
    pattern, size_bytes = list(BUDGETS.items())[number]
    return SessionBudget(is_guarded=True, budget_bytes=size_bytes, pattern=pattern)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def test_the_call_has_the_line_that_its_hook_found(session: Session) -> None:
    session.begin("toolu_1", PYTEST)
    assert session.ask() == allowed(PYTEST)


def test_shells_between_change_nothing(session: Session) -> None:
    session.begin("toolu_1", PYTEST)
    assert session.ask("/bin/sh", "-c", '/bin/sh -c \'"$@"; true\' sh "$@"; true', "sh") == allowed(PYTEST)


def test_of_several_calls_it_is_the_newest_that_began_before_the_process(session: Session) -> None:
    session.begin("toolu_1", PYTEST, ago_s=60)
    session.begin("toolu_2", MAKE, ago_s=1)
    session.begin("toolu_3", PYTEST, tool="Read")
    session.begin("toolu_4", PYTEST, client_pid=1)
    session.begin("toolu_5", PYTEST, ago_s=-30)
    assert session.ask() == allowed(MAKE)


def test_what_the_watchdog_has_on_record_counts_before_any_guess(session: Session) -> None:
    """A subagent's calls begin at the same moment: only the watchdog's own choice is what it will act by."""
    session.begin("toolu_1", PYTEST, ago_s=1)
    session.begin("toolu_2", MAKE, ago_s=1)
    code = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from memguard.core.tool_record import ToolRecord, record_tool
from memguard.host.identity import identify
record_tool({str(session.guard)!r}, ToolRecord(identify(os.getpid()), sys.argv[1], "Bash"))
{ASKS}
"""
    assert session.ask(code=code, words=("toolu_1",)) == allowed(PYTEST)
    assert session.ask(code=code, words=("",)) == allowed(MAKE), "it didn't know the call: the newest"
    assert session.ask(code=code, words=("toolu_of_long_ago",)) == BY_NAME


def test_a_call_in_the_spool_that_was_put_aside_is_found(session: Session) -> None:
    session.begin("toolu_1", PYTEST)
    spool = session.project / "spool" / f"{SESSION}.jsonl"
    spool.rename(f"{spool}.1")
    session.begin("toolu_2", MAKE, tool="Read")
    assert session.ask() == allowed(PYTEST)


def test_after_clear_the_call_is_looked_for_in_the_session_that_the_client_has_now(session: Session) -> None:
    session.begin("toolu_1", PYTEST)
    assert session.ask(CLAUDE_CODE_SESSION_ID="aaaaaaaa-of-somebody-else") == allowed(PYTEST)
    assert session.ask(CLAUDE_CODE_SESSION_ID="../../etc/passwd") == allowed(PYTEST)


def test_without_a_line_for_its_command_it_has_the_tools_own_else_the_default(session: Session) -> None:
    session.begin("toolu_1", -1)
    assert session.ask() == BY_NAME
    session.compile(budgets={"default": 900 * MB, "Bash(make*)": 200 * MB})
    assert session.ask() == SessionBudget(is_guarded=True, budget_bytes=900 * MB, pattern="default")
    session.compile(budgets={"Bash(make*)": 200 * MB})
    assert session.ask() == WITHOUT
    session.compile(budgets={})
    assert session.ask() == WITHOUT


def test_a_number_beyond_the_list_is_none(session: Session) -> None:
    session.begin("toolu_1", 99)
    assert session.ask() == BY_NAME


def test_where_memguard_would_not_act_there_is_no_limit(session: Session) -> None:
    session.begin("toolu_1", PYTEST)
    for folder in (session.guard, session.project):
        write_pairs(str(folder / "pause"), {"until_utc": time.time() + 60})
        assert session.ask() == WITHOUT, "paused"
        write_pairs(str(folder / "pause"), {"until_utc": time.time() - 1})
        assert session.ask() == allowed(PYTEST), "the pause is over"
    session.compile(mode="observe")
    assert session.ask() == WITHOUT, "it only observes"
    session.compile()
    (session.project / "compiled").unlink()
    assert session.ask() == WITHOUT, "taken out of the project"


def test_a_hook_and_a_server_have_no_call(session: Session) -> None:
    session.begin("toolu_1", PYTEST)
    assert session.ask(CLAUDE_PROJECT_DIR="/work/shop") == WITHOUT
    assert session.ask(CLAUDE_PROJECT_DIR="/work/shop", CLAUDE_PID="") == WITHOUT


def test_without_a_variable_of_the_clients_nothing_is_looked_for(session: Session) -> None:
    session.begin("toolu_1", PYTEST)
    code = f"""
import os, sys
for name in [name for name in os.environ if name.startswith("CLAUDE")]:
    del os.environ[name]
{ASKS}
assert not [name for name in sys.modules if name.startswith(("memguard.host", "memguard.core"))]
"""
    assert session.ask(code=code) == NOT_GUARDED


def test_the_heavy_half_is_not_loaded(session: Session) -> None:
    session.begin("toolu_1", PYTEST)
    heavy = ("pydantic", "psutil", "cryptography", "platformdirs", "memguard.config", "memguard.state", "json")
    names = f"{ASKS}\nassert not set(sys.modules) & set({heavy[:-1]})".replace(
        "import json, os", "import json, os, sys"
    )
    assert session.ask(code=names) == allowed(PYTEST)


def test_a_client_that_is_no_ancestor_is_not_believed(session: Session) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        (session.runtime / "clients" / str(os.getpid())).unlink()
        session.record(own(other.pid))
        session.begin("toolu_1", PYTEST)
        assert session.ask() == NOT_GUARDED
        other.kill()


def test_what_has_daemonised_is_found_by_the_launcher(session: Session) -> None:
    (session.runtime / "clients" / str(os.getpid())).unlink()
    with subprocess.Popen(["sleep", "60"]) as client:
        session.record(own(client.pid))
        session.begin("toolu_1", PYTEST)
        launcher = Above("subreaper")
        session.guard_file(launcher=launcher.who.to_text())
        assert launcher.ask(session.variables(), DAEMON) == allowed(PYTEST)
        launcher = Above("subreaper")
        before = ProcessId(launcher.who.pid, 1, launcher.who.boot_id, launcher.who.pid_namespace)
        session.guard_file(launcher=before.to_text())
        assert launcher.ask(session.variables(), DAEMON) == NOT_GUARDED, "another process had the launcher's pid"
        client.kill()


@pytest.mark.parametrize("wrong", ["start", "boot", "namespace", "pid", "guard"])
def test_a_record_of_somebody_else_is_not_believed(session: Session, wrong: str) -> None:
    who, guard = own(), "aa11"
    values = {"pid": who.pid, "start": who.start_ticks, "boot": who.boot_id, "namespace": who.pid_namespace}
    if wrong == "guard":
        guard = "../guards/aa11"
    else:
        values[wrong] = f"{values[wrong]}1"
    record: dict[str, object] = {"id": ":".join(map(str, values.values())), "guard": guard}
    session.begin("toolu_1", PYTEST)
    write_pairs(str(session.runtime / "clients" / str(who.pid)), record)
    assert session.ask() == NOT_GUARDED


def test_a_guard_that_has_another_client_by_now_is_not_believed(session: Session) -> None:
    session.begin("toolu_1", PYTEST)
    write_pairs(str(session.guard / "client"), {"id": own(1).to_text(), "generation": 1})
    assert session.ask() == NOT_GUARDED


@pytest.mark.parametrize("folder", ["runtime", "guard", "state", "project"])
def test_a_folder_that_others_may_have_filled_is_not_believed(session: Session, folder: str) -> None:
    session.begin("toolu_1", PYTEST)
    getattr(session, folder).chmod(0o777)
    assert session.ask() == NOT_GUARDED


@pytest.mark.parametrize("facts", [{"state": "state"}, {"project_key": "../state/-work-shop"}, {"project_key": ".."}])
def test_a_project_that_is_elsewhere_is_not_believed(session: Session, facts: dict[str, str]) -> None:
    session.begin("toolu_1", PYTEST)
    session.guard_file(**facts)
    assert session.ask() == NOT_GUARDED


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _link(path: Path) -> None:
    elsewhere = path.with_name(f"{path.name}.elsewhere")
    elsewhere.write_bytes(path.with_name(f"{path.name}.aside").read_bytes())
    path.symlink_to(elsewhere)


def _open_to_others(path: Path) -> None:
    path.write_bytes(path.with_name(f"{path.name}.aside").read_bytes())
    path.chmod(0o666)


def _noise(path: Path) -> None:
    path.write_bytes(os.urandom(3000) + b"\n\0=\xff\n{[" * 3000)


FAULTS: dict[str, Callable[[Path], object]] = {
    "a FIFO": _fifo,
    "a folder": lambda path: path.mkdir(),
    "a link": _link,
    "open to others": _open_to_others,
    "noise": _noise,
    "empty": lambda path: path.write_text(""),
}
SPOILT = {
    "clients/{pid}": NOT_GUARDED,
    "guards/aa11/client": NOT_GUARDED,
    "guards/aa11/guard": NOT_GUARDED,
    "guards/aa11/compiled": allowed(PYTEST),  # the project's own is there
    "../../state/-work-shop/compiled": WITHOUT,
    f"../../state/-work-shop/spool/{SESSION}.jsonl": BY_NAME,
    f"guards/aa11/sessions/{SESSION}": allowed(PYTEST),
}
# It is there, and says nothing of a budget; or it is as good as it was, whatever it says.
OTHERWISE = {
    ("guards/aa11/compiled", "noise"): WITHOUT,
    ("../../state/-work-shop/compiled", "noise"): allowed(PYTEST),  # the guard's own is there
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", SPOILT)
def test_a_file_that_is_spoilt_harms_nobody(session: Session, name: str, fault: str) -> None:
    session.begin("toolu_1", PYTEST)
    path = session.runtime / name.format(pid=os.getpid())
    path.rename(path.with_name(f"{path.name}.aside"))
    FAULTS[fault](path)
    assert session.ask() == OTHERWISE.get((name, fault), SPOILT[name])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_spoilt_pause_is_none(session: Session, fault: str) -> None:
    session.begin("toolu_1", PYTEST)
    (session.guard / "pause.aside").write_text("until_utc=for ever\n")
    FAULTS[fault](session.guard / "pause")
    assert session.ask() == allowed(PYTEST)


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"PreToolUse","client_pid":%d,"tool":"Bash","t_utc":"now","budget":3}',
        '{"event":"PreToolUse","client_pid":%d,"tool":"Bash","t_utc":1e999,"budget":3}',
        '{"event":"PreToolUse","client_pid":%d,"tool":["Bash"],"t_utc":1,"budget":3}',
        '["event":"PreToolUse",%d]',
        '["PreToolUse",{"event":"PreToolUse"},%d]',
        '{"event":"PreToolUse","client_pid":%d,' + '"x":[' * 50_000,
    ],
)
def test_a_spoilt_line_of_the_spool_is_passed_over(session: Session, line: str) -> None:
    session.begin("toolu_1", PYTEST)
    with (session.project / "spool" / f"{SESSION}.jsonl").open("a") as file:
        file.write(f"{line.replace('%d', str(os.getpid()))}\n")
    assert session.ask() == allowed(PYTEST)


@pytest.mark.parametrize("number", ["true", "-1", "2.0", '"2"', "null", "1e3", "99999999999999999999"])
def test_a_budget_that_is_no_number_of_a_line_is_none(session: Session, number: str) -> None:
    line = f'{{"event":"PreToolUse","client_pid":{os.getpid()},"tool":"Bash","t_utc":1,"budget":{number}}}\n'
    (session.project / "spool").mkdir()
    path = session.project / "spool" / f"{SESSION}.jsonl"
    path.write_text(line)
    path.chmod(0o600)
    assert session.ask() == BY_NAME


@pytest.mark.parametrize("pid", ["", "0", "-1", "1e3", "²", "9" * 30, "x", "1"])
def test_a_pid_that_is_none_is_no_hint(session: Session, pid: str) -> None:
    """The guard is found by the tree all the same; what the process is, the variable says."""
    session.begin("toolu_1", PYTEST)
    assert session.ask(CLAUDE_PID=pid).is_guarded


def test_a_pattern_is_shown_as_a_terminal_can_bear_it(session: Session) -> None:
    session.compile(budgets={"Bash(\x1b[31m\u202e*)": 300 * MB})
    session.begin("toolu_1", 0)
    assert session.ask().pattern == "Bash(?[31m?*)"


def test_a_test_run_with_a_runtime_folder_of_its_own_is_found_by_the_clients(session: Session, tmp_path: Path) -> None:
    client = Above("client", XDG_RUNTIME_DIR=str(session.above))
    (session.runtime / "clients" / str(os.getpid())).unlink()
    session.record(client.who)
    session.begin("toolu_1", PYTEST)
    assert client.ask(session.variables(XDG_RUNTIME_DIR=str(tmp_path / "own"))) == allowed(PYTEST)


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_on_another_platform_nothing_is_guarded(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert session_budget({"CLAUDE_PID": "1", "CLAUDECODE": "1"}) == NOT_GUARDED


def test_whatever_goes_wrong_a_test_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> SessionBudget:
        raise RecursionError("deep")

    monkeypatch.setattr(module, "_looked_up", fails)
    assert session_budget({"CLAUDECODE": "1"}) == NOT_GUARDED


def test_it_costs_a_test_run_nothing_that_anybody_could_notice(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    """CPU time, imports included; the best of some processes, since others use the machine meanwhile."""
    for number in range(1500):
        session.begin(f"toolu_{number}", PYTEST, tool="Bash")
    code = """
import os, time, typing, json
import pytest
begun = time.process_time()
from memguard.test_run.session_budget import session_budget
found = session_budget(os.environ)
took_s = time.process_time() - begun
begun = time.process_time()
for _ in range(1000):
    session_budget({})
print(json.dumps([found.is_guarded, found.budget_bytes, f"{took_s} {(time.process_time() - begun) / 1000}"]))
"""
    answers = [session.ask(code=code) for _ in range(7)]
    assert {answer.budget_bytes for answer in answers} == {300 * MB}
    guarded_s, unguarded_s = (min(float(a.pattern.split()[n]) for a in answers) for n in (0, 1))
    with capsys.disabled():
        sys.stdout.write(f"\nsession_budget: {guarded_s * 1e3:.2f} ms guarded, {unguarded_s * 1e6:.2f} us without\n")
    assert guarded_s < 0.01  # 4 ms on two idle cores of this machine, 3 of them for twelve small modules
    assert unguarded_s < 5e-6


def test_in_a_real_guarded_session_it_is_what_the_watchdog_goes_by(opted_in: Sandbox) -> None:
    """Hooks, guard and watchdog as they are; the leaky client runs the program as its tool call."""
    program = opted_in.folder / "asks.py"
    program.write_text(f"{ASKS}\nimport time\ntime.sleep(1.5)\n")
    opted_in.config('[tools]\ndefault = 900\n"Bash(*asks.py*)" = 321\n')
    command = f"PYTHONPATH={ROOT} {sys.executable} {program} > {opted_in.folder}/said"
    session = opted_in.start("--steps", "1", "--leak-mb", "0", f"--tool={command}")
    parts: list[dict[str, Any]] = wait_until(lambda: _tools(opted_in), "the watchdog's word on the tool")
    session.communicate(timeout=30)
    said = SessionBudget(*json.loads((opted_in.folder / "said").read_text()))
    assert said == SessionBudget(is_guarded=True, budget_bytes=321 * MB, pattern="Bash(*asks.py*)")
    assert {part["budget_bytes"] for part in parts} == {said.budget_bytes}


def _tools(box: Sandbox) -> list[dict[str, Any]]:
    """The tools' parts, as the watchdog shows them."""
    found = [json.loads(path.read_text()) for guard in box.guards() for path in guard.glob("status.json")]
    return [part for status in found for part in status.get("parts", []) if part["kind"] == "tool"]
