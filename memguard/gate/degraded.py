"""PreToolUse while a session is over its limits and restarts can't help: which calls are not carried out, and why."""

from memguard.core.degradation import EMERGENCY, MODES, NORMAL, READ_ONLY, SWITCH, denies, patterns_of
from memguard.core.layout import DEGRADATION
from memguard.core.log import printable
from memguard.core.pause import is_paused
from memguard.core.units import format_size
from memguard.gate import Event
from memguard.gate.event import word
from memguard.gate.whole_file import whole_pairs

_LONGEST_WHY = 160
_WHAT = {
    READ_ONLY: "tools that write or take memory are not carried out",
    EMERGENCY: "only tools that read are carried out",
}
_WAY_OUT = (
    "end what holds the memory, raise [thresholds], allow restarts again (`memguard restart --reset-protection`), or"
    " have nothing denied (`memguard pause`)"
)


class Mode:
    """One mode, as the watchdog wrote it down. ValueError from the constructor where `pairs` are torn."""

    __slots__ = ("before", "below_bytes", "footprint_bytes", "limit_bytes", "name", "why")

    def __init__(self, pairs: "dict[str, str]") -> None:
        self.name, self.before = pairs.get("mode", ""), pairs.get("before", NORMAL)
        self.footprint_bytes = _size(pairs, "footprint_bytes")
        self.limit_bytes = _size(pairs, "limit_bytes")
        self.below_bytes = _size(pairs, "below_bytes")
        self.why = printable(pairs.get("why", ""), _LONGEST_WHY)
        if self.name not in MODES or self.before not in MODES:
            raise ValueError("not a mode")

    def line(self) -> str:
        """For the person."""
        if self.name not in _WHAT:
            return f"{self._held()}: tools are carried out again"
        return f"{self.name}: {self._over()}, and no restart can follow ({self.why}): {_WHAT[self.name]}. To {_WAY_OUT}"

    def text(self) -> str:
        """For the model: facts, and no imperatives."""
        if self.name not in _WHAT:
            return f"memguard: {self._held()}. Tool calls are carried out again; what was denied before was not done."
        return f"memguard: {self._over()}, and no restart can follow: {self.why}. {self._outlook()}"

    def denial(self, tool: str, pairs: "dict[str, str]") -> str:
        """Why one call of `tool` is not carried out, and what changes that."""
        return (
            f"memguard ({self.name}): this {word(tool)} call was not carried out: {self._over()}, and no"
            f" restart can follow: {self.why}. {self._outlook()} {_listed(self.name, pairs)}"
        )

    def _outlook(self) -> str:
        return (
            f"While this lasts, {_WHAT[self.name]}; that ends by itself when they hold less than"
            f" {format_size(self.below_bytes)}. The person can {_WAY_OUT}."
        )

    def _over(self) -> str:
        limit = "emergency" if self.name == EMERGENCY else "critical"
        return f"{self._held()}, over the {limit} limit of {format_size(self.limit_bytes)}"

    def _held(self) -> str:
        return f"this session's processes hold {format_size(self.footprint_bytes)}"


def _listed(name: str, pairs: "dict[str, str]") -> str:
    patterns = printable(", ".join(patterns_of(pairs, name)), 400)
    return f"Not carried out are: {patterns}." if name == READ_ONLY else f"Carried out are: {patterns}."


def _size(pairs: "dict[str, str]", name: str) -> int:
    text = pairs.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ValueError(f"{name} is not a size")
    return int(text)


def denial_in_mode(event: Event) -> str:
    """Why this call is denied; empty where it is not. A mode that can't be read denies nothing.

    Nor does one that the person has switched off since, however long the watchdog takes to notice.
    """
    if event.pairs.get(SWITCH) == "0":
        return ""
    try:
        mode = Mode(whole_pairs(f"{event.guard_dir}/{DEGRADATION}"))
    except (OSError, ValueError):
        return ""
    tool = event.payload.first("tool_name")
    if not denies(event.pairs, mode.name, tool, event.payload.command):
        return ""
    return "" if is_paused(event.guard_dir, event.project_dir) else mode.denial(tool, event.pairs)
