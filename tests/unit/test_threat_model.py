"""The threat model names tests: each is there."""

from __future__ import annotations

import re

from tests.sandbox import ROOT

TEXT = (ROOT / "docs" / "threat-model.md").read_text()


def test_every_file_that_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:tests|benchmarks)/[^`]+\.py)`", TEXT))
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_every_test_that_it_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    written = "".join(path.read_text() for path in (ROOT / "tests").glob("**/test_*.py") if path.is_file())
    assert len(named) > 3
    assert [name for name in named if f"def {name}(" not in written] == []


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    for file, heading in re.findall(r"\]\(([a-z-]*\.?m?d?)#?([a-z-]*)\)", TEXT):
        text = (ROOT / "docs" / file).read_text() if file else TEXT
        headings = [
            re.sub(r"[^a-z -]", "", line.lower()).strip().replace(" ", "-")
            for line in text.splitlines()
            if line.startswith("#")
        ]
        assert not heading or heading in headings, (file, heading)
