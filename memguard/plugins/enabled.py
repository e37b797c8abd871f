"""Which plugins are to be loaded, and how: as the person's configuration was compiled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memguard.core.layout import is_plain_id


@dataclass(frozen=True, kw_only=True)
class Enabled:
    """`names` in the person's order; `options` by name."""

    names: tuple[str, ...] = ()
    timeout_s: float = 2.0
    memory_bytes: int = 512 * 1024 * 1024
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, pairs: Mapping[str, str]) -> Enabled:
        """From a compiled file's pairs. Raises ValueError where that is torn."""
        names = tuple(name for name in pairs.get("plugins", "").split() if is_plain_id(name))
        if not names:
            return cls()
        return cls(
            names=names,
            timeout_s=float(pairs["plugin_timeout_s"]),
            memory_bytes=int(pairs["plugin_memory_bytes"]),
            options=json.loads(pairs.get("plugin_options", "{}")),
        )
