"""Installs the peers into one folder, from where their users get them: npm, PyPI, Debian. Nothing else is touched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PYPI = ("superlance", "supervisor", "circus")


class Installed:
    """Where the peers' programs are; `missing` says why one is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.missing: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._install("pm2", self.pm2, self._npm)
        self._install("superlance and circus", self.python / "circusd", self._pypi)
        self._install("earlyoom", self.earlyoom, self._debian)

    @property
    def pm2(self) -> Path:
        """pm2's command."""
        return self.folder / "node" / "node_modules" / ".bin" / "pm2"

    @property
    def python(self) -> Path:
        """The folder of supervisord, memmon and circusd."""
        return self.folder / "py" / "bin"

    @property
    def earlyoom(self) -> Path:
        """The program."""
        return self.folder / "debian" / "usr" / "bin" / "earlyoom"

    def _install(self, name: str, program: Path, install: Callable[[], None]) -> None:
        if program.exists():
            return
        try:
            install()
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            self.missing[name] = said.strip().splitlines()[-1] if said.strip() else "not installed"

    def _npm(self) -> None:
        folder = self.folder / "node"
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        _run("npm", "install", "--prefix", str(folder), "--no-fund", "--no-audit", "--loglevel=error", "pm2")

    def _pypi(self) -> None:
        _run(sys.executable, "-m", "venv", str(self.folder / "py"))
        _run(str(self.python / "python"), "-m", "pip", "install", "--quiet", *PYPI)

    def _debian(self) -> None:
        folder = self.folder / "debian"
        folder.mkdir(exist_ok=True)
        _run("apt-get", "download", "--quiet", "earlyoom", cwd=folder)
        package = next(folder.glob("earlyoom_*.deb"))
        _run("dpkg-deb", "--extract", str(package), str(folder))


def _run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=300)
