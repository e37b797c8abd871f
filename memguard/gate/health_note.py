"""What person and model read of the host's health: a disk that is nearly full, processors that are never idle."""

from memguard.core.log import printable

_LONGEST = 200


class HealthNote:
    """One warning, as the watchdog wrote it down. ValueError from the constructor where `pairs` are torn."""

    __slots__ = ("of", "path", "what")

    def __init__(self, pairs: "dict[str, str]") -> None:
        self.of = printable(pairs.get("of", ""), _LONGEST)
        self.what = printable(pairs.get("what", ""), _LONGEST)
        self.path = printable(pairs.get("path", ""), _LONGEST)
        if not self.of or not self.what:
            raise ValueError("not a warning of the host's health")

    def line(self) -> str:
        """For the person."""
        where = f" ({self.path})" if self.path else ""
        more = "; snapshots are refused when it is full" if self.of == "snapshots" else ""
        return f"{self.what}{where}{more}"

    def text(self) -> str:
        """For the model: facts, and no imperatives."""
        return f"memguard: of this host: {self.what}."
