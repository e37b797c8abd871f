"""What all guarded sessions of this host may hold together, in bytes."""

from collections.abc import Sequence

from memguard.config.layer import Layer
from memguard.config.model import MEGABYTE_BYTES, HostConfig

_SIZE, _PERCENT = "host.budget", "host.budget_percent"


def host_budget_bytes(layers: Sequence[Layer], capacity_bytes: int) -> int:
    """The last of `layers` that says anything counts, in it a size before a percentage; else the default's share.

    0 where nothing but a share is said, and the capacity isn't known: there is no common budget then.
    """
    for layer in reversed(layers):
        size_mb, percent = layer.values.get(_SIZE), layer.values.get(_PERCENT)
        if isinstance(size_mb, int):
            return size_mb * MEGABYTE_BYTES
        if isinstance(percent, float | int):
            return int(capacity_bytes * percent / 100)
    return int(capacity_bytes * HostConfig().budget_percent / 100)
