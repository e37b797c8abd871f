"""A part of a session that is to go, and over what."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.part import Part


class Excess:
    """`limit` names the limit for people, `limit_bytes` is its size.

    `least_bytes` is what the part must be confirmed to hold for its end to be justified: the whole of its budget, or
    as much as has to go for the session or the host. `is_for_host` says that it is the host that is short.
    """

    __slots__ = ("is_for_host", "least_bytes", "limit", "limit_bytes", "part")

    def __init__(
        self, part: "Part", least_bytes: int, limit: str, limit_bytes: int, *, is_for_host: bool = False
    ) -> None:
        self.is_for_host = is_for_host
        self.part = part
        self.least_bytes = least_bytes
        self.limit = limit
        self.limit_bytes = limit_bytes
