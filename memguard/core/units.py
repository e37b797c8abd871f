"""Sizes and durations as people write them."""

from memguard.core.errors import ConfigError

# Binary multiples throughout, as the kernel counts: 1 GB is 1024 MB here, as in `free` and `top`.
_SIZE_UNITS = {
    "": 1,
    "B": 1,
    "K": 1024,
    "M": 1024**2,
    "G": 1024**3,
    "T": 1024**4,
}
_DURATION_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE_HINT = "write a size such as 512MB, 4GB or 1.5G"


def _split_number(text: str) -> tuple[str, str]:
    digits = 0
    while digits < len(text) and text[digits] in "0123456789.":
        digits += 1
    return text[:digits], text[digits:].strip()


def _positive(number: str, shown: str, hint: str) -> float:
    try:
        value = float(number)
    except ValueError:
        raise ConfigError(f"{shown!r} is not a number with a unit", hint) from None
    if value <= 0:
        raise ConfigError(f"{shown!r} is not above zero", hint)
    return value


def parse_size(text: str) -> int:
    """Bytes in a size such as `4GB`, `512 MiB`, `1.5g` or `4096` (bytes).

    Raises ConfigError for anything that is not a positive size.
    """
    number, unit = _split_number(text.strip())
    unit = unit.upper().removesuffix("B").removesuffix("I")
    if unit not in _SIZE_UNITS:
        raise ConfigError(f"{text[:40]!r} is not a size", _SIZE_HINT)
    return int(_positive(number, text[:40], _SIZE_HINT) * _SIZE_UNITS[unit])


def format_size(size_bytes: float) -> str:
    """A size for people, three digits at most before the unit: `231 MB`, `4.2 GB`."""
    value = float(size_bytes)
    for unit in ("B", "KB", "MB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GB"


def format_age(seconds: float) -> str:
    """A time that has passed, for people: `12 s`, `7 min`, `5 h`, `3 d`."""
    for unit, length_s, until in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < until * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def parse_duration(text: str) -> float:
    """Seconds in a duration such as `30m`, `45s`, `2h` or `90` (seconds)."""
    hint = "write a duration such as 45s, 30m or 2h"
    number, unit = _split_number(text.strip())
    if unit.lower() not in _DURATION_UNITS_S:
        raise ConfigError(f"{text[:40]!r} is not a duration", hint)
    return _positive(number, text[:40], hint) * _DURATION_UNITS_S[unit.lower()]
