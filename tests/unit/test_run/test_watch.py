"""A watch over real memory: borders, peaks, excess, and who is told."""

import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memguard.test_run.excess import Excess
from memguard.test_run.meter import Reading
from memguard.test_run.running_test import TestMemory
from memguard.test_run.watch import Watch
from memguard.testing.waiting import wait_until

MB = 1024 * 1024
HOLDS = """
import sys
held = bytearray(int(sys.argv[1]) * 1024 * 1024)
for offset in range(0, len(held), 4096): held[offset] = 1
print("ready", flush=True)
sys.stdin.read()
"""


class Block:
    """Memory that is really held, until it is given back at once."""

    def __init__(self, size: int) -> None:
        self._map = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._map[::4096] = b"1" * len(range(0, size, 4096))

    def give_back(self) -> None:
        self._map.close()


def held_now() -> int:
    watch = Watch()
    try:
        return watch.reading()
    finally:
        watch.end()


class Told:
    """What `on_over` was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Excess, bool]] = []
        self.threads: list[int] = []

    def __call__(self, excess: Excess, is_run: bool) -> None:
        self.calls.append((excess, is_run))
        self.threads.append(threading.get_ident())


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def watching(told: Told) -> Iterator[Callable[..., Watch]]:
    """`watching(room_mb)`: a watch that has begun, with a limit for the run so much above what is held now."""
    begun: list[Watch] = []

    def begin(room_mb: int = 0) -> Watch:
        watch = Watch(held_now() + room_mb * MB if room_mb else 0, told)
        watch.begin()
        begun.append(watch)
        return watch

    yield begin
    for watch in begun:
        watch.end()


def without_thread(watch: Watch) -> Watch:
    """What is found from here on is found at the borders."""
    watch._sampler.end()
    return watch


def test_a_test_is_what_it_held_at_its_borders_and_at_its_most(watching: Callable[..., Watch]) -> None:
    watch = watching()
    watch.enter_test("a")
    before_bytes = watch.peak_bytes
    kept, spike = Block(20 * MB), Block(60 * MB)
    wait_until(lambda: watch.peak_bytes > before_bytes + 76 * MB, "a look")
    spike.give_back()
    memory = watch.leave_test()
    kept.give_back()
    assert memory.name == "a"
    assert memory.end_bytes - memory.start_bytes == pytest.approx(20 * MB, abs=MB)
    assert memory.peak_bytes - memory.start_bytes == pytest.approx(80 * MB, rel=0.05)
    assert memory.excess is None
    assert watch.peak_bytes >= memory.peak_bytes


def test_the_end_of_one_is_the_beginning_of_the_next(watching: Callable[..., Watch]) -> None:
    watch = without_thread(watching())
    memories, held = [], []
    for number in range(4):
        watch.enter_test(str(number))
        held.append(Block(5 * MB))
        memories.append(watch.leave_test())
    assert [memory.start_bytes for memory in memories[1:]] == [memory.end_bytes for memory in memories[:-1]]
    for memory in memories:
        assert memory.end_bytes - memory.start_bytes == pytest.approx(5 * MB, abs=MB)
    for block in held:
        block.give_back()


def test_many_tests_of_nothing_add_up_to_what_is_held(watching: Callable[..., Watch]) -> None:
    """Their borders aren't read in full, and each is still charged with what it took."""
    watch, held, added = without_thread(watching()), list[Block](), dict[str, int]()
    before = watch.reading()
    for number in range(400):
        watch.enter_test(str(number))
        if number % 100 == 50:
            held.append(Block(2 * MB if number == 150 else MB // 2))
        memory = watch.leave_test()
        added[memory.name] = memory.end_bytes - memory.start_bytes
    took = [name for name, size in added.items() if size > MB // 4]
    assert took == ["50", "150", "250", "350"]
    assert before + sum(added.values()) == pytest.approx(watch.reading(), abs=MB)
    for block in held:
        block.give_back()


def test_the_test_of_nothing_that_passes_the_runs_limit_is_found_at_its_border(
    watching: Callable[..., Watch], told: Told
) -> None:
    """Though none of them is read in full: each takes less than would be worth it."""
    watch, held = without_thread(watching(10)), list[Block]()
    while not told.calls and len(held) < 40:
        held.append(Block(MB // 2))
        watch.leave_test()
    [(excess, is_run)] = told.calls
    assert is_run
    assert excess.size_bytes - excess.limit_bytes < 1.5 * MB
    for block in held:
        block.give_back()


def test_a_brief_test_is_asked_twice_and_has_taken_it_once(watching: Callable[..., Watch], told: Told) -> None:
    """Where the quick way won't do, since the run's limit is passed, the other finds the same."""
    watch, held, ended = without_thread(watching(5)), list[Block](), list[Any]()
    while not told.calls and len(held) < 40:
        held.append(Block(MB // 2))
        if not watch.end_brief_test("a", ended):
            memory = watch.leave_test()
            ended += ("a", memory.start_bytes, memory.end_bytes, memory.peak_bytes)
    assert len(told.calls) == 1
    added_bytes = ended[-2] - ended[1]
    assert added_bytes == pytest.approx(len(held) * MB // 2, abs=MB // 2)
    assert ended[1::4][1:] == ended[2::4][:-1]
    for block in held:
        block.give_back()


def test_a_brief_test_that_takes_much_is_read_in_full(watching: Callable[..., Watch]) -> None:
    watch = without_thread(watching())
    read_s = watch._reading_s
    block = Block(3 * MB)
    memory = watch.leave_test()
    assert watch._reading_s > read_s
    assert memory.end_bytes - memory.start_bytes == pytest.approx(3 * MB, abs=MB // 2)
    block.give_back()


def test_near_a_limit_the_thread_looks_right_after_a_border_too(watching: Callable[..., Watch]) -> None:
    near, far = without_thread(watching(50)), without_thread(watching(900))
    for watch in (near, far):
        wait_until(lambda watch=watch: bool(watch.leave_test()) and watch._needs_no_look() is (watch is far), "it")  # type: ignore[misc]


def test_right_after_a_border_the_thread_reads_nothing(watching: Callable[..., Watch]) -> None:
    watch = without_thread(watching())
    read, plainly = list[float](), watch._meter.read

    def note() -> Reading:
        read.append(time.monotonic())
        return plainly()

    watch._meter.read = note  # type: ignore[method-assign,assignment]

    def reads_nothing() -> bool:
        count = len(read)
        watch.leave_test()
        assert watch._sample() > 0
        return len(read) == count

    wait_until(reads_nothing, "a border and a look within 5 ms")
    wait_until(lambda: watch._sample() > 0 and time.monotonic() - watch._border_s > 0.01, "a later look")
    assert max(read) > watch._border_s


def test_a_test_over_its_limit_is_told_once_by_the_thread(watching: Callable[..., Watch], told: Told) -> None:
    watch = watching()
    watch.enter_test("a", 30 * MB)
    block = Block(40 * MB)
    wait_until(lambda: bool(told.calls), "being told")
    more = Block(20 * MB)
    memory = watch.leave_test()
    block.give_back()
    more.give_back()
    [(excess, is_run)] = told.calls
    assert not is_run
    assert memory.excess == excess
    assert (excess.limit_bytes, excess.is_confirmed) == (30 * MB, True)
    assert excess.growth_bytes == excess.size_bytes - memory.start_bytes
    assert 30 * MB < excess.growth_bytes < 62 * MB
    assert excess.largest[0].pid == os.getpid()
    assert excess.largest[0].size_bytes == pytest.approx(excess.size_bytes, abs=MB)
    assert told.threads != [threading.get_ident()]
    assert watch.run_excess is None


def test_what_the_thread_did_not_see_is_found_at_the_border(watching: Callable[..., Watch], told: Told) -> None:
    watch = without_thread(watching())
    watch.enter_test("a", 30 * MB)
    block = Block(40 * MB)
    memory = watch.leave_test()
    block.give_back()
    assert memory.excess is not None
    assert memory.excess.growth_bytes == pytest.approx(40 * MB, abs=MB)
    assert told.threads == [threading.get_ident()]


def test_what_was_given_back_before_anybody_looked_is_found_by_the_mark(
    watching: Callable[..., Watch], told: Told
) -> None:
    watch = without_thread(watching())
    Block(90 * MB).give_back()  # an old mark, that would hide it
    watch.enter_test("a", 30 * MB)
    Block(50 * MB).give_back()
    memory = watch.leave_test()
    assert memory.end_bytes == pytest.approx(memory.start_bytes, abs=MB)
    assert memory.peak_bytes - memory.start_bytes == pytest.approx(50 * MB, rel=0.05)
    assert memory.excess is not None
    assert memory.excess.growth_bytes == memory.peak_bytes - memory.start_bytes
    assert len(told.calls) == 1


def test_at_its_limit_a_test_is_not_over_it(watching: Callable[..., Watch], told: Told) -> None:
    watch = without_thread(watching())
    watch.enter_test("a", 40 * MB)
    block = Block(38 * MB)
    assert watch.leave_test().excess is None
    block.give_back()
    assert told.calls == []


def test_a_test_is_not_charged_with_what_the_one_before_left(watching: Callable[..., Watch], told: Told) -> None:
    watch = without_thread(watching())
    watch.enter_test("leaves")
    block = Block(50 * MB)
    watch.leave_test()
    watch.enter_test("innocent", 20 * MB)
    assert watch.leave_test().excess is None
    block.give_back()
    assert told.calls == []


def test_a_peak_that_nobody_saw_is_known_of_a_test_without_a_limit_too(watching: Callable[..., Watch]) -> None:
    watch = without_thread(watching())
    watch.enter_test("before")
    Block(90 * MB).give_back()
    watch.leave_test()
    watch.enter_test("spikes")
    Block(150 * MB).give_back()
    memory = watch.leave_test()
    assert memory.peak_bytes - memory.start_bytes == pytest.approx(150 * MB, rel=0.05)
    assert watch.peak_bytes == memory.peak_bytes


def test_what_was_given_back_before_it_was_confirmed_was_held(watching: Callable[..., Watch], told: Told) -> None:
    watch = without_thread(watching())
    watch.enter_test("spikes", 30 * MB)
    block, confirm = Block(50 * MB), watch._meter.read_confirmed

    def give_back_first() -> Reading:
        block.give_back()
        return confirm()

    watch._meter.read_confirmed = give_back_first  # type: ignore[method-assign]  # a moment that can't be awaited
    watch._look_at(watch._number, watch._meter.read())
    assert watch._test.excess is not None
    assert watch._test.excess.growth_bytes == pytest.approx(50 * MB, abs=MB)
    assert len(told.calls) == 1


def test_what_the_thread_is_about_to_confirm_is_not_lost_at_the_border(
    watching: Callable[..., Watch], told: Told
) -> None:
    """A program that is gone by then: no mark of this process tells of it."""
    watch = without_thread(watching())
    watch.enter_test("starts", 30 * MB)
    words = [sys.executable, "-I", "-S", "-c", HOLDS, "50"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        watch._test.over = watch._meter.read()
        process.communicate()
    memory = watch.leave_test()
    assert memory.excess is not None
    assert memory.excess.growth_bytes > 50 * MB
    assert len(told.calls) == 1


@pytest.mark.parametrize("limit_mb", [0, 20])
def test_a_late_look_at_the_test_before_is_not_the_next_ones(
    watching: Callable[..., Watch], told: Told, limit_mb: int
) -> None:
    """The thread read while the one held 50 MB, and comes to note it when the next has begun."""
    watch = without_thread(watching())
    watch.enter_test("holds")
    number, block = watch._number, Block(50 * MB)
    late = watch._meter.read()
    block.give_back()
    watch.leave_test()
    watch.enter_test("innocent", limit_mb * MB)
    watch._look_at(number, late)
    memory = watch.leave_test()
    assert memory.excess is None
    assert memory.peak_bytes - memory.start_bytes < 5 * MB
    assert told.calls == []


def test_a_late_look_does_not_disturb_who_is_being_looked_at(watching: Callable[..., Watch], told: Told) -> None:
    """As above, and the border comes while the late reading is confirmed."""
    watch = without_thread(watching())
    watch.enter_test("holds")
    number, block = watch._number, Block(50 * MB)
    late = watch._meter.read()
    block.give_back()
    watch.leave_test()
    watch.enter_test("innocent", 20 * MB)
    confirm, left = watch._meter.read_confirmed, list[TestMemory]()

    def border_meanwhile() -> Reading:
        if not left:
            left.append(watch.leave_test())
        return confirm()

    watch._meter.read_confirmed = border_meanwhile  # type: ignore[method-assign]  # a moment that can't be awaited
    watch._look_at(number, late)
    assert left[0].excess is None
    assert told.calls == []


@pytest.mark.parametrize("kept_mb", [0, 50])
def test_a_late_look_counts_for_the_run_where_it_was_not_given_back(
    watching: Callable[..., Watch], told: Told, kept_mb: int
) -> None:
    watch = without_thread(watching(30))
    watch.enter_test("holds")
    number, block = watch._number, Block(50 * MB)
    late = watch._meter.read()
    if not kept_mb:
        block.give_back()
    watch._run_limit_bytes, limit_bytes = 0, watch._run_limit_bytes  # nothing is found at this border
    watch.leave_test()
    watch.enter_test("innocent")
    watch._run_limit_bytes = limit_bytes
    watch._look_at(number, late)
    assert [is_run for _, is_run in told.calls] == [True] * bool(kept_mb)
    if kept_mb:
        assert told.calls[0][0].growth_bytes < 5 * MB
        block.give_back()


def test_who_can_not_be_told_of_one_test_is_told_of_the_next(
    watching: Callable[..., Watch], told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk, on which a worker was to be told."""
    tried: list[int] = []

    def tell(excess: Excess, is_run: bool) -> None:
        tried.append(threading.get_ident())
        if len(tried) == 1:
            raise OSError(28, "No space left on device")
        told(excess, is_run)

    watch = watching()
    watch._on_over = tell
    blocks: list[Block] = []
    for name in ("first", "next"):
        count = len(tried)
        watch.enter_test(name, 20 * MB)
        blocks.append(Block(30 * MB))
        wait_until(lambda count=count: len(tried) > count, "being told")  # type: ignore[misc]
        wait_until(lambda: not watch._test.is_held, "the border being free again")
        assert watch.leave_test().excess is not None
    watch.end()
    for block in blocks:
        block.give_back()
    assert threading.get_ident() not in tried
    assert len(told.calls) == 1
    assert "OSError: [Errno 28] No space left on device" in capsys.readouterr().err


def test_shares_that_can_not_be_asked_for_leave_the_border_free(watching: Callable[..., Watch]) -> None:
    watch = without_thread(watching())
    watch.enter_test("a", 20 * MB)
    block, confirm = Block(30 * MB), watch._meter.read_confirmed

    def refuse() -> Reading:
        raise OSError(24, "Too many open files")

    watch._meter.read_confirmed = refuse  # type: ignore[method-assign]  # a moment that can't be awaited
    with pytest.raises(OSError, match="Too many"):
        watch._look_at(watch._number, watch._meter.read())
    assert not watch._test.is_held
    watch._meter.read_confirmed = confirm  # type: ignore[method-assign]
    assert watch.leave_test().excess is not None
    block.give_back()


def test_who_can_not_be_told_at_the_border_leaves_it_free(watching: Callable[..., Watch]) -> None:
    def refuse(_excess: Excess, _is_run: bool) -> None:
        raise OSError(28, "No space left on device")

    watch = without_thread(watching())
    watch._on_over = refuse
    watch.enter_test("spikes", 30 * MB)
    test = watch._test
    Block(50 * MB).give_back()
    with pytest.raises(OSError, match="No space"):
        watch.leave_test()
    assert not test.is_held


def test_over_the_runs_limit_is_told_once_also_between_tests(watching: Callable[..., Watch], told: Told) -> None:
    watch = watching(30)
    block = Block(40 * MB)
    wait_until(lambda: bool(told.calls), "being told")
    watch.enter_test("a")
    more = Block(20 * MB)
    assert watch.leave_test().excess is None
    block.give_back()
    more.give_back()
    [(excess, is_run)] = told.calls
    assert is_run
    assert watch.run_excess == excess
    assert excess.size_bytes > excess.limit_bytes
    assert watch.peak_bytes > excess.size_bytes


def test_the_test_in_which_the_run_went_over_is_told_its_own_growth(watching: Callable[..., Watch], told: Told) -> None:
    watch = without_thread(watching(30))
    watch.enter_test("leaves")
    before = Block(25 * MB)
    watch.leave_test()
    watch.enter_test("is the last")
    last = Block(10 * MB)
    watch.leave_test()
    before.give_back()
    last.give_back()
    [(excess, is_run)] = told.calls
    assert is_run
    assert excess.growth_bytes == pytest.approx(10 * MB, abs=MB)


def test_both_limits_at_once_are_both_told(watching: Callable[..., Watch], told: Told) -> None:
    watch = without_thread(watching(30))
    watch.enter_test("a", 20 * MB)
    block = Block(40 * MB)
    watch.leave_test()
    block.give_back()
    assert [is_run for _, is_run in told.calls] == [False, True]


def test_a_process_that_a_test_started_counts_and_is_named(watching: Callable[..., Watch], told: Told) -> None:
    watch = watching()
    watch.enter_test("a", 30 * MB)
    words = [sys.executable, "-I", "-S", "-c", HOLDS, "50"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        wait_until(lambda: bool(told.calls), "being told")
        assert process.stdin is not None
        process.stdin.close()
    memory = watch.leave_test()
    assert memory.excess is not None
    named = {each.pid: each for each in memory.excess.largest}
    assert named[process.pid].size_bytes > 20 * MB
    assert named[process.pid].name.startswith("python")
    assert sum(each.size_bytes for each in named.values()) == pytest.approx(memory.excess.size_bytes, abs=MB)
    assert memory.end_bytes - memory.start_bytes < 5 * MB


def test_forks_that_share_what_was_there_are_no_excess(watching: Callable[..., Watch], told: Told) -> None:
    block, watch = Block(80 * MB), watching()
    watch.enter_test("forks", 40 * MB)
    reader, writer = os.pipe()
    pids = [_fork_until_closed(reader, writer) for _ in range(3)]
    wait_until(lambda: len(watch._meter._others.sizes) == 3, "a look")
    os.close(writer)
    os.close(reader)
    for pid in pids:
        os.waitpid(pid, 0)
    memory = watch.leave_test()
    block.give_back()
    assert memory.excess is None
    assert told.calls == []
    assert memory.peak_bytes - memory.start_bytes < 30 * MB


def _fork_until_closed(reader: int, writer: int) -> int:
    pid = os.fork()
    if not pid:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    return pid


def test_a_border_waits_for_who_is_being_told(watching: Callable[..., Watch]) -> None:
    """So that an interruption never hits the next test."""
    order: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def tell(_excess: Excess, _is_run: bool) -> None:
        order.append("telling")
        begun.set()
        go_on.wait(10)
        order.append("told")

    watch = watching()
    watch._on_over = tell
    watch.enter_test("a", 10 * MB)
    block = Block(20 * MB)
    assert begun.wait(20)
    threading.Timer(0.05, go_on.set).start()
    watch.leave_test()
    order.append("left")
    block.give_back()
    assert order == ["telling", "told", "left"]


def test_a_border_in_no_time_waits_for_who_is_being_told(watching: Callable[..., Watch], told: Told) -> None:
    """A late look at the test before takes the run over its limit, in a test that is hardly there."""
    watch = without_thread(watching(30))
    number, block = watch._number, Block(50 * MB)
    late = watch._meter.read()
    watch._run_limit_bytes, limit_bytes = 0, watch._run_limit_bytes  # nothing is found at these borders
    watch.leave_test()
    watch._run_limit_bytes = limit_bytes
    order: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def tell(_excess: Excess, _is_run: bool) -> None:
        begun.set()
        go_on.wait(10)
        order.append("told")

    watch._on_over = tell
    thread = threading.Thread(target=watch._look_at, args=(number, late))
    thread.start()
    assert begun.wait(20)
    watch.enter_test("brief")
    threading.Timer(0.05, go_on.set).start()
    watch.leave_test()
    order.append("left")
    thread.join()
    block.give_back()
    assert order == ["told", "left"]
    assert told.calls == []


def test_the_end_can_be_repeated_and_leaves_nothing(watching: Callable[..., Watch]) -> None:
    before = sorted(os.listdir("/proc/self/fd")), dict(os.environ), threading.active_count()
    watch = watching(1000)
    watch.end()
    watch.end()
    assert (sorted(os.listdir("/proc/self/fd")), dict(os.environ), threading.active_count()) == before


def test_a_watch_that_has_not_begun_can_end() -> None:
    Watch().end()


def test_it_can_be_asked_before_and_after() -> None:
    watch = Watch()
    assert watch.reading() > MB
    watch.begin()
    watch.end()
    assert watch.reading() > MB
    watch.end()


def test_a_child_that_goes_on_with_the_tests_measures_and_tells_nothing(
    watching: Callable[..., Watch], told: Told
) -> None:
    watch = watching()
    watch.enter_test("forks", 10 * MB)
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            block = Block(30 * MB)
            memory = watch.leave_test()
            watch.enter_test("next", 1)
            watch.leave_test()
            watch.end()
            block.give_back()
            os.write(writer, b"%d %s %d" % (len(told.calls), memory.name.encode(), memory.excess is not None))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reader, 99) == b"0 forks 0"
    os.close(reader)
    os.close(writer)
    assert watch.leave_test().name == "forks"


def test_a_faked_clock_does_not_stop_it(watching: Callable[..., Watch], monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watching()
    for name in ("monotonic", "thread_time", "time", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: 0.0)
    watch.enter_test("a")
    block = Block(30 * MB)
    memory = watch.leave_test()
    monkeypatch.undo()
    block.give_back()
    assert memory.peak_bytes - memory.start_bytes == pytest.approx(30 * MB, abs=MB)


def test_signals_go_where_they_went_before(watching: Callable[..., Watch]) -> None:
    got: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda _number, _frame: got.append(threading.get_ident()))
    try:
        watch = watching()
        watch.enter_test("a")
        os.kill(os.getpid(), signal.SIGUSR1)
        wait_until(lambda: bool(got), "the signal")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert got == [threading.get_ident()]


def test_a_mapped_file_is_no_growth(watching: Callable[..., Watch], told: Told, tmp_path: Path) -> None:
    path = tmp_path / "mapped"
    with path.open("wb") as made:
        os.posix_fallocate(made.fileno(), 0, 60 * MB)
    watch = without_thread(watching())
    watch.enter_test("maps", 20 * MB)
    with path.open("rb") as file:
        block = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    assert not any(block[::4096])
    memory = watch.leave_test()
    block.close()
    assert memory.excess is None
    assert told.calls == []
