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
        if changed * 2 < self.rows and seconds <= TARGET_SECONDS:
            return  # It says little about a batch in which every row needs the change.
        last = seconds / max(changed, 1)
        known = self._seconds_per_row if self._seconds_per_row is not None else last
        self._seconds_per_row = known + (last - known) * _WEIGHT_OF_THE_LAST
        # What is slow now counts at once, what is fast only by and by.
        fitting = TARGET_SECONDS / max(self._seconds_per_row, last, 1e-9)
        # A moment in which the machine was busy otherwise does not make the rows slow.
        self.rows = min(max(int(fitting), LEAST_ROWS), int(self.rows * _GROWTH) + 1, MOST_ROWS)

    def halve(self) -> None:
        self.rows = max(1, self.rows // 2)
