"""The watchdog and its plugins: what they are told, what they may decide, and that none cost nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard.core.part import MCP, TOOL
from memguard.core.ticket import FRESH, RESUME
from memguard.watchdog.taking_up import TakingUp
from tests.guard_rig import MB, GuardRig
from tests.plugin_scene import PluginScene, hooks, install_plugin, installation, scene  # noqa: F401
from tests.sandbox import ROOT, wait_until

LIMITS = {"warning_bytes": 60 * MB, "critical_bytes": 80 * MB, "emergency_bytes": 2000 * MB}


def test_none_enabled_costs_nothing(rig: GuardRig) -> None:
    """No process, no module, no listener."""
    rig.session.start_plugins()
    assert rig.session.plugins is None
    assert rig.session.journal.listener is None
    code = "import sys; sys.path.insert(0, sys.argv[1]); import memguard.watchdog.loop; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if "plug" in name]


def test_what_a_watchdog_loads_for_plugins_is_light() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import memguard.watchdog.plugin_pipe; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT)]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"pluggy", "dataclasses", "typing", "json", "re", "enum", "subprocess", "mmap", "pathlib"}
    assert not [name for name in loaded if name.startswith("memguard.plugins")]


def test_plugins_are_told_of_what_is_recorded(scene: PluginScene) -> None:  # noqa: F811
    rig = scene.start(recorder={"depth": {"colour": ["red", 1]}})
    scene.tell("restart_failed", why="three in an hour")
    scene.until(lambda: scene.heard("restart_failed"), "the event")
    (made,) = scene.heard("made")
    assert made[1] == {"depth": {"colour": ["red", 1]}}
    (_, kind, fields), (recorded,) = scene.heard("restart_failed")[0], rig.events("restart_failed")
    assert kind == "RestartFailed"
    assert recorded.items() <= fields.items()
    assert fields["client_pid"] == rig.session.subject.client.pid
    assert fields["project"] == str(rig.folder)
    scene.pipe.stop()
    assert scene.heard("stopping")


def test_an_event_with_more_than_a_packet_holds_is_told_without_its_lists(scene: PluginScene) -> None:  # noqa: F811
    scene.start()
    scene.tell("session_swept", ended=["x" * 50] * 200, forced=True)
    scene.until(lambda: scene.heard("session_swept"), "the event")
    fields = scene.heard("session_swept")[0][2]
    assert (fields["forced"], fields["cut"], "ended" in fields) == (True, True, False)


def test_what_became_of_each_is_in_the_status(scene: PluginScene) -> None:  # noqa: F811
    install_plugin(scene.installation, "bad", hooks(restart_failed="raise ValueError"))
    rig = scene.start("bad")
    scene.tell()

    def shown() -> dict[str, object]:
        status = json.loads((rig.guard / "status.json").read_text())
        found = {each["name"]: each for each in status.get("plugins", [])}
        return found if found.get("bad", {}).get("failed_in") and found["recorder"]["calls"] else {}

    scene.until(shown, "both in the status")
    assert shown()["bad"]["failed_in"] == "restart_failed"  # type: ignore[index]


def test_a_plugin_chooses_the_culprit_among_the_parts(scene: PluginScene) -> None:  # noqa: F811
    """Without it, the larger one would go."""
    body = "return next(p.pid for p in question.parts if p.kind == 'mcp')"
    install_plugin(scene.installation, "chooses", hooks(choose_culprit=body))
    rig = scene.start("chooses")
    _set_limits(rig)
    server, tool = rig.hold(MCP, 90), rig.hold(TOOL, 130)
    rig.look()
    excess = rig.session.culprits.find()
    assert excess is not None
    assert excess.part.root == server != tool
    (event,) = rig.events("plugin_decided")
    assert (event["plugin"], event["decision"], event["answer"], event["taken"]) == (
        "chooses", "choose_culprit", server.pid, True,
    )  # fmt: skip
    rig.session.culprits.find()
    assert len(rig.events("plugin_decided")) == 1, "of the same parts it isn't asked again at once"


def _set_limits(rig: GuardRig) -> None:
    limits = rig.session.settings.thresholds
    for name, value in {**LIMITS, "critical_bytes": 150 * MB, "warning_bytes": 140 * MB}.items():
        setattr(limits, name, value)


WRONG = {
    "a process that is no part": "return os.getpid()",
    "a part that doesn't hold enough": "return next(p.pid for p in question.parts if p.kind == 'mcp')",
    "pid 1": "return 1",
    "no number": "return 'the tool'",
    "too late": "time.sleep(1.5)",
    "its own end": "os._exit(0)",
    "nothing": "return None",
}


@pytest.mark.parametrize("what", WRONG)
def test_any_other_answer_leaves_the_choice_to_memguard(scene: PluginScene, what: str) -> None:  # noqa: F811
    install_plugin(scene.installation, "chooses", hooks(choose_culprit=WRONG[what]))
    rig = scene.start("chooses")
    _set_limits(rig)
    rig.hold(MCP, 20)
    tool = rig.hold(TOOL, 160)
    rig.look()
    begun_s = time.monotonic()
    excess = rig.session.culprits.find()
    assert time.monotonic() - begun_s < 3
    assert excess is not None
    assert excess.part.root == tool


def test_the_client_may_be_the_choice_so_that_the_session_is_restarted(scene: PluginScene) -> None:  # noqa: F811
    body = "return next(p.pid for p in question.parts if p.kind == 'client')"
    install_plugin(scene.installation, "chooses", hooks(choose_culprit=body))
    rig = scene.start("chooses")
    _set_limits(rig)
    rig.hold(TOOL, 160)
    rig.look()
    assert rig.session.culprits.find() is None


def test_at_an_emergency_nobody_waits_for_a_plugin(scene: PluginScene) -> None:  # noqa: F811
    install_plugin(scene.installation, "slow", hooks(choose_culprit="time.sleep(2)"))
    rig = scene.start("slow")
    begun_s = time.monotonic()
    assert scene.pipe.ask("choose_culprit", {"parts": []}, "EMERGENCY") == ("", None)
    assert time.monotonic() - begun_s < 0.6
    assert "plugins: no answer to choose_culprit within 0.1 s" in rig.log()


@pytest.mark.parametrize(
    ("answer", "expected"), [("fresh", FRESH), ("resume", RESUME), ("rerun", RESUME), (None, RESUME)]
)
def test_a_plugin_chooses_the_strategy(
    scene: PluginScene,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    answer: str | None,
    expected: str,
) -> None:
    install_plugin(scene.installation, "chooses", hooks(choose_strategy=f"return {answer!r}"))
    rig = scene.start("chooses")
    rig.look()
    rig.session.activity.session_id = "aa11"
    monkeypatch.setattr(rig.session.activity, "has_conversation", lambda: True)
    assert TakingUp(rig.session).strategy() == expected
    rig.session.settings.restart.strategy = RESUME
    assert TakingUp(rig.session).strategy() == RESUME, "the person's word goes before a plugin's"


def test_a_finding_is_recorded_once_a_minute_and_may_have_a_snapshot_taken(
    scene: PluginScene,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[str] = []
    monkeypatch.setattr("memguard.watchdog.plugin_findings.capture_detached", lambda _, reason: taken.append(reason))
    body = "return Finding(summary=f'{len(reading.parts)} parts', wants_snapshot=True)"
    install_plugin(scene.installation, "detects", hooks(detect=body))
    rig = scene.start("detects")
    for _ in range(3):
        rig.look()
        scene.pipe._detection._read_s = float("-inf")  # a second later
        scene.pipe.tell_reading()
    scene.until(lambda: len(scene.heard("plugin_finding")) == 1, "the finding")
    scene.until(lambda: scene.pipe._process.mark()[2] >= 3, "all readings")
    scene.pipe.look()
    assert [(event["plugin"], event["summary"]) for event in rig.events("plugin_finding")] == [("detects", "1 parts")]
    assert taken == ["a finding of the plugin detects"]


def test_a_worker_that_can_not_be_started_costs_the_plugins_alone(make_rig: Callable[..., GuardRig]) -> None:
    rig = make_rig(python="/not/there/python", plugins="any", plugin_timeout_s=1, plugin_memory_bytes=1 << 28)
    rig.session.start_plugins()
    rig.session.journal.event("restart_failed")
    assert rig.session.plugins
    rig.session.plugins.look()
    rig.session.plugins.stop()
    assert "no plugin runs: their worker can't be started" in rig.log()
    assert len(rig.events("restart_failed")) == 1


def test_a_worker_ends_with_its_watchdog(scene: PluginScene) -> None:  # noqa: F811
    """However that one ends: nobody is left who could order anything."""
    scene.start()
    (who,) = scene.pipe.watched()
    descriptors = (scene.pipe._process._orders, scene.pipe._process._to_worker)
    for descriptor in descriptors:
        os.close(descriptor)
    wait_until(scene.pipe._process.has_ended, "the worker's end")
    assert scene.heard("stopping")
    scene.pipe._is_over = True
    assert not Path(f"/proc/{who.pid}").exists()


def test_plugins_see_the_variables_that_the_person_named_and_no_others(
    scene: PluginScene,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NAMED_ONE", "NOT_NAMED", "CLAUDECODE"):
        monkeypatch.setenv(name, "value")
    install_plugin(
        scene.installation,
        "shows",
        hooks(restart_failed="open(self.context.folder() + '/x', 'w').write(repr(dict(os.environ)))"),
    )
    install_plugin(scene.installation, "recorder", "class make:\n    def __init__(self, context): pass\n")
    rig = scene.start("shows", variables="NAMED_ONE")
    scene.tell()
    path = rig.state / "plugins" / "shows" / "x"
    scene.until(lambda: path.exists() and path.read_text(), "the variables")
    seen = path.read_text()
    assert "NAMED_ONE" in seen
    assert "NOT_NAMED" not in seen
    assert "CLAUDECODE" not in seen
