"""A guarded session with plugins, from the person's configuration to what each has heard and done."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.installation import Installation
from tests.plugin_scene import RECORDER, hooks, install_plugin
from tests.sandbox import Sandbox, wait_until

TIGHT = "[thresholds]\nwarning = 90\ncritical = 120\nemergency = 2000\n[restart_policy]\nboundary_timeout = 1\n"
STEPS = ("--steps", "40", "--leak-mb", "40", "--step-s", "0.7")
SEED = {
    "memory_threshold_exceeded", "restart_initiated", "restart_completed", "monitoring_started", "monitoring_stopped",
    "state_captured", "state_restored", "memory_warning",
}  # fmt: skip
# Each fails in another hook, each in another way.
BAD = {
    "raises": hooks(monitoring_started="raise ValueError('x')"),
    "ends": hooks(memory_warning="os._exit(0)"),
    "hangs": hooks(state_captured="time.sleep(600)"),
    "forks": hooks(restart_initiated="os.fork()"),
    "prints": hooks(event_recorded="print('{}' * 9999, flush=True); os.write(1, b'{}')"),
    "takes": hooks(restart_completed="bytearray(2 << 30)"),
    "late": hooks(choose_strategy="time.sleep(1.2)", choose_culprit="return 1"),
}


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    made = Installation(tmp_path / "environment")
    monkeypatch.setattr(sys, "executable", made.python)
    return made


def heard(sandbox: Sandbox) -> list[str]:
    path = sandbox.state / "plugins" / "recorder" / "heard"
    return [json.loads(line)[0] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_restart_is_told_and_decided_by_plugins_and_no_bad_one_disturbs_it(
    opted_in: Sandbox, installation: Installation
) -> None:
    install_plugin(installation, "recorder", RECORDER)
    install_plugin(
        installation, "decides", hooks(choose_strategy="return 'fresh'", build_digest="return 'as it was built'")
    )
    for name, code in BAD.items():
        install_plugin(installation, name, code)
    names = json.dumps(["recorder", "decides", *BAD, "not-there"])
    opted_in.config(f"{TIGHT}[plugins]\nenabled = {names}\ntimeout = 3\n")
    session = opted_in.start(*STEPS, "count")
    wait_until(lambda: opted_in.events("restart_completed"), "a restart", 90)
    (first, *_) = opted_in.events("restart_initiated")
    assert first["strategy"] == "fresh"
    status = opted_in.memguard("status").stdout
    listed = opted_in.memguard("plugins", "list").stdout
    assert re.search(r"^  plugins    recorder, decides, forks, prints", status, re.MULTILINE)
    assert "plugin     raises: DISABLED in monitoring_started: ValueError at sample_raises.py:" in status
    assert "not-there                enabled  not installed" in listed
    assert re.search(r"DISABLED at its start: none installed", listed)
    report = {each["name"]: each for each in json.loads(opted_in.memguard("plugins", "list", "--json").stdout)}
    failed = {name: each["sessions"][0]["failed_in"] for name, each in report.items() if each["sessions"]}
    assert (failed["ends"], failed["hangs"], failed["forks"]) == ("memory_warning", "state_captured", "")
    assert report["recorder"]["sessions"][0]["calls"] > 0
    session.terminate()
    session.communicate(timeout=60)
    assert set(heard(opted_in)) >= SEED
    assert heard(opted_in)[-1] == "stopping"
    log = "\n".join(opted_in.log())
    for name, hook in (("raises", "monitoring_started"), ("ends", "memory_warning"), ("hangs", "state_captured")):
        assert log.count(f"plugin {name} is disabled for this session: in {hook}: ") == 1
    assert "died" not in log
    told = "".join(path.read_text() for path in opted_in.home.glob(".claude/projects/*/*.jsonl"))
    assert "Built by the plugin" in told
    assert "as it was built" in told
    assert opted_in.pids() == []


def test_none_enabled_is_no_process(opted_in: Sandbox) -> None:
    session = opted_in.start("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")
    pid = wait_until(opted_in.watchdog_pid, "a watchdog")
    wait_until(lambda: any(line["event"] == "Stop" for line in opted_in.spool()), "the turn is over")
    assert Path(f"/proc/{pid}/task/{pid}/children").read_text() == ""
    assert not list(opted_in.guards()[0].glob("plugin*"))
    session.terminate()
    session.communicate(timeout=60)


@pytest.mark.parametrize("trusted", [False, True])
def test_a_projects_file_enables_no_plugin_trusted_or_not(
    opted_in: Sandbox, installation: Installation, *, trusted: bool
) -> None:
    install_plugin(installation, "recorder", RECORDER)
    (opted_in.project / ".memguard.toml").write_text(
        '[plugins]\nenabled = ["recorder"]\ntimeout = 30\nvariables = ["HOME"]\n[plugins.notifier]\nurl = "https://x.org"\n'
    )
    if trusted:
        opted_in.memguard("config", "trust", "--yes")
    said = opted_in.memguard("init")
    assert "plugins.enabled is ignored" in said.stdout + said.stderr
    compiled = (opted_in.state_folder / "compiled").read_text()
    assert not [line for line in compiled.splitlines() if line.startswith("plugin")]
    assert "recorder                 off      sample_recorder 1.0" in opted_in.memguard("plugins", "list").stdout
