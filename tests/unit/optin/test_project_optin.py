"""Opting in and out: idempotent, reversible byte for byte, in all three scopes."""

import json
import os
import stat
from pathlib import Path

import pytest

from memguard.config.load import LoadedConfig, load_config
from memguard.config.template import project_template
from memguard.core.errors import ClientError
from memguard.core.layout import opted_in_key, project_key
from memguard.optin import registration
from memguard.optin.events import this_installation, wanted_entries
from memguard.optin.merge import is_complete, with_entries
from memguard.optin.project import ProjectOptIn
from memguard.optin.settings_file import settings_file

ODD = '{\n\t"model": "opus", "permissions":   {"allow": [ ]},\r\n\t"hooks": {"Stop": []}}'  # re-written by no formatter


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def complete(path: Path, scope: str, state_dir: str) -> bool:
    return is_complete(json.loads(path.read_bytes()), wanted_entries(scope, this_installation(state_dir)))


@pytest.mark.parametrize("scope", ["local", "project", "user"])
@pytest.mark.parametrize("before", [None, "{}", "{}\n", ODD, '{"hooks":{}}'])
def test_out_after_in_leaves_everything_as_it_was(
    project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig, scope: str, before: str | None
) -> None:
    person = Path.home()
    path = Path(settings_file(scope, str(project)).path)
    if before is not None:
        path.parent.mkdir()
        path.write_bytes(before.encode())
        path.chmod(0o640)
    was = (everything(project), tree(project), everything(person / ".claude"))
    opt_in.opt_in(loaded, "/run/x", scope)
    assert complete(path, scope, opt_in.state_dir)
    assert opted_in_key(str(project), opt_in.state_dir) == project_key(str(project))
    opt_in.opt_out()
    assert (everything(project), tree(project), everything(person / ".claude")) == was
    if before is not None:
        assert path.read_bytes() == before.encode()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert not opted_in_key(str(project), opt_in.state_dir)
    assert not os.path.exists(opt_in.folder)
    assert sorted(os.listdir(opt_in.state_dir)) in (["optin.lock"], ["optin.lock", "user-settings"])


@pytest.mark.parametrize("scope", ["local", "project", "user"])
def test_a_second_init_changes_nothing(
    project: Path, person: Path, opt_in: ProjectOptIn, loaded: LoadedConfig, scope: str
) -> None:
    assert opt_in.opt_in(loaded, "/run/x", scope).settings_changed
    was = (tree(project), tree(person))
    again = opt_in.opt_in(loaded, "/run/x")
    assert again.scope == scope  # the scope is remembered
    assert not again.settings_changed
    assert not again.config_file_changed
    assert again.notes == []
    assert (tree(project), tree(person)) == was


def test_a_file_that_was_changed_since_keeps_what_was_changed(
    project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig
) -> None:
    path = project / ".claude" / "settings.local.json"
    path.parent.mkdir()
    path.write_text(ODD)
    opt_in.opt_in(loaded, "/run/x")
    path.write_text(path.read_text().replace('"opus"', '"sonnet"'))
    opt_in.opt_in(loaded, "/run/x")
    opt_in.opt_out()
    assert json.loads(path.read_text())["model"] == "sonnet"
    assert "claude_hooks" not in path.read_text()


def test_a_created_file_with_something_in_it_since_stays(
    project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig
) -> None:
    opt_in.opt_in(loaded, "/run/x")
    path = project / ".claude" / "settings.local.json"
    path.write_text(json.dumps({"permissions": {"allow": ["Read"]}} | json.loads(path.read_text())))
    opt_in.opt_out()
    assert json.loads(path.read_text()) == {"permissions": {"allow": ["Read"]}}


def test_a_created_file_that_was_only_formatted_since_goes(
    project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig
) -> None:
    opt_in.opt_in(loaded, "/run/x")
    path = project / ".claude" / "settings.local.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=7))
    opt_in.opt_in(loaded, "/run/x")
    opt_in.opt_out()
    assert everything(project) == []


