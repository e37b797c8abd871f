"""Which part of a session is to go, where the whole is over a limit."""

from memguard.core.part import CLIENT, Part


def culprit(parts: "list[Part]", sizes_bytes: "list[int]", limit_bytes: int) -> "Part | None":
    """The part without which the rest is below `limit_bytes`; None where there is no part.

    Of several the fastest growing, of equals the largest; where none alone is enough, the client, whose restart ends
    them all. `sizes_bytes` are the parts' confirmed sizes, in the same order.
    """
    total_bytes = sum(sizes_bytes)
    sized = list(zip(parts, sizes_bytes, strict=True))
    enough = [(part, size_bytes) for part, size_bytes in sized if total_bytes - size_bytes < limit_bytes]
    if enough:
        return max(enough, key=lambda found: (found[0].rate_bytes_per_s, found[1]))[0]
    return next((part for part in parts if part.kind == CLIENT), None)
