"""`memguard init`, `uninstall` and `config`, as a person types them: real processes, a home of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


@pytest.fixture
def memguard(tmp_path: Path, project: Path) -> Run:
    """Runs a command in the project, in a clean environment; keywords are more variables."""
    (tmp_path / "run").mkdir(mode=0o700)
    clean = {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "run"), "PATH": os.environ["PATH"]}
    config = tmp_path / "home" / ".config" / "memguard"
    config.mkdir(parents=True)
    # Compiling a library's rules takes 5 s for each home.
    (config / "config.toml").write_text('snapshots.redaction_rules = "own"\n')

    def run(*words: str, cwd: Path = project, **variables: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", "import sys; from memguard.cli.main import main; sys.exit(main())", *words]
        return subprocess.run(
            command, cwd=cwd, env=clean | variables, capture_output=True, text=True, check=False, timeout=60
        )

    return run


def test_init_says_what_it_did_and_how_to_undo_it_and_uninstall_does(memguard: Run, project: Path) -> None:
    settings = project / ".claude" / "settings.local.json"
    settings.parent.mkdir()
    settings.write_bytes(b'{"permissions": {"allow": ["Read"]}}')
    done = memguard("init")
    assert done.returncode == 0
    for words in (
        "opted in (guard)",
        "9 added to .claude/settings.local.json",
        ".memguard.toml written",
        "memguard uninstall",
    ):
        assert words in done.stdout
    assert "git doesn't ignore .claude/settings.local.json" in done.stderr
    assert "already in" in memguard("init").stdout
    gone = memguard("uninstall")
    assert (gone.returncode, gone.stderr) == (0, "")
    assert "is opted out" in gone.stdout
    assert settings.read_bytes() == b'{"permissions": {"allow": ["Read"]}}'
    assert sorted(os.listdir(project)) == [".claude", ".git"]
    assert "was not opted in" in memguard("uninstall").stdout


def test_an_ignored_settings_file_needs_no_hint(memguard: Run, project: Path) -> None:
    (project / ".gitignore").write_text(".claude/settings.local.json\n")
    assert memguard("init").stderr == ""


def test_a_subfolder_belongs_to_its_repository(memguard: Run, project: Path) -> None:
    (project / "src").mkdir()
    facts = json.loads(memguard("init", "--json", cwd=project / "src").stdout)
    assert facts["project"] == str(project)
    assert facts["settings"] == str(project / ".claude" / "settings.local.json")
    assert facts["settings_changed"]
    assert not (project / "src" / ".claude").exists()


def test_what_is_broken_is_one_line_and_one_step_and_changes_nothing(memguard: Run, project: Path) -> None:
    settings = project / ".claude" / "settings.local.json"
    settings.parent.mkdir()
    settings.write_text("{,}")
    done = memguard("init")
    assert done.returncode == 1
    what, step = done.stderr.splitlines()
    assert what.startswith(f"memguard: {settings} is not JSON")
    assert step == "  nothing was changed; correct the file and try again"
    assert settings.read_text() == "{,}"
    assert os.listdir(settings.parent) == ["settings.local.json"]
    assert not (project / ".memguard.toml").exists()


def test_a_variable_does_not_last_beyond_its_command(memguard: Run) -> None:
    facts = json.loads(memguard("init", "--json", MEMGUARD_CRITICAL="1GB").stdout)
    assert facts["critical_bytes"] != 1024**3


def test_config_show_says_where_each_value_is_from(memguard: Run, project: Path, tmp_path: Path) -> None:
    (project / ".memguard.toml").write_text('mode = "observe"\n[restart_policy]\nmax_attempts = 1\n')
    user = tmp_path / "home" / ".config" / "memguard" / "config.toml"
    user.write_text("[restart_policy]\ngraceful_timeout = 5\n")
    done = memguard("config", "show", "--json", MEMGUARD_CRITICAL="1GB")
    facts = json.loads(done.stdout)
    found = {key: (fact["value"], fact["source"]) for key, fact in facts["values"].items()}
    assert found["restart_policy.max_attempts"] == (1, str(project / ".memguard.toml"))
    assert found["restart_policy.graceful_timeout"] == (5, str(user))
    assert found["thresholds.critical"] == (1024, "MEMGUARD_CRITICAL")
    assert found["thresholds.emergency"] == (1228, "120 % of critical, MEMGUARD_CRITICAL")
    assert found["mode"] == ("guard", "default")
    assert facts["limits"]["critical_bytes"] == 1024**3
    assert len(facts["warnings"]) == 1
    lines = memguard("config", "show", MEMGUARD_CRITICAL="1GB").stdout.splitlines()
    assert "thresholds.critical                  1024 MB          MEMGUARD_CRITICAL" in lines


def test_config_show_lists_the_budgets_of_tools(memguard: Run, project: Path, tmp_path: Path) -> None:
    assert "tools                                -                default" in memguard("config", "show").stdout
    (project / ".memguard.toml").write_text('[tools]\ndefault = "1GB"\n"Bash(pytest*)" = "2GB"\n')
    user = tmp_path / "home" / ".config" / "memguard" / "config.toml"
    user.write_text('[tools]\nBash = "3GB"\n[host]\nbudget = "8GB"\n[watch]\nend_client = true\n')
    facts = json.loads(memguard("config", "show", "--json").stdout)
    budgets = {name: (fact["value"], fact["source"]) for name, fact in facts["budgets"].items()}
    theirs = str(project / ".memguard.toml")
    assert budgets == {"Bash": (3072, str(user)), "default": (1024, theirs), "Bash(pytest*)": (2048, theirs)}
    assert facts["limits"]["host_budget_bytes"] == 8 * 1024**3
    shown = memguard("config", "show").stdout
    assert f"tools.Bash(pytest*)                  2048 MB          {theirs}" in shown
    assert f"watch.end_client                     true             {user}" in shown


def test_config_check_lists_every_fault_and_fails(memguard: Run, project: Path, tmp_path: Path) -> None:
    assert memguard("config", "check").stdout == "memguard: the configuration is fine\n"
    (project / ".memguard.toml").write_text("[thresholds]\ncritcal = 1\n")
    done = memguard("config", "check")
    assert done.returncode == 1
    assert 'did you mean "critical"?' in done.stdout
    user = tmp_path / "home" / ".config" / "memguard" / "config.toml"
    user.write_text('mode = "off"\nfoo = 1\n')
    done = memguard("config", "check", "--json", MEMGUARD_MAX_ATTEMPTS="three")
    assert done.returncode == 1
    problems = json.loads(done.stdout)["problems"]
    assert [word in line for word, line in zip(("MAX_ATTEMPTS", "mode", "foo", "critcal"), problems, strict=True)]
    shown = memguard("config", "show")
    assert shown.returncode == 0
    assert "(and 1 more: `memguard config check` lists all); the defaults count" in shown.stderr.splitlines()[0]
    refused = memguard("config", "show", MEMGUARD_MAX_ATTEMPTS="three")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 2
    user.write_text("[[[")
    assert "line 1" in memguard("config", "check").stdout


def test_purge_removes_what_memguard_keeps_of_the_project(memguard: Run, tmp_path: Path) -> None:
    state = tmp_path / "home" / ".local" / "state" / "memguard"
    memguard("init")
    (folder,) = [name for name in os.listdir(state) if (state / name / "compiled").exists()]
    (state / folder / "snapshots").mkdir()
    assert "--purge" in memguard("uninstall").stdout
    assert (state / folder / "snapshots").is_dir()
    memguard("uninstall", "--purge")
    assert os.listdir(state) == ["optin.lock"]


def test_wrong_usage_is_2(memguard: Run) -> None:
    assert memguard("init", "--scope", "galaxy").returncode == 2
    assert memguard("config").returncode == 2
