"""What a plugin may write into the pipe of answers: the watchdog takes what is as specified, and lives on."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from memguard.watchdog.loop import Watchdog
from tests.guard_rig import GuardRig
from tests.plugin_scene import PluginScene, hooks, install_plugin, installation, scene  # noqa: F401

HUGE = "9" * 1000
DEEP = "[" * 900 + "]" * 900
WRONG = [
    b'{"timing": {"recorder": ["a", "b", "c"]}}', b'{"timing": {"recorder": [[], {}, null]}}',
    b'{"timing": {"recorder": [true, true, true]}}', b'{"timing": {"recorder": [NaN, NaN, NaN]}}',
    b'{"timing": {"recorder": [1, Infinity, -Infinity]}}', b'{"timing": {"recorder": [-1, -1, -1]}}',
    b'{"timing": {"recorder": [1, 1e999, 2]}}', b'{"timing": {"recorder": [1, 2]}}',
    b'{"timing": {"recorder": {"0": 1, "1": 2, "2": 3}}}', b'{"timing": {"unknown": [1, 2, 3]}}',
    f'{{"timing": {{"recorder": [{HUGE}, {HUGE}, {HUGE}]}}}}'.encode(), b'{"timing": ["recorder"]}', b'{"timing": 7}',
    b'{"hooks": "choose_culprit"}', b'{"failed": ["recorder"], "hook": "x", "why": "y"}',
    b'{"failed": "unknown", "hook": "x", "why": "y"}', b'{"failed": {}}',
    b'{"finding": {}}', b'{"finding": {"plugin": "unknown", "summary": "x", "wants_snapshot": true}}',
    b'{"finding": {"plugin": ["recorder"], "summary": "x"}}', b'{"finding": {"plugin": "recorder", "summary": [1]}}',
    f'{{"finding": {{"plugin": "recorder", "summary": {DEEP}, "wants_snapshot": true}}}}'.encode(),
    b'{"answer": NaN, "plugin": {}, "value": []}', f'{{"answer": {HUGE}}}'.encode(),
    b"no JSON", b'{"timing": {"recor', b'der": [1, 2, 3]}}', b"{", b"[]", b"7", b"null", b"NaN", b'""', b" ", b"\0",
    b"\xff\xfe", b'{"hooks": ["\xff"]}', b'"\\ud800"', b"[" * 4000, b'{"a":' * 800, DEEP.encode(), HUGE.encode(),
    b"9" * 4090, b"{}" * 2000,
]  # fmt: skip


@pytest.fixture
def writer(scene: PluginScene) -> Iterator[int]:  # noqa: F811
    """The pipe of answers of a session whose worker is there, as a plugin finds it."""
    scene.start(timeout_s=1.0)
    with _writer(scene) as found:
        yield found


@contextmanager
def _writer(scene: PluginScene) -> Iterator[int]:  # noqa: F811
    """Closed again: whoever holds it open has the watchdog's farewell take all of its time."""
    found = os.open(f"/proc/{scene.pipe._process.pid}/fd/{_answers_fd(scene)}", os.O_WRONLY)
    fcntl.fcntl(found, fcntl.F_SETFL, os.O_DIRECT)  # of packets, as it was made; not every kernel opens it so
    try:
        yield found
    finally:
        os.close(found)


def _answers_fd(scene: PluginScene) -> str:  # noqa: F811
    folder = f"/proc/{scene.pipe._process.pid}/fd"
    ours = os.fstat(scene.pipe._process._from_worker).st_ino
    return next(name for name in os.listdir(folder) if os.stat(f"{folder}/{name}").st_ino == ours)


def _shown(rig: GuardRig) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads((rig.guard / "status.json").read_text(), parse_constant=refuse)


def test_what_is_not_as_specified_is_left_alone(scene: PluginScene, writer: int) -> None:  # noqa: F811
    rig = scene.rig
    state = scene.state("recorder")
    before = (state.calls, state.total_ms, state.longest_ms)
    hooks_before = list(scene.pipe.hooks)
    for line in WRONG:
        os.write(writer, line)
        scene.pipe.look()
        assert (state.calls, state.total_ms, state.longest_ms) == before, line[:80]
        assert scene.pipe.hooks == hooks_before, line[:80]
        assert not state.failed_in, line[:80]
        scene.pipe.look()
    assert rig.events("plugin_finding") == rig.events("plugin_disabled") == []
    assert "no plugin runs" not in rig.log()
    assert set(_shown(rig)["plugins"][0]) >= {"name", "calls"}
    scene.tell()
    scene.until(lambda: scene.heard("restart_failed"), "the plugins go on")


