"""Plugins that do whatever a plugin can do wrong: each is named and left out, and the guard and the others go on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.plugin_scene import PluginScene, hooks, install_plugin, installation, scene  # noqa: F401
from tests.sandbox import wait_until

# Each fault in a hook, and what is said of it.
FAULTS = {
    "raises": ("raise ValueError('a secret word')", "ValueError at sample_bad.py:"),
    "exits": ("sys.exit(3)", "SystemExit at sample_bad.py:"),
    "ends its process": ("os._exit(0)", "it ended its process, or took too long"),
    "kills itself": ("os.kill(os.getpid(), 9)", "it ended its process, or took too long"),
    "hangs": ("time.sleep(600)", "it ended its process, or took too long"),
    "hangs in native code": (
        "import ctypes; ctypes.PyDLL(None).sleep(600)", "it ended its process, or took too long",
    ),
    "allocates a lot": ("bytearray(2 << 30)", "MemoryError at sample_bad.py:"),
    "recurses": ("f = lambda: f()\nf()", "RecursionError at sample_bad.py:"),
    "imports what isn't there": ("import not_there_at_all", "ModuleNotFoundError (not_there_at_all) at sample_bad.py:"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_whoever_fails_is_named_and_not_called_again(scene: PluginScene, fault: str) -> None:  # noqa: F811
    code, why = FAULTS[fault]
    install_plugin(scene.installation, "bad", hooks(restart_failed=code))
    rig = scene.start("bad", timeout_s=1.0)
    scene.tell(why="the first")
    scene.until(lambda: scene.state("bad").failed_in, f"a plugin that {fault} to be found out")
    assert scene.state("bad").failed_in == "restart_failed"
    assert why in scene.state("bad").why
    (event,) = rig.events("plugin_disabled")
    assert (event["plugin"], event["hook"]) == ("bad", "restart_failed")
    assert "plugin bad is disabled for this session: in restart_failed: " in rig.log()
    assert "secret" not in rig.log() + str(rig.events()), "the words of an error may hold anything"
    scene.until(lambda: scene.pipe.hooks, "the worker to be there again")
    scene.tell(why="the second")
    scene.until(lambda: [one for one in scene.heard("restart_failed") if one[2]["why"] == "the second"], "the others")
    assert not scene.state("recorder").failed_in
    assert len(rig.events("plugin_disabled")) == 1


STARTS = {
    "not installed": (None, "none installed under this name"),
    "not importable": ("import not_there_at_all", "ModuleNotFoundError (not_there_at_all)"),
    "raises at import": ("raise RuntimeError('x')", "RuntimeError at sample_bad.py"),
    "ends the process at import": ("os._exit(0)", "it ended its process"),
    "without the object": ("other = 1", "AttributeError"),
    "refuses its options": ("def make(context): context.only('colour')", "size is not an option"),
    "an unknown hook": (
        "class make:\n    def __init__(self, context): pass\n    @hookimpl\n    def restart_faild(self, event): pass",
        "restart_faild",
    ),
    "an argument of another name": (
        "class make:\n    def __init__(self, context): pass\n    @hookimpl\n    def restart_failed(self, evt): pass",
        "evt",
    ),
    "a wrapper": (
        hooks(restart_failed="return (yield)").replace("@hookimpl", "@hookimpl(wrapper=True)"),
        "restart_failed is a wrapper",
    ),
}


@pytest.mark.parametrize("fault", STARTS)
def test_one_that_can_not_be_loaded_is_named_and_the_others_run(scene: PluginScene, fault: str) -> None:  # noqa: F811
    code, why = STARTS[fault]
    if code is not None:
        install_plugin(scene.installation, "bad", code)
    rig = scene.start("bad", bad={"size": 1})
    scene.until(lambda: scene.state("bad").failed_in, f"{fault}: named")
    assert scene.state("bad").failed_in == "start"
    assert why in scene.state("bad").why
    assert "plugin bad is disabled for this session: at its start: " in rig.log()
    scene.tell()
    scene.until(lambda: scene.heard("restart_failed"), "the others are told")


def test_one_that_is_installed_twice_is_not_loaded(scene: PluginScene) -> None:  # noqa: F811
    for module in ("sample_one", "sample_two"):
        install_plugin(scene.installation, "bad", hooks(restart_failed="pass"), module)
    scene.start("bad")
    scene.until(lambda: scene.state("bad").failed_in, "named")
    assert "2 installed under this name" in scene.state("bad").why


def test_the_child_of_a_fork_does_not_go_on_as_the_worker(scene: PluginScene) -> None:  # noqa: F811
    """It would take every second order, and answer for its parent."""
    install_plugin(scene.installation, "forks", hooks(restart_failed="os.fork()"))
    body = "open(self.context.folder() + '/count', 'a').write('x')"
    install_plugin(scene.installation, "counts", hooks(restart_failed=body))
    rig = scene.start("counts", "forks")  # the last one is called first
    for number in range(5):
        scene.tell(why=str(number))
    scene.until(lambda: len(scene.heard("restart_failed")) >= 5, "all five")
    scene.until(lambda: len(scene.worker_pids()) == 1, "the children's end")
    assert [one[2]["why"] for one in scene.heard("restart_failed")] == list("01234")
    assert (rig.state / "plugins" / "counts" / "count").read_text() == "xxxxx", "the child told nobody"
    assert not scene.state("forks").failed_in


def test_what_is_printed_is_no_answer_and_disturbs_nobody(scene: PluginScene) -> None:  # noqa: F811
    code = """
    print('{"failed": "recorder", "hook": "x", "why": "y"}' * 1000, flush=True)
    os.write(1, b'{"answer": 1, "plugin": "x", "value": "fresh"}'); os.write(2, b'x' * 100000); sys.stdin.read()
    """
    install_plugin(scene.installation, "prints", hooks(restart_failed=code))
    scene.start("prints")
    scene.tell()
    scene.tell()
    scene.until(lambda: len(scene.heard("restart_failed")) == 2, "both events")
    assert not any(state.failed_in for state in scene.pipe.states.values())


def test_a_slow_one_is_let_finish_and_then_disabled(scene: PluginScene) -> None:  # noqa: F811
    """One that blocks the timer's signal can't be cut short, but is timed."""
    code = "import signal; signal.signal(signal.SIGALRM, signal.SIG_IGN); time.sleep(0.6)"
    install_plugin(scene.installation, "slow", hooks(restart_failed=code))
    scene.start("slow", timeout_s=0.3)
    scene.tell()
    scene.until(lambda: scene.state("slow").failed_in, "it is found out")
    assert scene.state("slow").why == "it took 0.6 s"
    assert scene.heard("restart_failed")


def test_one_that_hangs_and_ignores_the_timer_is_ended_by_the_watchdog(scene: PluginScene) -> None:  # noqa: F811
    code = "import signal; signal.signal(signal.SIGALRM, signal.SIG_IGN); time.sleep(600)"
    install_plugin(scene.installation, "hangs", hooks(restart_failed=code))
    scene.start("hangs", timeout_s=0.2)
    first = scene.worker_pids()
    scene.tell()
    scene.until(lambda: scene.state("hangs").failed_in, "it is found out")
    assert scene.state("hangs").why == "it ended its process, or took too long"
    scene.until(lambda: scene.pipe.hooks, "another worker")
    assert set(first).isdisjoint(scene.worker_pids())


def test_what_a_plugin_started_ends_with_its_worker(scene: PluginScene, tmp_path: Path) -> None:  # noqa: F811
    mark = tmp_path / "pid"
    code = f"""
    import subprocess
    child = subprocess.Popen(["sleep", "600"])
    open({str(mark)!r}, "w").write(str(child.pid) + " ")
    time.sleep(600)
    """
    install_plugin(scene.installation, "starts", hooks(restart_failed=code))
    scene.start("starts", timeout_s=1.0)
    scene.tell()
    scene.until(lambda: scene.state("starts").failed_in, "it is found out")
    child = int(mark.read_text())
    wait_until(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child), "its child's end")


def test_a_worker_that_dies_without_a_plugin_s_doing_is_followed_three_times(scene: PluginScene) -> None:  # noqa: F811
    """Somebody kills it, or closes its files between two calls: nobody can be named."""
    rig = scene.start()
    for _ in range(3):
        (who,) = scene.pipe.watched()
        os.kill(who.pid, 9)
        scene.until(lambda who=who: scene.pipe.watched() != [who], "it is noticed")  # type: ignore[misc]
        scene.until(lambda: scene.pipe.hooks or not scene.pipe.watched(), "its successor")
    assert scene.pipe.watched() == []
    assert "no plugin runs any more: their worker ended again and again" in rig.log()
    scene.tell()  # and nothing happens


def test_events_that_wait_are_not_lost_with_the_worker_that_did_not_come_to_them(scene: PluginScene) -> None:  # noqa: F811
    install_plugin(scene.installation, "bad", hooks(restart_failed="time.sleep(0.2); os._exit(1)"))
    scene.start("bad")
    scene.tell(why="fatal")
    for number in range(10):
        scene.tell("restart_completed", generation=number)
    scene.until(lambda: len(scene.heard("restart_completed")) == 10, "all ten")
    assert scene.state("bad").failed_in == "restart_failed"


def test_more_events_than_the_pipe_holds_keep_nobody_waiting(scene: PluginScene) -> None:  # noqa: F811
    install_plugin(scene.installation, "hangs", hooks(restart_failed="time.sleep(600)"))
    rig = scene.start("hangs", timeout_s=3.0)
    for _ in range(600):
        scene.tell()
    assert len(rig.events("restart_failed")) == 600, "memguard's own record is whole"
    assert rig.log().count("plugins miss events") == 1
    scene.until(lambda: scene.state("hangs").failed_in, "it is found out")


def test_a_mark_that_somebody_spoilt_names_nobody(scene: PluginScene) -> None:  # noqa: F811
    rig = scene.start()
    (rig.guard / "plugin-call").write_bytes(b"\xff" * 8)
    (who,) = scene.pipe.watched()
    os.kill(who.pid, 9)
    scene.until(lambda: scene.pipe.watched() not in ([], [who]), "its successor")
    assert rig.events("plugin_disabled") == []


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True
