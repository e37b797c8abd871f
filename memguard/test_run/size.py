"""A limit as a person types it, in bytes, or one line that says what is wrong with it."""

from memguard.core.errors import ConfigError, HostError, UsageError
from memguard.core.units import format_size, parse_size

_HINT = "write a size with its unit, such as 512MB, 4GB or 1.5G"


def parse_limit(text: str) -> int:
    """Bytes in a limit such as `4G`, `300MB` or `512 MiB` (1 MB is 1,048,576 bytes).

    Raises UsageError for anything that is no size above zero, and for a number without a unit: whether 300 is meant in
    bytes or in megabytes, nobody can tell.
    """
    shown = repr(text[:40])
    if not text.strip(" 0123456789."):
        raise UsageError(f"{shown} has no unit" if text.strip() else "the limit is empty", _HINT)
    try:
        limit_bytes = parse_size(text)
    except ConfigError as error:
        raise UsageError(error.what, error.next_step) from None
    except OverflowError:
        raise UsageError(f"{shown} is too large", _HINT) from None
    if not limit_bytes:
        raise UsageError(f"{shown} is less than a byte", _HINT)
    return limit_bytes


def parse_mark(args: tuple[object, ...], kwargs: dict[str, object]) -> int:
    """Bytes in what a marker was given: `memguard(limit="200MB")`. Raises UsageError for anything else."""
    values = [*args, *kwargs.values()]
    if len(values) != 1 or kwargs.keys() - {"limit"}:
        raise UsageError("the marker takes one limit", 'write @pytest.mark.memguard(limit="200MB")')
    if not isinstance(values[0], str):
        raise UsageError(f"{str(values[0])[:40]} is no text", _HINT)
    return parse_limit(values[0])


def above_the_host(limit_bytes: int) -> str:
    """Why a limit can never be reached; empty where it can, and where the host doesn't say what it has."""
    from memguard.host.capacity import capacity_bytes

    try:
        capacity = capacity_bytes()
    except HostError:
        return ""
    if limit_bytes <= capacity:
        return ""
    return f"{format_size(limit_bytes)} is more than this host has ({format_size(capacity)})"
