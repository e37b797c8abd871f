"""The library's rules: where they are kept, what they see, and what is done without them."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from memguard.state import redact
from memguard.state.redact import library as module
from memguard.state.redact import redact_bytes, redact_text, rules_id, trouble
from memguard.state.redact.anchors import rules_file
from memguard.state.redact.library import RULES_FOLDER, Library, is_compiled, kind_of
from tests.unit.state.redact.conftest import needs_library
from tests.unit.state.test_redact import LETTERS, SECRETS

Use = Callable[[Library | None], None]
# A kind that the own set doesn't know.
AIRTABLE = "pat" + LETTERS[:14] + "." + "0123456789abcdef" * 4


class Scanner:
    """A library's scanner that does as it is told."""

    def __init__(self, error: BaseException | None = None, most_bytes: int = 0) -> None:
        self.error, self.most_bytes, self.calls = error, most_bytes, 0

    def scan(self, data: bytes, *, timeout: float) -> list[Any]:
        assert timeout > 0
        self.calls += 1
        if self.error and len(data) > self.most_bytes:
            raise self.error
        return []


def with_scanner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scanner: Scanner) -> Library:
    monkeypatch.setattr(module, "_kingfisher", lambda _, **_more: (scanner, "kingfisher test"))
    return Library(str(tmp_path))


def test_without_it_the_own_set_is_what_was_asked_for(
    use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kingfisher_sdk", None)
    use(Library(str(tmp_path)))
    assert rules_id() == "memguard 3"
    assert trouble() == ""
    assert LETTERS not in redact_text(SECRETS["github-token"])


@needs_library
def test_with_it_more_is_found_and_the_name_says_so(use: Use, library: Library) -> None:
    use(None)
    assert AIRTABLE in redact_text(f"use {AIRTABLE} for it")
    use(library)
    assert redact_text(f"use {AIRTABLE} for it") == "use [redacted:airtable-personnal-access-token] for it"
    assert re.fullmatch(r"kingfisher [0-9.]+ \+ memguard 3", rules_id())
    assert trouble() == ""


@needs_library
@pytest.mark.parametrize("text", ["one\n{}", "\t{}", '"{}"', "\x1b[31m{}\x1b[0m", "ü{} ü", "{}"])
def test_it_finds_its_way_through_escapes(use: Use, library: Library, text: str) -> None:
    use(library)
    value: object = {"text": text.replace("{}", f" {AIRTABLE} " if text == "ü{} ü" else AIRTABLE)}
    for _ in range(3):
        value = {"inner": json.dumps(value)}
        assert AIRTABLE not in redact_bytes(json.dumps(value).encode()).decode()


@needs_library
def test_escaped_letters_and_base64(use: Use, library: Library) -> None:
    use(library)
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in AIRTABLE)
    line = b'{"a":"' + escaped.encode() + b'"}'
    assert json.loads(redact_bytes(line)) == {"a": "[redacted:airtable-personnal-access-token]"}
    encoded = base64.b64encode(f"export KEY={AIRTABLE}\n".encode()).decode()
    assert encoded[10:40] not in redact_text(f"data:\n  key: {encoded}\n")


