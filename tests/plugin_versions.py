"""Runs the plugin's own suite on the oldest and the newest pytest that it supports, with and without xdist.

    python tests/plugin_versions.py                      the range that docs/pytest.md declares
    python tests/plugin_versions.py 7.4.4 8.0.2+3.5.0    these versions of pytest, this one with that version of xdist

Each runs in a fresh virtual environment in a temporary folder, into which memguard is installed as a user would; what
is needed is downloaded. Without xdist the tests of xdist are left out, and nothing is skipped. It takes some minutes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# What docs/pytest.md declares: the oldest that the suite passes on, each with the oldest xdist for it, and the newest.
OLDEST = "7.0.0+3.6.0"
NEWEST = "latest+latest"
_SUITE = (
    "tests/plugin",
    "tests/unit/test_run/test_asked.py",
    "tests/unit/test_run/test_interruption.py",
    "tests/unit/test_run/test_stack.py",
)
_INI = "[pytest]\naddopts = -ra --strict-markers\nfilterwarnings =\n    error::pytest.PytestWarning\n"
_TIMEOUT_S = 1200


class Combination:
    """A pytest, and an xdist or none."""

    def __init__(self, pytest_version: str, xdist_version: str) -> None:
        self.packages = [_requirement("pytest", pytest_version)]
        self.ignored: list[str] = []
        if xdist_version:
            self.packages.append(_requirement("pytest-xdist", xdist_version))
        else:
            self.ignored = ["--ignore=tests/plugin/test_xdist.py"]

    def run(self, folder: Path) -> tuple[str, str]:
        """What was installed, and the last line that pytest said."""
        python = str(folder / "bin" / "python")
        venv.create(folder, with_pip=True)
        _call(python, "-m", "pip", "install", "--quiet", str(REPOSITORY), *self.packages)
        ini = folder / "pytest.ini"
        ini.write_text(_INI)
        words = (python, "-m", "pytest", "-q", "-c", str(ini), f"--rootdir={REPOSITORY}", "-p", "no:cacheprovider")
        done = subprocess.run(
            [*words, *self.ignored, *_SUITE],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            sys.stderr.write(done.stdout + done.stderr)
        return _installed(python), done.stdout.strip().rpartition("\n")[2]


def _requirement(name: str, version: str) -> str:
    return name if version == "latest" else f"{name}=={version}"


def _installed(python: str) -> str:
    listed = _call(python, "-m", "pip", "list", "--format=freeze")
    return " ".join(line for line in listed.split() if line.startswith(("pytest==", "pytest-xdist==", "pluggy==")))


def _call(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True).stdout


def main() -> int:
    """Run each combination, print what came of it, and fail where one did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", default=[OLDEST, NEWEST], metavar="PYTEST[+XDIST]")
    is_good = True
    for version in parser.parse_args().versions:
        pytest_version, _, xdist_version = version.partition("+")
        for combination in (Combination(pytest_version, ""), Combination(pytest_version, xdist_version or "latest")):
            with tempfile.TemporaryDirectory(prefix="memguard-versions-") as folder:
                installed, said = combination.run(Path(folder))
            is_good = is_good and " failed" not in said and " error" not in said and " passed" in said
            sys.stdout.write(f"{installed}: {said}\n")
            sys.stdout.flush()
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
