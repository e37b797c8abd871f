"""The table of settings and the models name the same things."""

from memguard.config.layer import set_values
from memguard.config.model import MemoryGuardianConfig
from memguard.config.settings_table import BY_NAME, BY_VARIABLE, SETTINGS


def test_every_field_of_the_models_is_a_setting() -> None:
    complete = MemoryGuardianConfig.model_validate(MemoryGuardianConfig().model_dump())
    assert set(set_values(complete)) == set(SETTINGS)


def test_names_and_variables_are_unique() -> None:
    assert len(BY_NAME) == len(SETTINGS)
    assert len(BY_VARIABLE) == len(SETTINGS) - 5  # client, privacy and its rules, summariser, tools
    assert BY_NAME["critical"].variable == "MEMGUARD_CRITICAL"
    assert BY_NAME["host_budget"].variable == "MEMGUARD_HOST_BUDGET"
    assert BY_NAME["max_attempts"].option == "--max-attempts"
