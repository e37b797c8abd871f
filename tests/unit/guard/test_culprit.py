"""Which part goes, where the whole is over a limit."""

import random

import pytest

from memguard.core.identity import ProcessId
from memguard.core.part import CLIENT, HOOK, MCP, OTHER, TOOL, Part
from memguard.core.reading import ProcessReading
from memguard.guard.culprit import culprit

LIMIT = 1000


def part(kind: str, rate: float = 0.0, pid: int = 7) -> Part:
    made = Part(kind, kind, ProcessId(pid, 1, "boot", "1"), [])
    made.rate_bytes_per_s = rate
    return made


def test_without_parts_nobody_is_to_blame() -> None:
    assert culprit([], [], LIMIT) is None


def test_the_part_without_which_the_rest_is_below_the_limit_goes() -> None:
    client, small, large = part(CLIENT), part(TOOL), part(MCP)
    assert culprit([client, small, large], [500, 100, 700], LIMIT) is large


def test_a_part_whose_end_leaves_the_rest_at_the_limit_is_not_enough() -> None:
    client, tool = part(CLIENT), part(TOOL, rate=1.0)
    assert culprit([client, tool], [LIMIT, 500], LIMIT) is client, "a footprint at a limit is in its state already"
    assert culprit([client, tool], [LIMIT - 1, 500], LIMIT) is tool


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_that_would_do_the_fastest_growing_goes_though_it_is_smaller(order: int) -> None:
    growing, still = part(TOOL, rate=9.0), part(MCP, rate=1.0)
    sized = [(growing, 600), (still, 900)][::order]
    assert culprit([p for p, _ in sized], [size for _, size in sized], LIMIT) is growing


@pytest.mark.parametrize("order", [1, -1])
def test_of_equally_fast_ones_the_largest_goes(order: int) -> None:
    small, large = part(TOOL), part(MCP)
    sized = [(small, 600), (large, 900)][::order]
    assert culprit([p for p, _ in sized], [size for _, size in sized], LIMIT) is large


def test_growth_alone_is_no_guilt() -> None:
    """The fastest growing part is spared where its end wouldn't help."""
    client, growing, large = part(CLIENT), part(TOOL, rate=1e9), part(MCP)
    assert culprit([client, growing, large], [100, 50, 1500], LIMIT) is large


def test_where_none_alone_is_enough_the_client_goes_and_takes_them_all_with_it() -> None:
    client = part(CLIENT)
    parts = [part(TOOL), client, part(HOOK), part(OTHER)]
    assert culprit(parts, [900, 100, 900, 900], LIMIT) is client


def test_where_none_is_enough_and_there_is_no_client_nobody_goes() -> None:
    assert culprit([part(TOOL), part(TOOL)], [2000, 2000], LIMIT) is None


def test_the_client_itself_is_the_culprit_where_it_is_what_grew() -> None:
    client = part(CLIENT, rate=5.0)
    assert culprit([client, part(TOOL)], [1500, 100], LIMIT) is client


def test_sizes_are_those_that_were_confirmed_and_not_the_sums() -> None:
    """Shared memory counts once in what PSS confirmed: a part's own sum isn't asked."""
    shared = part(TOOL)
    shared.processes = [ProcessReading(pid, 1, 1, 5000) for pid in (1, 2, 3)]
    other = part(MCP)
    assert culprit([shared, other], [300, 900], LIMIT) is other


def test_each_part_has_a_size() -> None:
    with pytest.raises(ValueError, match="zip"):
        culprit([part(TOOL)], [], LIMIT)


def test_whoever_goes_the_rest_is_below_the_limit_or_nobody_could_have_done_it() -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201  says how to repeat it
    generator = random.Random(seed)
    for _ in range(500):
        parts = [part(CLIENT)] + [part(TOOL, generator.random()) for _ in range(generator.randrange(6))]
        sizes = [generator.randrange(1500) for _ in parts]
        found = culprit(parts, sizes, LIMIT)
        assert found is not None
        rest = sum(sizes) - sizes[parts.index(found)]
        assert rest < LIMIT or all(sum(sizes) - size >= LIMIT for size in sizes)
