"""Whatever a source holds, the person gets one clear line for each fault, and the rest still counts."""

import pytest

from memguard.config.layer import checked_layer
from memguard.core.errors import TypedConfigError


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"thresholds": {"critcal": 1}}, 'f.toml: thresholds.critcal is not a setting; did you mean "critical"?'),
        ({"critical": 1}, 'f.toml: critical is not a setting; did you mean "thresholds.critical"?'),
        ({"treshold": {}}, 'f.toml: treshold is not a setting; did you mean "thresholds"?'),
        ({"monitoring": {"max_attempts": 1}}, 'did you mean "restart_policy.max_attempts"?'),
        ({"zzz": 1}, "f.toml: zzz is not a setting"),
        ({"thresholds": {"critical": "4XB"}}, 'f.toml: thresholds.critical = "4XB" is not a size; write megabytes or'),
        ({"thresholds": {"critical": 0}}, "f.toml: thresholds.critical = 0 must be at least 1 MB"),
        ({"thresholds": {"warning_percent": 0}}, "f.toml: thresholds.warning_percent = 0 must be above 0"),
        ({"thresholds": {"critical": True}}, "f.toml: thresholds.critical = true must be a whole number"),
        ({"restart_policy": {"max_attempts": "three"}}, 'max_attempts = "three" must be a whole number'),
        ({"restart_policy": {"max_attempts": 10**5000}}, "must be at most 100"),
        ({"monitoring": {"normal_interval": float("nan")}}, "f.toml: monitoring.normal_interval = nan must be"),
        ({"monitoring": {"normal_interval": []}}, "f.toml: monitoring.normal_interval must be a number"),
        ({"mode": "off"}, 'f.toml: mode = "off" must be "guard" or "observe"'),
        ({"thresholds": 3}, "f.toml: thresholds = 3 must be a table"),
        ({"client": "a\x1b[2Jb"}, 'f.toml: client = "a?[2Jb" is not a path: it holds a control character'),
        ({"thresholds": {"critical": 1, "warning": 2}}, "f.toml: thresholds: warning (2) is above critical (1)"),
    ],
)
def test_a_fault_is_one_line_that_names_file_and_key(data: dict[str, object], line: str) -> None:
    (problem,) = checked_layer("f.toml", data).problems
    assert line in problem
    assert problem.startswith("f.toml: ")
    assert problem.isprintable()


def test_what_is_sound_counts_beside_what_is_not() -> None:
    layer = checked_layer("f", {"mode": "off", "thresholds": {"warning": 5, "critcal": 1}, "monitoring": 1})
    assert layer.values == {"thresholds.warning": 5}
    assert len(layer.problems) == 3


def test_a_hostile_key_reaches_the_person_cut_and_without_control_characters() -> None:
    (problem,) = checked_layer("f", {"\x1b]0;owned\x07" * 500: 1}).problems
    assert problem.isprintable()
    assert len(problem) < 300


def test_refusing_names_the_first_fault_and_counts_the_others() -> None:
    with pytest.raises(TypedConfigError, match=r"is not a setting.*\(and 1 more"):
        checked_layer("f", {"a": 1, "b": 2}).refuse_problems()
    sound = checked_layer("f", {"mode": "observe"})
    assert sound.refuse_problems() is sound
