"""The table of settings and the models name the same things."""

from memguard.config.layer import set_values
from memguard.config.model import MemoryGuardianConfig
from memguard.config.settings_table import BY_NAME, BY_VARIABLE, SETTINGS


def test_every_field_of_the_models_is_a_setting() -> None:
    complete = MemoryGuardianConfig.model_validate(MemoryGuardianConfig().model_dump())
    assert set(set_values(complete)) == set(SETTINGS)


def test_names_and_variables_are_unique() -> None:
    assert len(BY_NAME) == len(SETTINGS)
    without = {key for key, setting in SETTINGS.items() if not setting.variable}
    assert len(BY_VARIABLE) == len(SETTINGS) - len(without)
    lists = {key for key, setting in SETTINGS.items() if isinstance(setting.default, list | dict)}
    assert without - lists == {"client", "privacy", "snapshots.redaction_rules", "handoff.summariser"}
    assert BY_NAME["critical"].variable == "MEMGUARD_CRITICAL"
    assert BY_NAME["host_budget"].variable == "MEMGUARD_HOST_BUDGET"
    assert BY_NAME["max_attempts"].option == "--max-attempts"
