"""How many rows fit into one batch, learnt from the batches before."""

# A writer may wait for a whole batch, and nobody shall wait for 100 ms.
TARGET_SECONDS = 0.05
FIRST_ROWS = 500
LEAST_ROWS, MOST_ROWS = 20, 10_000
_WEIGHT_OF_THE_LAST = 0.4
_GROWTH = 1.5


class BatchSize:
    def __init__(self) -> None:
        self.rows = FIRST_ROWS
        self._seconds_per_row: float | None = None

    def learn(self, *, changed: int, seconds: float) -> None:
        """Take into account that a batch changed so many of `rows` rows, in so much time."""
        if changed * 2 < self.rows:
            self._follow_pace(seconds)  # It says little about a batch in which every row needs the change.
            return
        last = seconds / max(changed, 1)
        known = self._seconds_per_row if self._seconds_per_row is not None else last
        self._seconds_per_row = known + (last - known) * _WEIGHT_OF_THE_LAST
        # What is slow now counts at once, what is fast only by and by.
        fitting = TARGET_SECONDS / max(self._seconds_per_row, last, 1e-9)
        # A moment in which the machine was busy otherwise does not make the rows slow.
        self.rows = min(max(int(fitting), LEAST_ROWS), int(self.rows * _GROWTH) + 1, MOST_ROWS)

    def _follow_pace(self, seconds: float) -> None:
        """Grow only as far as a batch full of changes would still be short."""
        if seconds > TARGET_SECONDS:
            self.rows = min(self.rows, max(LEAST_ROWS, self.rows // 2))
            return
        known = self._seconds_per_row
        most = FIRST_ROWS if known is None else int(TARGET_SECONDS / max(known, 1e-9))
        self.rows = max(self.rows, min(int(self.rows * _GROWTH) + 1, most, MOST_ROWS))

    def halve(self) -> None:
        self.rows = max(1, self.rows // 2)
