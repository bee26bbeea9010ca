from tests.benchmarks.schema_changes.waits import Request, percentile, summarise


def requests(*spans):
    return [Request(due=due, noticed=due, done=done, sqlstate="") for due, done in spans]


def test_a_stall_counts_for_every_request_that_was_due_in_it_and_not_only_for_those_that_were_sent():
    stalled = [(0.1 * number, 2.0) for number in range(20)]

    waits = summarise(requests(*stalled), since=0, until=2)

    assert waits.requests == 20
    assert waits.over_1_s == 10
    assert waits.over_100_ms == 19
    assert round(waits.worst) == 2_000


def test_only_requests_that_were_under_way_at_some_moment_of_the_span_count():
    before, into, within, out_of, after = (0, 0.9), (0.5, 1.5), (1.2, 1.4), (1.9, 5.0), (2.1, 2.2)

    waits = summarise(requests(before, into, within, out_of, after), since=1, until=2)

    assert waits.requests == 3
    assert round(waits.worst) == 3_100


def test_a_span_without_requests_has_no_waits():
    assert summarise([], since=0, until=1).worst == 0


def test_a_refused_request_and_a_request_that_the_load_kept_lying_are_told():
    waits = summarise([Request(due=0, noticed=0.25, done=0.5, sqlstate="23502")], since=0, until=1)

    assert waits.failed == 1
    assert waits.own == 250


def test_a_percentile_is_a_value_that_was_found():
    ascending = list(range(1, 101))

    assert percentile(ascending, 0.99) == 99
    assert percentile(ascending, 0.5) == 50
    assert percentile(ascending, 1) == 100
    assert percentile([7], 0.01) == 7