@needs_library
def test_the_compiled_rules_are_kept_below_the_state_folder_and_nowhere_else(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR", "KF_RULE_CACHE_DIR"):
        monkeypatch.setenv(name, str(elsewhere))
    rules = Path(library.folder)
    (spoilt,), (ready,), older = rules.glob("*.vscdb"), rules.glob("kingfisher-*"), rules / "0123.vscdb"
    (rules / "kingfisher-1.0").touch()
    spoilt.write_bytes(b"spoilt")
    older.write_bytes(b"of another version")
    os.utime(older, (1, 1))
    assert Library(str(rules.parent), compiles=True).name == library.name
    assert sorted(path.name for path in rules.iterdir()) == sorted([spoilt.name, ready.name, "own.yml"])
    assert spoilt.stat().st_size > 100000
    assert stat.S_IMODE(rules.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in rules.iterdir()] == [0o600] * 3
    assert list(elsewhere.iterdir()) == []


@needs_library
def test_a_capture_compiles_nothing_and_goes_by_the_own_set_until_it_is_done(use: Use, tmp_path: Path) -> None:
    use(Library(str(tmp_path)))
    assert rules_id() == "memguard 3"
    assert "not compiled yet" in trouble()
    assert list(tmp_path.iterdir()) == []
    assert LETTERS not in redact_text(SECRETS["github-token"])


@pytest.fixture
def kept(library: Library, tmp_path: Path) -> Path:
    """Another state folder with the compiled rules in it; where they are."""
    shutil.copytree(library.folder, tmp_path / RULES_FOLDER)
    (tmp_path / RULES_FOLDER).chmod(0o700)
    return tmp_path / RULES_FOLDER


@needs_library
@pytest.mark.parametrize("fault", ["missing", "cut", "of another own set"])
def test_no_capture_compiles(kept: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """5 s, in a restart that waits. Compiled again, they are there for each that follows."""
    (compiled,) = kept.glob("*.vscdb")
    if fault == "missing":
        compiled.unlink()
    elif fault == "cut":
        os.truncate(compiled, 4096)
    else:
        other = rules_file() + "# of another memguard\n"
        monkeypatch.setattr(module, "rules_file", lambda: other)
    before = sorted(path.name for path in kept.iterdir())
    for _ in range(2):
        assert Library(str(kept.parent)).name == ""
        assert sorted(path.name for path in kept.iterdir()) == before
    assert not is_compiled(str(kept.parent), kingfisher_version())
    if fault == "missing":
        assert Library(str(kept.parent), compiles=True).name
        again = [Library(str(kept.parent)) for _ in range(2)]
        assert [(one.name != "", one.trouble) for one in again] == [(True, "")] * 2


def kingfisher_version() -> str:
    return str(__import__("kingfisher_sdk").__version__)


@needs_library
def test_what_can_not_be_kept_counts_as_not_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each capture would compile for itself."""
    kept_nowhere = SimpleNamespace(cache_status="bypassed")
    made = SimpleNamespace(__version__="1.5.0", Rules=lambda *_, **__: kept_nowhere, Scanner=lambda *_, **__: None)
    monkeypatch.setitem(sys.modules, "kingfisher_sdk", made)
    compiling = Library(str(tmp_path), compiles=True)
    assert compiling.name == ""
    assert "is not kept" in compiling.trouble
    assert not is_compiled(str(tmp_path), "1.5.0")


@pytest.mark.parametrize("error", [RuntimeError("broken"), MemoryError(), BaseException("a panic")])
def test_where_it_fails_the_own_set_goes_on_and_it_is_said(
    use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    scanner = Scanner(error)
    use(with_scanner(tmp_path, monkeypatch, scanner))
    assert rules_id() == "kingfisher test + memguard 3"
    for _ in range(3):
        assert LETTERS not in redact_text(SECRETS["github-token"])
    assert scanner.calls == 1
    assert rules_id() == "memguard 3"
    assert trouble().startswith("kingfisher failed")


def test_where_it_can_not_be_loaded_it_is_said(use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / RULES_FOLDER).symlink_to(tmp_path)
    monkeypatch.setitem(sys.modules, "kingfisher_sdk", SimpleNamespace(__version__="1.5.0"))
    use(Library(str(tmp_path), compiles=True))
    assert rules_id() == "memguard 3"
    assert "PermissionError" in trouble()


def test_what_it_is_too_slow_at_goes_in_pieces(use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanner = Scanner(TimeoutError(), most_bytes=10000)
    use(with_scanner(tmp_path, monkeypatch, scanner))
    redact_bytes(b"plain " * 10000)
    assert scanner.calls > 10
    assert trouble() == ""


def test_what_it_gives_up_on_is_said(use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(with_scanner(tmp_path, monkeypatch, Scanner(TimeoutError())))
    assert LETTERS not in redact_bytes(b"plain " * 10000 + SECRETS["github-token"].encode()).decode()
    assert "gave up on" in trouble()
    assert rules_id() == "kingfisher test + memguard 3"


@needs_library
def test_threads_may_ask_at_once(use: Use, library: Library) -> None:
    use(library)
    expected = redact_text(f"use {AIRTABLE} for it")
    found: list[str] = []
    asking = [threading.Thread(target=lambda: found.append(redact_text(f"use {AIRTABLE} for it"))) for _ in range(8)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert found == [expected] * 8


def test_nothing_of_it_that_could_use_the_network_is_named() -> None:
    folder = Path(redact.__file__).parent
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    assert not re.search(r"\bValidator\b|\bRevoker\b|\.validate\(|\.revoke", source)


def test_kinds_are_short_names() -> None:
    names = ["betterleaks.github-pat", "veles.secrets/sendgrid", "betterleaks.auth0-client-id.1", "x.A B/C!"]
    assert [kind_of(name) for name in names] == ["github-pat", "sendgrid", "auth0-client-id", "c"]
