"""A Python environment with memguard in it, where a distribution can be installed as an installer leaves it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import memguard

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


class Installation:
    """The environment; `python` runs in it."""

    def __init__(self, folder: Path) -> None:
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(folder)], check=True, timeout=60
        )
        self.python = str(folder / "bin" / "python")
        self.packages = next(folder.glob("lib/python*/site-packages"))
        paths = [str(Path(memguard.__file__).parent.parent), *(path for path in sys.path if "site-packages" in path)]
        (self.packages / "memguard.pth").write_text("\n".join(paths))

    def install(self, code: str, name: str = "brief", module: str = "sample_summariser") -> None:
        """A distribution with one entry point, as an installer leaves it."""
        (self.packages / f"{module}.py").write_text(code)
        info = self.packages / f"{module}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(METADATA.format(name=module))
        (info / "entry_points.txt").write_text(f"[memguard.summarisers]\n{name} = {module}:summarise\n")

    def clear(self) -> None:
        """Take out what was installed."""
        for info in self.packages.glob("sample_*.dist-info"):
            for file in info.iterdir():
                file.unlink()
            info.rmdir()
        for module in self.packages.glob("sample_*.py"):
            module.unlink()
