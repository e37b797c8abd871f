"""The same figures as properties of the test suite in pytest's junit file."""

import pytest

from memguard.test_run.account import Account

_NAMED = 5


def add_properties(config: pytest.Config, account: Account) -> None:
    """Add them where a junit file is to be written; before pytest writes it.

    pytest's fixture for properties of the suite can't be used: with xdist, no fixture exists where the file is written.
    """
    from _pytest.junitxml import xml_key

    xml = config.stash.get(xml_key, None)
    if xml is not None:
        for name, value in properties(account):
            xml.add_global_property(f"memguard.{name}", str(value))


def properties(account: Account) -> list[tuple[str, str | int]]:
    """Names and values; sizes in bytes."""
    found: list[tuple[str, str | int]] = [("peak_bytes", account.peak_bytes)]
    if account.asked.limit_bytes:
        found += [("limit_bytes", account.asked.limit_bytes), ("limit_from", account.asked.origin)]
    slope = account.ledger.growth_per_hundred_bytes()
    if slope is not None:
        found.append(("growth_per_hundred_tests_bytes", round(slope)))
    for place, group in enumerate(account.groups()[:_NAMED], start=1):
        found.append((f"kept.{place}", f"{group.kept_bytes} {group.name}"))
    found += [("over_limit", verdict.test) for verdict in account.over]
    if account.stopped:
        found += [("stopped_bytes", account.stopped.size_bytes), ("stopped_in", account.stopped.test)]
    return found
