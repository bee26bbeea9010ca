"""How long to wait for others: as long as something comes forward, and a bounded time where nothing does."""

import time

from config.migration_operations.surroundings import Surroundings

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0


class Waiting:
    def __init__(self, given: Surroundings) -> None:
        self._given = given
        self.renew()

    def renew(self) -> None:
        """Something has come forward."""
        self._until = time.monotonic() + self._given.patience_seconds
        self._pause = _FIRST_PAUSE_SECONDS

    def wait(self) -> bool:
        """Pause, each time longer, and return True; return False where patience has ended."""
        if time.monotonic() >= self._until:
            return False
        self._given.pause(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
        return True
