"""A part of a session that is to go, and over what."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.part import Part


class Excess:
    """`limit` names the limit for people, `limit_bytes` is its size.

    `least_bytes` is what the part must be confirmed to hold for its end to be justified: the whole of its budget, or
    as much as has to go for the session or the host.
    """

    __slots__ = ("least_bytes", "limit", "limit_bytes", "part")

    def __init__(self, part: "Part", least_bytes: int, limit: str, limit_bytes: int) -> None:
        self.least_bytes = least_bytes
        self.limit = limit
        self.limit_bytes = limit_bytes
        self.part = part
