"""What a client holds that is started with a conversation to read, and whether it is to read it. Pure.

A client's footprint after a start grows with its transcript: what it holds by itself, and a factor times the file.
Measured with Claude Code 2.1.330 in a terminal, transcripts made of tool calls and their output; MB:

    transcript  bytes per result   peak   after the start   after one turn   of the size, without an idle client
             5             2,400    293               145              204   32.9  3.4  17.2
            30             2,400    228               204              327    3.3  2.5   6.7
            60            16,000    246               189              377    2.0  1.0   4.2
            60             2,400    309               271              487    3.0  2.4   6.1
            60               400    423               383              663    4.9  4.3   9.0

Others saw 9 to 14 times the size (https://github.com/anthropics/claude-code/issues/79196), with `claude -p`. So the
factor depends on the conversation and on the client, and what the last starts of a project took tells it best.
"""

from memguard.core.units import format_size
from memguard.guard.victim import IDLE_CLIENT_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.thresholds import Thresholds

_MB = 1024 * 1024
# Where nothing is known: the least that others saw and the most measured here, and the most that others saw.
_SETTLED_FACTOR = 9.0
_PEAK_FACTOR = 14.0
# While it starts, what a client holds is taken for reading its conversation up to here: an idle one with its servers.
_STARTING_BYTES = 256 * _MB
# A start with less to read than this tells what a client holds by itself; one with more than the other, the factor.
# In between, 50 MB more or less of the client's own would be a factor of 6.
_NOTHING_BYTES = 1 * _MB
_MUCH_BYTES = 8 * _MB
# No start was ever seen that took more; a row that says so is of something else.
_MOST_FACTOR = 40.0
# Of each kind so many starts count. The upper quartile of 8 leaves out two that were odd.
_KEPT = 8


class Start:
    """One client's start: the size of its transcript, the most it held, what it held when its first turn was over."""

    __slots__ = ("peak_bytes", "settled_bytes", "transcript_bytes")

    def __init__(self, transcript_bytes: int, peak_bytes: int, settled_bytes: int) -> None:
        self.transcript_bytes = transcript_bytes
        self.peak_bytes = peak_bytes
        self.settled_bytes = settled_bytes

    @property
    def has_nothing_to_read(self) -> bool:
        """Whether it tells what a client holds by itself."""
        return self.transcript_bytes <= _NOTHING_BYTES

    @property
    def has_much_to_read(self) -> bool:
        """Whether it tells how what a client holds grows with what it reads."""
        return self.transcript_bytes >= _MUCH_BYTES

    def as_row(self) -> "tuple[int, int, int]":
        """The three sizes, in the order of the constructor."""
        return self.transcript_bytes, self.peak_bytes, self.settled_bytes


class Prediction:
    """What a client is expected to hold at the most, from its first turn on, and with nothing to read."""

    __slots__ = ("idle_bytes", "peak_bytes", "settled_bytes")

    def __init__(self, peak_bytes: int, settled_bytes: int, idle_bytes: int) -> None:
        self.peak_bytes = peak_bytes
        self.settled_bytes = settled_bytes
        self.idle_bytes = idle_bytes


class Room:
    """What a resumed client has to fit into. `left_bytes` can be filled on the host once the one before it is gone.

    `beside_bytes` is what comes back with the client whatever it reads, such as its MCP servers; `held_bytes` what the
    client held that it follows.
    """

    __slots__ = ("beside_bytes", "held_bytes", "left_bytes", "limits")

    def __init__(self, limits: "Thresholds", left_bytes: int, held_bytes: int, beside_bytes: int = 0) -> None:
        self.limits = limits
        self.left_bytes = left_bytes
        self.held_bytes = held_bytes
        self.beside_bytes = beside_bytes


class Verdict:
    """Whether a conversation is better not resumed: the size that is predicted, and the limit that it is over.

    `limit` is `critical`, `emergency` or `host`; empty where a resume fits, with the size that it was judged by.
    """

    __slots__ = ("limit", "limit_bytes", "predicted_bytes")

    def __init__(self, predicted_bytes: int, limit: str = "", limit_bytes: int = 0) -> None:
        self.predicted_bytes = predicted_bytes
        self.limit = limit
        self.limit_bytes = limit_bytes

    def text(self) -> str:
        """Why not, in a few words; empty where a resume fits."""
        if not self.limit:
            return ""
        what = "memory that the host has left" if self.limit == "host" else f"{self.limit} limit"
        return f"predicted {format_size(self.predicted_bytes)}, {what} {format_size(self.limit_bytes)}"


def predict(transcript_bytes: int, starts: "list[Start]") -> Prediction:
    """What a client will hold that reads so much, by the last `starts` (oldest first)."""
    idle_bytes = _idle_bytes(starts)
    told = [start for start in starts if start.has_much_to_read][-_KEPT:]
    settled = _factor([(s.settled_bytes, s.transcript_bytes) for s in told], idle_bytes, _SETTLED_FACTOR)
    peak = _factor([(s.peak_bytes, s.transcript_bytes) for s in told], idle_bytes, _PEAK_FACTOR)
    settled_bytes = idle_bytes + int(settled * transcript_bytes)
    return Prediction(max(idle_bytes + int(peak * transcript_bytes), settled_bytes), settled_bytes, idle_bytes)


def judge(prediction: Prediction, room: Room) -> Verdict:
    """Whether a resume would bring the session over a limit again.

    A conversation takes no more than it took before: where the client was below the limit with it, it was not what
    filled the memory. And where a new session would be over the limit, too, giving the conversation up helps nobody.
    """
    settled_bytes = room.beside_bytes + min(prediction.settled_bytes, room.held_bytes)
    peak_bytes, new_bytes = room.beside_bytes + prediction.peak_bytes, room.beside_bytes + prediction.idle_bytes
    expected = (
        Verdict(settled_bytes, "critical", room.limits.critical_bytes),
        Verdict(peak_bytes, "emergency", room.limits.emergency_bytes),
        Verdict(peak_bytes, "host", room.left_bytes),
    )
    return next((v for v in expected if new_bytes < v.limit_bytes <= v.predicted_bytes), Verdict(settled_bytes))


def most_explained_bytes(transcript_bytes: int) -> int:
    """Up to here, what a client holds that is still starting is explained by what it reads."""
    return _STARTING_BYTES + int(_PEAK_FACTOR * transcript_bytes)


def kept(starts: "list[Start]") -> "list[Start]":
    """The last few of each kind, in their order; what is of neither tells nothing."""
    nothing = [start for start in starts if start.has_nothing_to_read][-_KEPT:]
    much = [start for start in starts if start.has_much_to_read][-_KEPT:]
    return [start for start in starts if start in nothing or start in much]


def _idle_bytes(starts: "list[Start]") -> int:
    """What a client holds that has read next to nothing: the median, or the constant."""
    sizes = sorted([start.settled_bytes for start in starts if start.has_nothing_to_read][-_KEPT:])
    return sizes[len(sizes) // 2] if sizes else IDLE_CLIENT_BYTES


def _factor(sizes: "list[tuple[int, int]]", idle_bytes: int, default: float) -> float:
    """The upper quartile of how many times the transcript each held beyond an idle client."""
    found = sorted(min(max(0.0, (held - idle_bytes) / read), _MOST_FACTOR) for held, read in sizes)
    return found[(3 * len(found) - 1) // 4] if found else default
