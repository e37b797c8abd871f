"""Strings of unknown origin, made fit to stand in a line for the person."""

from memguard.core.log import printable


def shown(value: object, longest: int = 200) -> str:
    """`value` as text without control characters, cut in the middle at `longest` characters."""
    text = printable(str(value), longest * 10)
    if len(text) <= longest:
        return text
    half = (longest - 3) // 2
    return f"{text[:half]}...{text[-half:]}"
