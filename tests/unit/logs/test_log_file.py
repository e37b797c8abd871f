"""What is in memguard's log: levels, both formats, no secret, no control character, nothing lost over rotations."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.core import log as core_log
from memguard.core.log import HUMAN, INFO, JSON, LEVELS, append_log, is_logged, use_log
from memguard.core.masking import MASK, masked
from memguard.logs.entries import entry_of
from memguard.logs.logger import logger_of


@pytest.fixture(autouse=True)
def _as_at_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No other test's level, and no file of the person's."""
    from memguard.logs import logger

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    logger._go_by.cache_clear()
    use_log(INFO, HUMAN)
    yield
    logger._go_by.cache_clear()
    use_log(INFO, HUMAN)


def lines(folder: Path) -> list[str]:
    path = folder / "memguard.log"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("least", LEVELS)
def test_a_level_lets_through_what_is_as_grave_or_graver(tmp_path: Path, least: str) -> None:
    use_log(least, HUMAN)
    for level in LEVELS:
        append_log(str(tmp_path), f"at {level}", level)
    assert [line.split()[1] for line in lines(tmp_path)] == list(LEVELS[LEVELS.index(least) :])
    assert [level for level in LEVELS if is_logged(level)] == list(LEVELS[LEVELS.index(least) :])


def test_what_is_no_level_or_format_leaves_what_is(tmp_path: Path) -> None:
    use_log("LOUD", "xml")
    append_log(str(tmp_path), "quiet", "DEBUG")
    append_log(str(tmp_path), "said")
    (line,) = lines(tmp_path)
    assert line.endswith("Z WARNING said")
    assert os.stat(tmp_path / "memguard.log").st_mode & 0o777 == 0o600


def test_json_lines_are_objects_that_a_program_reads(tmp_path: Path) -> None:
    use_log(INFO, JSON)
    append_log(str(tmp_path), 'a "quoted" wörd \\', "ERROR")
    (line,) = lines(tmp_path)
    found = json.loads(line)
    assert (found["level"], found["text"]) == ("ERROR", 'a "quoted" wörd \\')
    assert found["time"].endswith("Z")


SECRETS = {
    "the key sk-ant-api03-abcdefghijkl was refused": "sk-ant-api03-abcdefghijkl",
    "pushing to https://me:hunter22@example.org/x.git failed": "hunter22",
    "Authorization: Bearer abc.def.ghi": "abc.def.ghi",
    "header 'authorization: Basic dXNlcjpwYXNz'": "dXNlcjpwYXNz",
    "PASSWORD=geheim1 in the environment": "geheim1",
    "db_password: geheim2 is wrong": "geheim2",
    '{"api_key": "geheim3"}': "geheim3",
    "GITHUB_TOKEN='ghp_0123456789abcdef0123'": "ghp_0123456789abcdef0123",
    "x-api-key: 0123456789": "0123456789",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc": "eyJzdWIiOiIxIn0",
    "passphrase = geheim4": "geheim4",
}


@pytest.mark.parametrize("text", SECRETS)
@pytest.mark.parametrize("kind", [HUMAN, JSON])
def test_a_secret_in_a_text_is_masked_in_either_format(tmp_path: Path, text: str, kind: str) -> None:
    use_log(INFO, kind)
    append_log(str(tmp_path), text)
    (line,) = lines(tmp_path)
    assert SECRETS[text] not in line
    assert MASK in line


@pytest.mark.parametrize(
    "text",
    [
        "watchdog 0011223344556677: restart_initiated strategy=resume session=11111111-2222-3333-4444-555555555555",
        "task-list-of-mine at /home/me/sk-8/desk-lamp-of-yours: No such file or directory",
        "OSError at loop.py:12: [Errno 28] No space left on device: '/x/y'",
        "https://example.org/a@b: refused",
        "",
    ],
)
def test_what_memguard_itself_writes_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_control_characters_and_line_breaks_are_replaced_and_length_is_bounded(tmp_path: Path) -> None:
    append_log(str(tmp_path), "a\x1b[2Jb\nc\x9b" + "x" * 5000)
    (line,) = lines(tmp_path)
    assert line.isprintable()
    assert len(line) < 500


def _write(folder: str, name: int, count: int) -> None:
    for number in range(count):
        append_log(folder, f"{name} {number} {'x' * 60}")


