"""Where the settings are, and how the file is replaced."""

import os
import stat
from pathlib import Path

import pytest

from memguard.core.errors import ClientError
from memguard.optin.settings_file import SettingsFile, settings_file


def local(project: Path) -> SettingsFile:
    return settings_file("local", str(project))


def test_each_scope_has_its_file(project: Path, person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert local(project).path == str(project / ".claude" / "settings.local.json")
    assert settings_file("project", str(project)).path == str(project / ".claude" / "settings.json")
    assert settings_file("user", str(project)).path == str(person / ".claude" / "settings.json")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(person / "other"))
    assert settings_file("user", str(project)).path == str(person / "other" / "settings.json")


def test_a_replaced_file_keeps_its_mode_and_leaves_nothing_beside_it(project: Path) -> None:
    file = local(project)
    assert file.replace(None, b"{}")
    os.chmod(file.path, 0o640)
    assert file.replace(b"{}", b'{"a": 1}')
    assert file.read() == b'{"a": 1}'
    assert stat.S_IMODE(os.stat(file.path).st_mode) == 0o640
    assert os.listdir(file.folder) == ["settings.local.json"]


def test_what_someone_wrote_meanwhile_is_not_lost(project: Path) -> None:
    file = local(project)
    file.replace(None, b'{"new": 1}')
    assert not file.replace(b"{}", b'{"mine": 1}')
    assert not file.replace(None, b'{"mine": 1}')
    assert not file.replace(b"{}", None)
    assert file.read() == b'{"new": 1}'
    assert os.listdir(file.folder) == ["settings.local.json"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a file away")
def test_root_leaves_the_file_to_its_owner(project: Path) -> None:
    file = local(project)
    file.replace(None, b"{}")
    os.chown(file.path, 4242, 4243)
    assert file.replace(b"{}", b'{"a": 1}')
    assert (os.stat(file.path).st_uid, os.stat(file.path).st_gid) == (4242, 4243)


def test_a_link_inside_is_followed_and_stays_a_link(project: Path) -> None:
    (project / ".claude").mkdir()
    (project / "shared.json").write_text("{}")
    (project / ".claude" / "settings.local.json").symlink_to("../shared.json")
    assert local(project).replace(b"{}", b'{"a": 1}')
    assert (project / "shared.json").read_text() == '{"a": 1}'
    assert (project / ".claude" / "settings.local.json").is_symlink()


@pytest.mark.parametrize("target", ["file", "folder", "nothing"])
def test_a_link_to_outside_is_refused(project: Path, tmp_path: Path, target: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "settings.local.json").write_text("{}")
    if target == "folder":
        (project / ".claude").symlink_to(outside)
    else:
        (project / ".claude").mkdir()
        aim = outside / ("settings.local.json" if target == "file" else "missing")
        (project / ".claude" / "settings.local.json").symlink_to(aim)
    for attempt in (
        local(project).read,
        lambda: local(project).replace(None, b"x"),
        lambda: local(project).replace(b"{}", None),
    ):
        with pytest.raises(ClientError, match="link to outside"):
            attempt()
    assert (outside / "settings.local.json").read_text() == "{}"
    assert os.listdir(outside) == ["settings.local.json"]


def test_links_of_the_persons_own_settings_may_lead_anywhere_in_the_home(project: Path, person: Path) -> None:
    (person / ".claude").mkdir()
    (person / "dotfiles.json").write_text("{}")
    (person / ".claude" / "settings.json").symlink_to(person / "dotfiles.json")
    assert settings_file("user", str(project)).replace(b"{}", b'{"a": 1}')
    assert (person / "dotfiles.json").read_text() == '{"a": 1}'


def test_what_is_no_file_is_refused(project: Path) -> None:
    path = project / ".claude" / "settings.local.json"
    path.mkdir(parents=True)
    with pytest.raises(ClientError, match="not a regular file"):
        local(project).read()
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(ClientError, match="not a regular file"):
        local(project).read()
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(ClientError, match="in a circle"):
        local(project).read()
    path.unlink()
    path.write_bytes(b" " * (5 * 1024 * 1024))
    with pytest.raises(ClientError, match="larger than 4 MB"):
        local(project).read()
