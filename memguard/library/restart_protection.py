"""The restart protection of a program's guardian: the engine's, on the record that all guards of this host share."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from memguard.config import dirs
from memguard.core.layout import PROTECTION, private_dir
from memguard.guard import protection
from memguard.guard.moment import Moment, now
from memguard.library.guardian_config import RestartPolicy


class RestartProtection(protection.RestartProtection):
    """Attempt limit, window, back-off and circuit breaker, on disk: a program that crashes begins with no new ones.

    `name` says whose attempts they are (default: those of the working directory). `path` is the record's file
    (default: memguard's own, in which the host's limit counts). `clock` is a parameter for tests.
    """

    def __init__(
        self, config: RestartPolicy, *, name: str = "", path: str | None = None, clock: Callable[[], Moment] = now
    ) -> None:
        digest = hashlib.blake2b((name or os.getcwd()).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        path = os.path.abspath(path) if path else f"{dirs.state_dir()}/{PROTECTION}"
        if not os.path.isdir(os.path.dirname(path)):
            private_dir(os.path.dirname(path))
        super().__init__(path, f"library-{digest}", config.limits(), clock)
        self.config = config
