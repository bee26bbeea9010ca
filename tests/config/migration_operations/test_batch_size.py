from config.migration_operations.batch_size import LEAST_ROWS, MOST_ROWS, TARGET_SECONDS, BatchSize


def size_after(*batches):
    size = BatchSize()
    for share, seconds in batches:
        size.learn(changed=int(size.rows * share), seconds=seconds)
    return size.rows


class TestBatchSize:
    def test_grows_by_and_by_where_rows_are_fast(self):
        first = BatchSize().rows

        assert first < size_after((1, 0.01)) <= first * 1.5 + 1

    def test_shrinks_at_once_to_what_fits_where_they_are_slow(self):
        assert size_after((1, TARGET_SECONDS * 5)) == BatchSize().rows // 5

    def test_learns_nothing_from_a_batch_with_little_to_change(self):
        assert size_after((0, 0.0), (0.4, 0.0)) == BatchSize().rows

    def test_recovers_from_a_slow_batch_with_nothing_to_change(self):
        slow = [(0, TARGET_SECONDS * 2)] * 20

        assert size_after(*slow) == LEAST_ROWS
        assert size_after(*slow, *[(0, 0.0)] * 20) == BatchSize().rows

    def test_grows_over_rows_without_change_as_far_as_rows_with_one_would_fit(self):
        few = [(1, TARGET_SECONDS)] * 20
        fitting = size_after(*few)

        assert size_after(*few, *[(0, 0.0)] * 20) == fitting

    def test_stays_within_its_bounds(self):
        assert size_after(*[(1, 0.0)] * 50) == MOST_ROWS
        assert size_after(*[(1, 60.0)] * 50) == LEAST_ROWS

    def test_grows_again_from_a_single_row(self):
        size = BatchSize()
        while size.rows > 1:
            size.halve()

        size.learn(changed=1, seconds=60.0)

        assert size.rows == 2
