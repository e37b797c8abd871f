"""How far the forecast of the time to a limit is off, beside a line through the last two readings.

    python benchmarks/bench_forecast.py [--rounds 40] [--seed N]

On generated traces (`--rounds` of each kind) and on traces recorded from the real client, each read at the pace that
the watchdog would choose, and then about twice a second. The error is |forecast - truth| / truth, at 20 moments between
30 and 95 % of the way to the limit; `never` stands for a forecast that said so.
"""

from __future__ import annotations

import random
import sys
import time

from common import parser

from memguard.guard.trend import Trend
from tests.traces import KINDS, RECORDED, Trace, generated, recorded
from tests.traces.judging import TwoPoints, errors, quantile

# The forecast is worth having where its error is a fraction of the naive one's.
LIMIT = 0.5
EVERY_S = 0.5
TIMED = 2000


def main() -> int:
    """Judge both on all traces, print."""
    arguments = parser(__doc__, 40)
    chosen = random.randrange(1 << 30)  # noqa: S311
    arguments.add_argument("--seed", type=int, default=chosen, help="of the generated traces (default: a random one)")
    options = arguments.parse_args()
    print(f"seed {options.seed}, {options.rounds} traces of each generated kind")
    named: dict[str, list[Trace]] = {
        kind: [generated(kind, options.seed + number) for number in range(options.rounds)] for kind in KINDS
    }
    named |= {f"recorded: {name}": recorded(name) for name in RECORDED}
    for every_s in (0.0, EVERY_S):
        _report(named, options.seed, every_s)
    _report_cost()
    return 0


def _report(named: dict[str, list[Trace]], seed: int, every_s: float) -> None:
    print(f"\nread {f'every {every_s} s or so' if every_s else 'at the pace of the watchdog'}")
    print(f"{'relative error':20}{'ours: median':>14}{'95 %':>8}{'two points: median':>20}{'95 %':>8}{'ratio':>8}")
    for name, traces in named.items():
        ours, naive = errors(Trend, traces, seed, every_s), errors(TwoPoints, traces, seed, every_s)
        cells = [_shown(quantile(ours, 0.5)), _shown(quantile(ours, 0.95)), _shown(quantile(naive, 0.5))]
        cells.append(_shown(quantile(naive, 0.95)))
        print(f"{name:20}{cells[0]:>14}{cells[1]:>8}{cells[2]:>20}{cells[3]:>8}{_ratio(ours, naive):8.3f}")
    everything = [trace for traces in named.values() for trace in traces]
    ratio = _ratio(errors(Trend, everything, seed, every_s), errors(TwoPoints, everything, seed, every_s))
    print(f"all traces, ours / two points: {ratio:.3f}  limit {LIMIT:g}: {'met' if ratio <= LIMIT else 'MISSED'}")


def _ratio(ours: list[float], naive: list[float]) -> float:
    """Of the medians; not a number where both said that the limit would never be reached."""
    return quantile(ours, 0.5) / quantile(naive, 0.5)


def _shown(error: float) -> str:
    return "never" if error == float("inf") else f"{error:.3f}"


def _report_cost() -> None:
    """What a reading and a forecast cost, on a full trend."""
    trend = Trend()
    begun_s = time.perf_counter()
    for number in range(TIMED):
        trend.add(number * 0.1, (100 << 20) + number * (1 << 20))
    added_s = time.perf_counter()
    for _ in range(TIMED):
        trend.seconds_until(1 << 40)
    done_s = time.perf_counter()
    added_us, forecast_us = (added_s - begun_s) / TIMED * 1e6, (done_s - added_s) / TIMED * 1e6
    print(f"\nadding a reading: {added_us:.0f} us; a forecast, made over a limit only: {forecast_us:.0f} us")


if __name__ == "__main__":
    sys.exit(main())
