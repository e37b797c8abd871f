"""How long the watchdog may look away: by the headroom, by what growth it sees, and by what a look costs."""

from memguard.core.thresholds import EMERGENCY, NORMAL

NO_LIMIT_BYTES = 1 << 62  # a headroom where there is no such limit

# The fastest plausible fill rate. One core of the machine that this was measured on fills 0.6 to 1.7 GB/s of fresh
# pages of 4 KB, and 8.8 GB/s of huge ones.
_FILL_BYTES_PER_S = 8 << 30
# With no tool call in flight (the next one wakes the watchdog), what may grow is the client and its servers: programs
# that run for hours, none of which takes huge pages for a heap. It is what lets the watchdog rest.
_IDLE_FILL_BYTES_PER_S = 2 << 30
# Growth that is seen may still quicken fourfold before the next reading.
_GROWTH_MARGIN = 4.0
# Growth is remembered over the pauses of a saw-tooth or of steps, by halves in this time.
_GROWTH_HALF_LIFE_S = 0.5
# What a process may do in this time is what a limit is overshot by at worst while something grows; a shorter pause
# costs more than it finds, with a reading of a tree at 1 to 2 ms.
_SHORTEST_S = 0.01
# Bounds of the duty cycle: a pause is at least so many times what the last look cost. With a look of 1.5 ms a still
# session costs 2 % of a core during a tool call, and 0.5 % with none in flight, however near its limit it is.
_GROWING_COSTS = 4
_STILL_COSTS = 50
_IDLE_COSTS = 200
# The beginning of a call is when a runaway begins: so long it may cost a tenth of a core.
_BEGINNING_S = 5.0
_BEGINNING_COSTS = 10
# A cost that is measured once may be of a look that did more than look, such as starting a capture.
_COSTS_KEPT = 3
# Where a decision may be due soon, the trend needs readings.
_STARTING_S = 0.5
_OVER_LIMIT_S = 1.0
_FAR_AWAY_S = float("inf")


class PaceView:
    """What the pause follows from; the state is confirmed, `longest_s` is the settings' interval for it.

    A headroom of 0 or less is of a limit that is crossed already, and no deadline. `cost_s` is CPU time of the last
    look, `call_age_s` the time since the newest call in flight began; `is_reported` says that the kernel wakes the
    watchdog at the session's next limit.
    """

    __slots__ = (
        "call_age_s", "cost_s", "growth_bytes_per_s", "has_call", "host_headroom_bytes", "is_reported", "is_starting",
        "longest_s", "session_headroom_bytes", "state", "tool_headroom_bytes",
    )  # fmt: skip

    def __init__(self, state: str, longest_s: float) -> None:
        self.state = state
        self.longest_s = longest_s
        self.session_headroom_bytes = NO_LIMIT_BYTES
        self.tool_headroom_bytes = NO_LIMIT_BYTES
        self.host_headroom_bytes = NO_LIMIT_BYTES
        self.growth_bytes_per_s = 0.0
        self.cost_s = 0.0
        self.call_age_s = float("inf")
        self.has_call = False
        self.is_reported = False
        self.is_starting = False

    def headroom_bytes(self) -> int:
        """Bytes until the nearest limit that has to be polled for."""
        return min((size for size in self._headrooms() if size > 0), default=NO_LIMIT_BYTES)

    def bound_s(self) -> float:
        """The longest pause that the state allows."""
        if self.is_starting or self.state == EMERGENCY:
            return min(self.longest_s, _STARTING_S)
        is_over = self.state != NORMAL or min(self._headrooms()) <= 0
        return min(self.longest_s, _OVER_LIMIT_S) if is_over else self.longest_s

    def _headrooms(self) -> tuple[int, int, int]:
        session_bytes = NO_LIMIT_BYTES if self.is_reported else self.session_headroom_bytes
        return session_bytes, self.tool_headroom_bytes, self.host_headroom_bytes


class Pace:
    """Gives the pauses of one watchdog. It has no clock: what it remembers of growth fades by the pauses it gave.

    `left_s` is how long the nearest headroom lasts at the growth that was seen last, by the last view.
    """

    __slots__ = ("_costs", "_growth_bytes_per_s", "_last_s", "left_s")

    def __init__(self) -> None:
        self._costs: list[float] = []
        self._growth_bytes_per_s = 0.0
        self._last_s = 0.0
        self.left_s = _FAR_AWAY_S

    def next_s(self, view: PaceView) -> float:
        """Seconds until the next reading."""
        cost_s = self._usual_cost_s(view.cost_s)
        growth = self._remembered_growth(view.growth_bytes_per_s)
        headroom_bytes, bound_s = view.headroom_bytes(), view.bound_s()
        fill = _FILL_BYTES_PER_S if view.has_call else _IDLE_FILL_BYTES_PER_S
        pause_s = max(_still_costs(view) * cost_s, min(bound_s, headroom_bytes / fill))
        self.left_s = headroom_bytes / growth if growth > 0 else _FAR_AWAY_S
        pause_s = min(pause_s, max(_GROWING_COSTS * cost_s, self.left_s / _GROWTH_MARGIN))
        self._last_s = max(_SHORTEST_S, min(bound_s, pause_s))
        return self._last_s

    def _usual_cost_s(self, cost_s: float) -> float:
        """The middle one of the last costs."""
        self._costs = [*self._costs, max(0.0, cost_s)][-_COSTS_KEPT:]
        return sorted(self._costs)[len(self._costs) // 2]

    def _remembered_growth(self, growth: float) -> float:
        faded = self._growth_bytes_per_s * 0.5 ** (self._last_s / _GROWTH_HALF_LIFE_S)
        self._growth_bytes_per_s = max(faded, growth)
        return self._growth_bytes_per_s


def _still_costs(view: PaceView) -> int:
    if not view.has_call:
        return _IDLE_COSTS
    return _BEGINNING_COSTS if view.call_age_s < _BEGINNING_S else _STILL_COSTS