def test_writers_that_rotate_at_the_same_time_lose_and_mix_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every rotation is kept under a name of its own here; the real one keeps the last."""
    monkeypatch.setattr(core_log, "_ROTATE_BYTES", 6000)
    real, kept = os.replace, str(tmp_path / "memguard.log.1")

    def keep(source: str, target: str) -> None:
        real(source, f"{target}-{os.getpid()}-{os.urandom(4).hex()}" if target == kept else target)

    monkeypatch.setattr(os, "replace", keep)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(str(tmp_path), name, 300)) for name in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    files = list(tmp_path.glob("memguard.log*"))
    aside = [path for path in files if path.name != "memguard.log"]
    assert len(aside) > 10
    assert min(path.stat().st_size for path in aside) > 6000, "put aside before it was full: the one before is lost"
    found = sorted(line.split()[2:4] for path in files for line in path.read_text().splitlines())
    assert found == sorted([str(name), str(number)] for name in range(4) for number in range(300))


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    append_log(str(tmp_path / "not-there"), "x")
    (tmp_path / "memguard.log").symlink_to(tmp_path / "elsewhere")
    append_log(str(tmp_path), "x")
    assert not (tmp_path / "elsewhere").exists()


def test_heavy_code_logs_by_logging_into_the_same_file_with_its_levels(tmp_path: Path) -> None:
    logger = logger_of(str(tmp_path))
    logger.debug("hidden")
    logger.info("at %s", "info")
    logger.error("at error")
    logger.log(35, "between warning and error")
    try:
        float("token=abcdef")
    except ValueError:
        logger.exception("failed")
    found = lines(tmp_path)
    assert [line.split()[1] for line in found] == ["INFO", "ERROR", "WARNING", "ERROR"]
    assert "abcdef" not in found[-1]
    assert "ValueError at test_log_file.py:" in found[-1]


def test_two_state_folders_in_one_process_have_a_log_each(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        logger_of(str(tmp_path / name)).warning("of %s", name)
    assert [lines(tmp_path / name)[0][-4:] for name in "ab"] == ["of a", "of b"]


def test_a_program_that_embeds_memguard_does_not_get_these_lines(tmp_path: Path) -> None:
    code = (
        "import logging, sys; logging.basicConfig(level=0); from memguard.logs.logger import logger_of;"
        "logger_of(sys.argv[1]).error('for the file'); logging.error('for the program')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stderr == "ERROR:root:for the program\n"
    assert lines(tmp_path)[0].endswith("ERROR for the file")


def test_a_worker_goes_by_its_projects_compiled_file_and_by_no_variable(tmp_path: Path) -> None:
    compiled = tmp_path / "compiled"
    compiled.write_text("log_level=ERROR\nlog_format=json\n")
    code = (
        "import sys; from memguard.logs.logger import logger_of; logger = logger_of(*sys.argv[1:]);"
        "logger.warning('no'); logger.error('yes')"
    )
    environment = os.environ | {"MEMGUARD_LOG_LEVEL": "critical", "MEMGUARD_LOG_FORMAT": "human"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path), str(compiled)], env=environment, check=True)
    assert [json.loads(line)["text"] for line in lines(tmp_path)] == ["yes"]


def test_a_command_goes_by_the_persons_own_file(tmp_path: Path) -> None:
    config = tmp_path / "config" / "memguard" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[log]\nlevel = "error"\nformat = "json"\n')
    logger_of(str(tmp_path)).warning("no")
    logger_of(str(tmp_path)).critical("yes")
    assert [json.loads(line)["level"] for line in lines(tmp_path)] == ["CRITICAL"]


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        ("2026-11-23T08:24:21Z ERROR hook Stop: x", "ERROR", "hook Stop: x"),
        ("2026-11-23T08:24:21Z hook Stop: of an older version", "WARNING", "hook Stop: of an older version"),
        ('{"time": "2026-11-23T08:24:21Z", "level": "INFO", "text": "x"}', "INFO", "x"),
        ('{"time": 5}', "WARNING", '{"time": 5}'),
        ("torn", "WARNING", "torn"),
        ("\x1b[2J", "WARNING", "?[2J"),
        ("[" * 5000, "WARNING", "[" * 2000),
    ],
)
def test_every_line_is_an_entry_whatever_wrote_it(line: str, level: str, text: str) -> None:
    entry = entry_of(line)
    assert entry is not None
    assert (entry.level, entry.text) == (level, text)
    assert (entry.t_utc > 0) == ("2026" in line)
    assert json.loads(entry.json())["text"] == text
    assert entry.human().endswith(text)


def test_an_empty_line_is_none() -> None:
    assert entry_of("  \n") is None