def test_something_else_in_the_created_folder_stays(project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig) -> None:
    opt_in.opt_in(loaded, "/run/x")
    (project / ".claude" / "commands").mkdir()
    opt_in.opt_out()
    assert everything(project) == [".claude", ".claude/commands"]


def test_another_interpreter_replaces_the_entries_and_the_way_back_stays(
    project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / ".claude" / "settings.local.json"
    path.parent.mkdir()
    path.write_text(ODD)
    with monkeypatch.context() as older:
        older.setattr("sys.executable", "/old/python")
        opt_in.opt_in(loaded, "/run/x")
    assert '"/old/python"' in path.read_text()
    assert opt_in.opt_in(loaded, "/run/x").settings_changed
    assert '"/old/python"' not in path.read_text()
    assert complete(path, "local", opt_in.state_dir)
    opt_in.opt_out()
    assert path.read_bytes() == ODD.encode()


def test_without_the_record_only_memguards_entries_go(
    project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig
) -> None:
    path = project / ".claude" / "settings.local.json"
    path.parent.mkdir()
    path.write_text('{\n  "model": "opus"\n}\n')
    opt_in.opt_in(loaded, "/run/x")
    for name in os.listdir(opt_in.folder):
        os.unlink(f"{opt_in.folder}/{name}")
    opt_in.opt_out()
    assert path.read_text() == '{\n  "model": "opus"\n}\n'


def test_the_original_is_kept_for_the_person_only(project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig) -> None:
    path = project / ".claude" / "settings.local.json"
    path.parent.mkdir()
    path.write_text('{"env": {"TOKEN": "secret"}}')
    opt_in.opt_in(loaded, "/run/x")
    modes = {stat.S_IMODE(os.stat(f"{opt_in.folder}/{name}").st_mode) for name in os.listdir(opt_in.folder)}
    assert modes == {0o600}
    assert stat.S_IMODE(os.stat(opt_in.folder).st_mode) == 0o700


def test_another_scope_moves_the_hooks(project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig) -> None:
    opt_in.opt_in(loaded, "/run/x", "local")
    moved = opt_in.opt_in(loaded, "/run/x", "project")
    assert moved.notes == []
    assert not (project / ".claude" / "settings.local.json").exists()
    assert complete(project / ".claude" / "settings.json", "project", opt_in.state_dir)
    assert os.access(f"{opt_in.state_dir}/hook", os.X_OK)
    opt_in.opt_out()
    assert not (project / ".claude" / "settings.json").exists()
    assert not os.path.exists(f"{opt_in.state_dir}/hook")


def test_shared_hooks_of_a_colleague_are_used_and_left(
    project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig
) -> None:
    opt_in.opt_in(loaded, "/run/x", "project")
    shared = (project / ".claude" / "settings.json").read_bytes()
    opt_in.opt_out(purge=True)
    (project / ".claude").mkdir(exist_ok=True)
    (project / ".claude" / "settings.json").write_bytes(shared)  # as it comes with a clone
    joined = opt_in.opt_in(loaded, "/run/x")
    assert (joined.scope, joined.settings_changed) == ("project", False)
    assert os.access(f"{opt_in.state_dir}/hook", os.X_OK)
    left = opt_in.opt_out()
    assert (project / ".claude" / "settings.json").read_bytes() == shared
    assert any("as before" in note for note in left.notes)
    assert not opt_in.is_in


def test_hooks_in_two_files_are_pointed_out(project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig) -> None:
    opt_in.opt_in(loaded, "/run/x", "user")
    other = project.parent / "other"
    other.mkdir()
    outcome = ProjectOptIn(str(other), opt_in.state_dir).opt_in(loaded, "/run/x", "local")
    assert any("they run twice" in note for note in outcome.notes)


def test_the_users_settings_keep_the_hooks_as_long_as_a_project_uses_them(
    project: Path, person: Path, opt_in: ProjectOptIn, loaded: LoadedConfig
) -> None:
    other = ProjectOptIn(str(project.parent / "other"), opt_in.state_dir)
    os.mkdir(other.root)
    opt_in.opt_in(loaded, "/run/x", "user")
    assert other.opt_in(loaded, "/run/x").scope == "user"  # they act there already
    assert any("other projects use them (1)" in note for note in opt_in.opt_out().notes)
    assert complete(person / ".claude" / "settings.json", "user", opt_in.state_dir)
    other.opt_out()
    assert not (person / ".claude").exists()


def test_a_project_file_of_the_person_is_never_written_over_nor_removed(
    project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig
) -> None:
    config = project / ".memguard.toml"
    config.write_text("# mine\n")
    assert not opt_in.opt_in(loaded, "/run/x").config_file_changed
    assert not opt_in.opt_out().config_file_changed
    assert config.read_text() == "# mine\n"
    config.write_text(project_template())  # by a colleague, committed: not what init wrote here
    opt_in.opt_in(loaded, "/run/x")
    opt_in.opt_out()
    assert config.exists()


def test_a_template_that_was_changed_stays(project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig) -> None:
    assert opt_in.opt_in(loaded, "/run/x").config_file_changed
    (project / ".memguard.toml").write_text(project_template().replace("# max_attempts = 3", "max_attempts = 2"))
    opt_in.opt_in(load_config(str(project), 64 * 1024**3), "/run/x")
    opt_in.opt_out()
    assert (project / ".memguard.toml").exists()


def test_a_link_in_place_of_the_project_file_is_not_written_through(
    project: Path, tmp_path: Path, opt_in: ProjectOptIn, loaded: LoadedConfig
) -> None:
    (project / ".memguard.toml").symlink_to(tmp_path / "outside.toml")
    opt_in.opt_in(loaded, "/run/x")
    assert not (tmp_path / "outside.toml").exists()


def test_purge_removes_snapshots_and_the_plain_way_keeps_them(opt_in: ProjectOptIn, loaded: LoadedConfig) -> None:
    opt_in.opt_in(loaded, "/run/x")
    os.mkdir(f"{opt_in.folder}/snapshots")
    opt_in.opt_out()
    assert os.listdir(opt_in.folder) == ["snapshots"]
    opt_in.opt_in(loaded, "/run/x")
    opt_in.opt_out(purge=True)
    assert not os.path.exists(opt_in.folder)


def test_out_without_in_changes_nothing(project: Path, opt_in: ProjectOptIn) -> None:
    path = project / ".claude" / "settings.local.json"
    path.parent.mkdir()
    path.write_text(ODD)
    assert not opt_in.opt_out().settings_changed
    assert path.read_bytes() == ODD.encode()


def test_what_the_client_writes_in_between_is_kept(
    project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / ".claude" / "settings.local.json"
    path.parent.mkdir()
    path.write_text("{}")
    merge = with_entries

    def merge_while_the_client_writes(text: str, wanted: dict[str, tuple[str, dict[str, object]]]) -> str:
        if text == "{}":
            path.write_text('{"model": "opus"}')
        return merge(text, wanted)

    monkeypatch.setattr(registration, "with_entries", merge_while_the_client_writes)
    opt_in.opt_in(loaded, "/run/x")
    assert json.loads(path.read_text())["model"] == "opus"
    assert complete(path, "local", opt_in.state_dir)
    opt_in.opt_out()
    assert path.read_text() == '{"model": "opus"}'


def test_settings_that_cannot_be_written_leave_the_project_out(
    project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig
) -> None:
    (project / ".claude").write_text("a file where the folder should be")
    with pytest.raises(ClientError):
        opt_in.opt_in(loaded, "/run/x")
    assert not opt_in.is_in
    assert everything(project) == [".claude"]
