"""Settings that memguard can't be sure of are refused untouched, and the project is not half opted in."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard.config.load import load_config
from memguard.core.errors import ClientError, StateError
from memguard.optin.project import ProjectOptIn

BROKEN = {
    "empty": b"",
    "cut": b'{"permissions": {',
    "list": b"[]\n",
    "comment": b"// mine\n{}\n",
    "mark": b"\xef\xbb\xbf{}",
    "bytes": b'{"a": "\xff\xfe"}',
    "hooks": b'{"hooks": "none"}',
    "event": b'{"hooks": {"PreToolUse": {"matcher": "*"}}}',
    "twice": b'{"hooks": {}, "hooks": {"Stop": []}}',
    "deep": b'{"a":' * 50000,
}


@pytest.fixture
def opt_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectOptIn:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("state", "project", "project/.claude"):
        (tmp_path / name).mkdir()
    return ProjectOptIn(str(tmp_path / "project"), str(tmp_path / "state"))


def _fails(opt_in: ProjectOptIn) -> str:
    with pytest.raises(ClientError) as caught:
        opt_in.opt_in(load_config(opt_in.root, 0), "/run/x")
    assert not opt_in.is_in
    assert not os.path.exists(f"{opt_in.root}/.memguard.toml")
    assert caught.value.what.isprintable()
    return caught.value.what


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_stays_as_it_is(opt_in: ProjectOptIn, kind: str) -> None:
    path = Path(opt_in.root, ".claude", "settings.local.json")
    path.write_bytes(BROKEN[kind])
    assert str(path) in _fails(opt_in)
    assert path.read_bytes() == BROKEN[kind]
    assert os.listdir(path.parent) == [path.name]


def test_links_and_folders_in_its_place_stay_as_they_are(opt_in: ProjectOptIn, tmp_path: Path) -> None:
    path = Path(opt_in.root, ".claude", "settings.local.json")
    path.mkdir()
    assert "not a regular file" in _fails(opt_in)
    path.rmdir()
    (tmp_path / "outside.json").write_text("{}")
    path.symlink_to(tmp_path / "outside.json")
    assert "link to outside" in _fails(opt_in)
    assert (tmp_path / "outside.json").read_text() == "{}"


def test_one_that_broke_after_init_is_left_by_uninstall_but_the_project_is_out(opt_in: ProjectOptIn) -> None:
    opt_in.opt_in(load_config(opt_in.root, 0), "/run/x")
    path = Path(opt_in.root, ".claude", "settings.local.json")
    path.write_text("{ torn")
    with pytest.raises(ClientError, match="is not JSON"):
        opt_in.opt_out()
    assert path.read_text() == "{ torn"
    assert not opt_in.is_in


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(opt_in: ProjectOptIn) -> None:
    folder = Path(opt_in.root, ".claude")
    folder.chmod(0o500)
    try:
        assert "can't be written" in _fails(opt_in)
    finally:
        folder.chmod(0o700)


def test_an_init_at_work_for_too_long_is_a_clear_error(opt_in: ProjectOptIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memguard.optin.project._LOCK_TIMEOUT_S", 0.1)
    with opt_in._locked(), pytest.raises(StateError, match="another memguard init"):
        opt_in.opt_in(load_config(opt_in.root, 0), "/run/x")


CALLS = ("open", "write", "fsync", "replace", "unlink", "mkdir", "fchmod", "makedirs", "rmdir")


def _killed_at(call: int, opt_in: ProjectOptIn) -> int:
    """In a child, opt in and out, and die before the call to the system with this number; the child's status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    left = iter(range(call - 1))

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def counting(*arguments: object, **keywords: object) -> object:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **keywords)

        return counting

    try:
        for name in CALLS:
            setattr(os, name, counted(getattr(os, name)))
        opt_in.opt_in(load_config(opt_in.root, 0), "/run/x")
        opt_in.opt_out()
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
@pytest.mark.parametrize("before", [None, b'{"model": "opus",  "hooks": {"Stop": [ ]}}'], ids=["none", "one"])
def test_killed_at_any_call_the_settings_are_whole_and_uninstall_gives_them_back(
    opt_in: ProjectOptIn, before: bytes | None
) -> None:
    path = Path(opt_in.root, ".claude", "settings.local.json")
    if before is not None:
        path.write_bytes(before)
    call, status = 1, _killed_at(1, opt_in)
    while os.WIFSIGNALED(status):
        if path.exists():
            json.loads(path.read_bytes())
        opt_in.opt_out()
        assert (path.read_bytes() if path.exists() else None) == before, f"killed at call {call}"
        assert [name for name in os.listdir(path.parent) if name != path.name] == [], f"killed at call {call}"
        assert os.listdir(opt_in.root) == [".claude"], f"killed at call {call}"
        call += 1
        status = _killed_at(call, opt_in)
    assert status == 0
    assert call > 30
