"""Who descends from whom."""

from memguard.host.linux_facts import scan
from memguard.host.table import Row, with_ancestors, with_descendants
from memguard.testing.fake_host import FakeHost


def table_of(fake: FakeHost) -> dict[int, Row]:
    for pid, parent_pid in {10: 1, 20: 10, 30: 20, 40: 20, 50: 1, 60: 70, 70: 60}.items():
        fake.add(pid, parent_pid, terminal=34816 if pid == 30 else 0, state="Z" if pid == 40 else "S")
    return scan(fake.root)


def test_a_scan_holds_every_process(fake: FakeHost) -> None:
    table = table_of(fake)
    assert sorted(table) == [10, 20, 30, 40, 50, 60, 70]
    assert (table[30].terminal, table[30].parent_pid, table[30].session) == (34816, 20, 30)
    assert [pid for pid, row in table.items() if row.ended] == [40]


def test_descendants_stop_where_they_are_told_to(fake: FakeHost) -> None:
    table = table_of(fake)
    assert with_descendants({10}, table) == {10, 20, 30, 40}
    assert with_descendants({10}, table, frozenset({20})) == {10}
    assert with_descendants({999}, table) == set()


def test_loops_of_parents_end(fake: FakeHost) -> None:
    table = table_of(fake)
    assert with_descendants({60}, table) == {60, 70}
    assert with_ancestors({60}, table, {60, 70}) == {60, 70}


def test_ancestors_only_within_the_family(fake: FakeHost) -> None:
    assert with_ancestors({30}, table_of(fake), {20, 30}) == {20, 30}
    assert with_ancestors({30}, scan(fake.root), {10, 30}) == {30}
