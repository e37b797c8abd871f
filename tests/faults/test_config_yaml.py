"""A stranger's YAML: bombs, tags that make objects, keys that are there twice. Nothing of it counts, or is made."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from memguard.config.load import load_config
from memguard.config.yaml_text import parse_yaml
from memguard.core.errors import ConfigError

LARGE = 64 * 1024**3
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture(autouse=True)
def _person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


HOSTILE = {
    "laughs": (LAUGHS, "anchors and aliases are refused"),
    "anchor alone": ("mode: &m observe\n", "anchors and aliases are refused"),
    "alias of itself": ("thresholds: &t\n  critical: *t\n", "anchors and aliases are refused"),
    "merge": ("<<: {mode: observe}\n", "a key has to be text"),
    "object": ("mode: !!python/object/apply:os.system ['touch owned']\n", "tags are refused"),
    "module": ("mode: !!python/module:antigravity ''\n", "tags are refused"),
    "name": ("mode: !!python/name:os.system ''\n", "tags are refused"),
    "own tag": ("mode: !observe x\n", "tags are refused"),
    "standard tag": ("client: !!str 5\n", "tags are refused"),
    "binary tag": ("client: !!binary aGk=\n", "tags are refused"),
    "tag directive": ("%TAG ! tag:x,2026:\n---\nmode: !y observe\n", "tags are refused"),
    "twice": ("mode: observe\nmode: guard\n", "mode is there twice"),
    "twice below": ("thresholds: {critical: 1, critical: 2}\n", "critical is there twice"),
    "number as key": ("1: 2\n", "a key has to be text"),
    "truth as key": ("on: 2\n", "a key has to be text"),
    "list as key": ("? [a, b]\n: 2\n", "a key has to be text"),
    "list": ("- mode: observe\n", "not a map of tables"),
    "two documents": ("mode: observe\n---\nmode: guard\n", "single document"),
    "brackets": ("a: " + "[" * 60_000, "too deeply nested"),
    "question marks": ("? " * 30_000, "too deeply nested"),
    "commas": ("{" + "a," * 30_000, "too long"),
    "control character": ("mode: 'a\x1b[2J'\n", "special characters are not allowed"),
    "tab": ("thresholds:\n\tcritical: 5\n", "line 2"),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.timeout(20)
def test_it_is_refused_whole_in_one_line_and_at_once(tmp_path: Path, kind: str) -> None:
    text, words = HOSTILE[kind]
    bare = load_config(str(tmp_path), LARGE).config
    (tmp_path / ".memguard.yaml").write_text(text)
    began_s = time.process_time()
    loaded = load_config(str(tmp_path), LARGE)
    assert time.process_time() - began_s < 5
    assert loaded.config == bare
    (line,) = loaded.warnings
    assert words in line
    assert "is not valid YAML" in line
    assert line.isprintable()
    assert not os.path.lexists("owned")


@pytest.mark.parametrize("text", [":".join("1" * 200) + ".0", ":".join("1" * 200), "1:30", "2026-99-99", "2026-01-01"])
def test_numbers_to_base_60_and_dates_are_text(tmp_path: Path, text: str) -> None:
    assert parse_yaml("f", f"thresholds: {{critical: {text}}}\n".encode()) == {"thresholds": {"critical": text}}
    (tmp_path / ".memguard.yaml").write_text(f"thresholds: {{critical: {text}}}\nrestart_policy: {{max_attempts: 1}}\n")
    loaded = load_config(str(tmp_path), LARGE)
    assert loaded.config.restart_policy.max_attempts == 1
    (line,) = loaded.warnings
    assert "thresholds.critical" in line


def test_a_number_that_can_not_be_made_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def overflow(_loader: yaml.SafeLoader, _node: yaml.Node) -> float:
        return float(60**200)

    monkeypatch.setitem(yaml.SafeLoader.yaml_constructors, "tag:yaml.org,2002:float", overflow)
    with pytest.raises(ConfigError, match="is not valid YAML"):
        parse_yaml("f", b"thresholds: {critical: 1.5}\n")


def test_a_key_without_a_value_is_not_written(tmp_path: Path) -> None:
    (tmp_path / ".memguard.yaml").write_text(
        "thresholds:\n  # critical: 4GB\nclient:\nrestart_policy: {max_attempts: 1}\n"
    )
    loaded = load_config(str(tmp_path), LARGE)
    assert loaded.config.restart_policy.max_attempts == 1
    assert loaded.warnings == []


def test_a_file_that_ends_in_yml_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / ".memguard.yml").write_text("restart_policy: {max_attempts: 1}\n")
    loaded = load_config(str(tmp_path), LARGE)
    assert loaded.config.restart_policy.max_attempts == 3
    (line,) = loaded.warnings
    assert ".memguard.yml is not read: its name has to end in .yaml" in line
    (tmp_path / ".memguard.toml").write_text("[restart_policy]\nmax_attempts = 2\n")
    loaded = load_config(str(tmp_path), LARGE)
    assert loaded.config.restart_policy.max_attempts == 2
    assert loaded.warnings == []


def test_an_empty_file_says_nothing() -> None:
    assert parse_yaml("f", b"") == parse_yaml("f", b"# mode: observe\n") == {}


def test_without_pyyaml_the_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / ".memguard.yaml").write_text("mode: observe\n")
    with pytest.raises(ConfigError, match="without PyYAML") as caught:
        parse_yaml("f", b"")
    assert "extra `yaml`" in caught.value.next_step
    (line,) = load_config(str(tmp_path), LARGE).warnings
    assert "PyYAML" in line


def test_pyyaml_is_loaded_only_where_there_is_such_a_file(tmp_path: Path) -> None:
    code = (
        "import sys; from memguard.config.load import load_config;"
        f"load_config({str(tmp_path)!r}, 0); print('yaml' in sys.modules)"
    )
    answers = []
    for make in (False, True):
        if make:
            (tmp_path / ".memguard.yaml").write_text("mode: observe\n")
        answers.append(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert answers == ["False\n", "True\n"]