def test_of_a_list_of_hooks_the_known_ones_are_taken(scene: PluginScene, writer: int) -> None:  # noqa: F811
    os.write(writer, b'{"hooks": [1, NaN, null, ["detect"], {"act": 1}, "no_hook", "detect", "act\\u0007"]}')
    scene.pipe.look()
    assert scene.pipe.hooks == ["detect"]
    assert _shown(scene.rig)["plugin_hooks"] == ["detect"]


ANSWERS: dict[str, str] = {
    "deep": DEEP, "huge": HUGE, "NaN": "NaN", "infinite": "-Infinity", "an object": '{"a": [1]}', "a truth": "true",
    "half a character": '"\\ud800\\u001b[2J"', "nothing": "null",
}  # fmt: skip


@pytest.mark.parametrize("what", ANSWERS)
@pytest.mark.parametrize("plugin", ["recorder", "unknown", ["recorder"]])
def test_a_forged_answer_decides_nothing(
    scene: PluginScene,  # noqa: F811
    what: str,
    plugin: object,
) -> None:
    install_plugin(scene.installation, "chooses", hooks(choose_strategy="time.sleep(0.3)"))
    rig = scene.start("chooses")
    answer = f'{{"answer": 1, "plugin": {json.dumps(plugin)}, "value": {ANSWERS[what]}}}'
    with _writer(scene) as writer:
        os.write(writer, answer.encode())
    rig.session.generation = 0
    assert scene.pipe.decisions.strategy("resume", {}) == ""
    assert "no plugin runs" not in rig.log()
    assert [event["taken"] for event in rig.events("plugin_decided")] == ([False] if plugin == "recorder" else [])
    scene.tell()
    scene.until(lambda: scene.heard("restart_failed"), "the worker took in all that it was told")


def test_one_that_never_stops_writing_keeps_nobody_reading(scene: PluginScene, writer: int) -> None:  # noqa: F811
    over = threading.Event()
    os.set_blocking(writer, True)

    def flood() -> None:
        while not over.is_set():
            os.write(writer, b'{"answer": 0}')

    threads = [threading.Thread(target=flood, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        begun_s = time.monotonic()
        for _ in range(5):
            scene.pipe.look()
        scene.pipe.hooks.append("choose_strategy")
        assert scene.pipe.ask("choose_strategy", {}, "EMERGENCY") == ("", None)
        assert time.monotonic() - begun_s < 5
    finally:
        over.set()
        while any(thread.is_alive() for thread in threads):
            scene.pipe.look()  # so that whoever waits for room gets it
            threads[0].join(0.01)


@pytest.mark.parametrize("step", ["_take", "_is_stalled", "_show", "_detection"])
def test_a_failure_that_nobody_thought_of_ends_the_plugins_alone(
    scene: PluginScene,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    install_plugin(scene.installation, "detects", hooks(detect="pass"))
    rig = scene.start("detects")
    scene.until(lambda: "detect" in scene.pipe.hooks, "its hooks")
    failures: list[str] = []

    def fail(*_: object) -> None:
        if not failures:
            failures.append(step)
            raise ValueError("a secret word")

    if step == "_detection":
        monkeypatch.setattr(scene.pipe._detection, "reading", fail)
    else:
        monkeypatch.setattr(scene.pipe, step, fail)
    with _writer(scene) as writer:
        os.write(writer, b'{"hooks": ["detect"]}')
    pid = scene.pipe._process.pid
    watchdog = Watchdog(rig.session)
    pauses: list[float] = []

    def slept(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == 3:
            monkeypatch.setattr(rig.session, "has_client", lambda: False)

    monkeypatch.setattr(watchdog, "_sleep", slept)
    watchdog._watch_client()
    assert failures
    assert len(pauses) == 3, "it went on watching"
    (line,) = [line for line in rig.log().splitlines() if "no plugin runs any more: ValueError at " in line]
    assert "secret" not in line
    assert not os.path.exists(f"/proc/{pid}"), "the worker is ended"
    assert {state.failed_in for state in scene.pipe.states.values()} == {"worker"}
    scene.tell()
    assert len(rig.events("restart_failed")) == 1


def test_plugins_that_can_not_even_begin_keep_nobody_from_watching(
    rig: GuardRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(rig.session, "start_plugins", fail)
    watchdog = Watchdog(rig.session)
    monkeypatch.setattr(watchdog, "_take_up_client", lambda: False)
    watchdog.run()
    assert "no plugin runs: OSError at " in rig.log()
    assert [event["event"] for event in rig.events("monitoring_stopped")] == ["monitoring_stopped"]
