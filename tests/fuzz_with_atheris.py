"""The targets of `fuzz_targets`, guided by coverage: not part of the suite, since atheris is no dependency of it.

    pip install atheris
    python -m tests.fuzz_with_atheris "record" -max_total_time=60

Whatever is behind the tag of a chunk it can't come to by itself; the targets called forged seal their input first.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from pathlib import Path

from tests.vectors.generate import vectors


def main() -> None:
    """Feed one target until it fails or the time is over; the rest of the command line is libFuzzer's."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["memguard"]):
        from tests.fuzz_targets import TARGETS
    target = TARGETS[sys.argv.pop(1)]
    with tempfile.TemporaryDirectory() as corpus:
        _seed(Path(corpus))
        atheris.Setup([*sys.argv, corpus], target)
        atheris.Fuzz()


def _seed(corpus: Path) -> None:
    """Good beginnings: the test vectors, and a record."""
    from tests.unit.state.test_fuzz import RECORD, STARTS

    starts = {**vectors(), **STARTS, "record": json.dumps(RECORD).encode()}
    for number, data in enumerate(starts.values()):
        (corpus / str(number)).write_bytes(data)


if __name__ == "__main__":
    main()
