"""A test that allocates and frees before anybody can look."""

from __future__ import annotations

import pytest

from tests.faults.measured_program import MB, command, facts_of

SAYS = """
memory = watch.leave_test()
watch.end()
say(told=told, added=memory.end_bytes - memory.start_bytes, most=memory.peak_bytes - memory.start_bytes,
    over=memory.excess is not None, run=watch.run_excess is not None, peak=watch.peak_bytes - memory.start_bytes)
"""
# In the first, no other thread of Python's runs until the memory is given back.
SPIKES = ["len(b'x' * (150 * MB))", "hold(150).close()"]


@pytest.mark.parametrize("spike", SPIKES)
def test_over_its_limit_for_a_moment_is_over_its_limit(spike: str) -> None:
    [facts] = facts_of(command(f'watch.enter_test("spikes", 100 * MB)\n{spike}{SAYS}'))
    assert facts["over"]
    assert len(facts["told"]) == 1
    assert facts["most"] == pytest.approx(150 * MB, rel=0.05)
    assert facts["added"] < 5 * MB


def test_over_the_runs_limit_for_a_moment_is_over_it() -> None:
    code = 'watch._run_limit_bytes = watch.reading() + 100 * MB\nwatch.enter_test("spikes")\nhold(150).close()'
    [facts] = facts_of(command(code + SAYS))
    assert facts["run"]
    assert not facts["over"]
    assert facts["peak"] == pytest.approx(150 * MB, rel=0.05)


def test_the_second_spike_of_the_same_height_is_found_too() -> None:
    """The kernel's mark stands at the first one's."""
    code = """
watch.enter_test("first", 100 * MB)
hold(150).close()
watch.leave_test()
watch.enter_test("second", 100 * MB)
hold(140).close()
"""
    [facts] = facts_of(command(code + SAYS))
    assert facts["over"]
    assert [is_run for _, is_run, _ in facts["told"]] == [False, False]


def test_a_test_after_a_spike_is_innocent() -> None:
    code = """
watch.enter_test("spikes")
hold(150).close()
watch.leave_test()
watch.enter_test("innocent", 100 * MB)
hold(30).close()
"""
    [facts] = facts_of(command(code + SAYS))
    assert not facts["over"]
    assert facts["told"] == []
    assert facts["most"] < 40 * MB


def test_a_spike_below_the_limit_is_only_a_peak() -> None:
    [facts] = facts_of(command(f'watch.enter_test("spikes", 200 * MB)\nhold(150).close(){SAYS}'))
    assert not facts["over"]
    assert facts["most"] == pytest.approx(150 * MB, rel=0.05)
