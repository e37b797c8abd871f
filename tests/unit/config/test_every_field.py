"""Every setting, whoever adds it: its default, its faults, and that it counts from wherever it may be set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from memguard.config.load import LoadedConfig, load_config
from memguard.config.settings_table import NEVER, PERSON, SETTINGS, TOOLS, value_of
from memguard.config.sources import user_config_path
from memguard.core.errors import TypedConfigError
from tests.unit.config.field_samples import is_number, out_of_range, second, sound, tables, toml, wrong_types

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str], Path]

LARGE = 64 * 1024**3
KEYS = list(SETTINGS)
WITH_VARIABLE = [key for key in KEYS if SETTINGS[key].variable]


def close_to(value: Any) -> Any:
    return pytest.approx(value) if isinstance(value, float) else value


def value(loaded: LoadedConfig, key: str) -> Any:
    return value_of(loaded.config, key)


def beside(key: str) -> tuple[str, Any]:
    """Another setting, which is to count whatever is wrong with this one."""
    other = "mode" if key != "mode" else "snapshots.retention_days"
    return other, sound(other)


@pytest.mark.parametrize("key", KEYS)
def test_nothing_set_is_the_default_and_its_source_says_so(project: Path, key: str) -> None:
    loaded = load_config(str(project), LARGE)
    assert value(loaded, key) == SETTINGS[key].default
    assert loaded.sources[key].startswith("default")
    assert loaded.lines == []


@pytest.mark.parametrize("key", KEYS)
def test_it_counts_from_toml(project: Path, user_file: Write, key: str) -> None:
    path = user_file(toml(tables(key, sound(key))))
    loaded = load_config(str(project), LARGE)
    assert value(loaded, key) == close_to(sound(key)) != SETTINGS[key].default
    assert loaded.faults == []
    assert str(path) in loaded.sources[f"{TOOLS}.Bash" if key == TOOLS else key]


@pytest.mark.parametrize("key", KEYS)
def test_it_counts_from_yaml(project: Path, user_file: Write, key: str) -> None:
    path = user_file("").with_suffix(".yaml")
    path.with_suffix(".toml").rename(path)
    path.write_text(yaml.safe_dump(tables(key, sound(key))))
    loaded = load_config(str(project), LARGE)
    assert value(loaded, key) == close_to(sound(key)) != SETTINGS[key].default
    assert loaded.faults == []
    assert loaded.files["user"] == str(path) == user_config_path()


@pytest.mark.parametrize("key", WITH_VARIABLE)
def test_it_counts_from_its_variable(project: Path, key: str) -> None:
    text = str(sound(key)).lower() if isinstance(sound(key), bool) else str(sound(key))
    loaded = load_config(str(project), LARGE, {SETTINGS[key].variable: text})
    assert value(loaded, key) == close_to(sound(key))
    assert SETTINGS[key].variable in loaded.sources[key]


@pytest.mark.parametrize("key", KEYS)
def test_it_counts_from_this_platforms_table_and_from_no_other(
    project: Path, user_file: Write, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    for platform in ("linux", "darwin", "windows"):
        monkeypatch.setattr("memguard.config.layer.platform_table", lambda platform=platform: platform)
        others = {name: tables(key, second(key)) for name in ("linux", "darwin", "windows") if name != platform}
        common = tables(key, second(key))
        user_file(toml(common | {"platform": {platform: tables(key, sound(key)), **others}}))
        found = value(load_config(str(project), LARGE), key)
        assert found == (second(key) | sound(key) if isinstance(sound(key), dict) else close_to(sound(key)))
        user_file(toml(common | {"platform": others}))
        assert value(load_config(str(project), LARGE), key) == close_to(second(key))


@pytest.mark.parametrize("key", KEYS)
def test_a_wrong_value_leaves_the_default_and_all_else_and_is_said(project: Path, user_file: Write, key: str) -> None:
    other, sound_value = beside(key)
    for wrong in (*wrong_types(key), *out_of_range(key)):
        user_file(toml(tables(key, wrong) | tables(other, sound_value)))
        loaded = load_config(str(project), LARGE)
        assert value(loaded, key) == SETTINGS[key].default, wrong
        assert value(loaded, other) == sound_value
        assert loaded.faults, wrong
        assert all(key.partition(".")[0] in line and line.isprintable() for line in loaded.faults)
        assert loaded.lines[0].endswith("; the rest of it counts")
        assert len(loaded.lines) == 1


@pytest.mark.parametrize("key", KEYS)
def test_a_wrong_value_for_this_platform_is_named_with_its_table(project: Path, user_file: Write, key: str) -> None:
    for wrong in (*wrong_types(key), *out_of_range(key)):
        user_file(toml({"platform": {"linux": tables(key, wrong), "darwin": tables(key, wrong)}}))
        loaded = load_config(str(project), LARGE)
        assert value(loaded, key) == SETTINGS[key].default, wrong
        for name in ("linux", "darwin"):
            named = f"platform.{name}.{key.partition('.')[0]}"
            assert any(named in line for line in loaded.faults), wrong


@pytest.mark.parametrize("key", WITH_VARIABLE)
def test_a_wrong_variable_is_refused_by_its_name(project: Path, key: str) -> None:
    texts = [str(wrong) for wrong in out_of_range(key)] if is_number(key) else []
    for text in ("nonsense!", "0x10", *texts):
        with pytest.raises(TypedConfigError, match=SETTINGS[key].variable) as caught:
            load_config(str(project), LARGE, {SETTINGS[key].variable: text})
        assert caught.value.exit_code == 2


@pytest.mark.parametrize("table", sorted({key.partition(".")[0] for key in KEYS if "." in key} | {""}))
@pytest.mark.parametrize("prefix", ["", "platform.linux"])
def test_an_unknown_key_is_said_in_every_table(project: Path, user_file: Write, table: str, prefix: str) -> None:
    name = ".".join(part for part in (prefix, table) if part)
    user_file(f"[{name}]\nzork = 1\n" if name else "zork = 1\n")
    (line,) = load_config(str(project), LARGE).faults
    assert f"{name}.zork".lstrip(".") in line
    assert "is not a setting" in line


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("kind", ["toml", "yaml"])
def test_a_key_that_is_there_twice_spoils_the_file(project: Path, user_file: Write, key: str, kind: str) -> None:
    path = user_file(toml(tables(key, sound(key))) * 2)
    if kind == "yaml":
        path.unlink()
        path.with_suffix(".yaml").write_text(yaml.safe_dump(tables(key, sound(key))) * 2)
    loaded = load_config(str(project), LARGE)
    assert value(loaded, key) == SETTINGS[key].default
    (line,) = loaded.lines
    assert line.endswith("the defaults count")
    assert kind.upper() in line


@pytest.mark.parametrize("key", [key for key in KEYS if SETTINGS[key].project in (PERSON, NEVER)])
def test_a_projects_file_sets_what_is_the_persons_only_where_it_is_trusted(
    project: Path, project_file: Write, trust: Callable[[], None], key: str
) -> None:
    project_file(toml(tables(key, sound(key))))
    loaded = load_config(str(project), LARGE)
    assert value(loaded, key) == SETTINGS[key].default
    assert any(f"{key} is ignored" in line for line in loaded.warnings)
    trust()
    loaded = load_config(str(project), LARGE)
    if SETTINGS[key].project == NEVER:
        assert value(loaded, key) == SETTINGS[key].default
        assert any(f"{key} is ignored" in line for line in loaded.warnings)
    else:
        assert value(loaded, key) == close_to(sound(key))
        assert loaded.sources[key].startswith("trusted project file ")


@pytest.mark.parametrize("key", KEYS)
def test_what_the_person_sets_stays_whatever_a_trusted_file_says(
    project: Path, project_file: Write, user_file: Write, trust: Callable[[], None], key: str
) -> None:
    project_file(toml(tables(key, sound(key))))
    user_file(toml(tables(key, second(key))))
    trust()
    found = value(load_config(str(project), LARGE), key)
    assert found == (sound(key) | second(key) if key == TOOLS else close_to(second(key)))
