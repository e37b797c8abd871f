"""Values of the configuration, as a person reads them in a line."""

from memguard.config.settings_table import SETTINGS, TOOLS
from memguard.config.shown import shown


def setting_text(key: str, value: object, longest: int = 200) -> str:
    """A value with its unit; `key` may be `tools.<pattern>`. Cut at `longest` characters; `-` where nothing is set."""
    if value is None or value in ({}, []):
        return "-"
    if isinstance(value, dict) and key == TOOLS:
        return f"{len(value)}, see below"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return shown(", ".join(str(item) for item in value), longest)
    unit = SETTINGS[TOOLS if key.startswith(f"{TOOLS}.") else key].unit
    return f"{value:g} {unit}" if isinstance(value, int | float) else shown(value, longest)
