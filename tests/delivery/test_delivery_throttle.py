import pytest

from importer.delivery.throttle import (
    INITIAL_LIMIT,
    MAX_LIMIT,
    MIN_MEASURED_SECONDS,
    ROUNDS_BETWEEN_TRIALS,
    ConcurrencyLimit,
    Throttle,
)


def run_round(concurrency, seconds_each):
    """Run a round at the present limit; the server takes ``seconds_each`` for each request."""
    limit = concurrency.limit
    run_round.now += seconds_each
    for _ in range(limit):
        concurrency.answered(run_round.now)
    run_round.now += seconds_each
    for _ in range(limit):
        concurrency.answered(run_round.now)


run_round.now = 0.0


def test_while_throughput_rises_the_limit_grows_by_half_up_to_its_maximum():
    concurrency, seen = ConcurrencyLimit(), []
    for _ in range(6):
        seen.append(concurrency.limit)
        run_round(concurrency, 0.1)
    assert seen == [10, 15, 22, 33, 49, 64]
    assert concurrency.limit == MAX_LIMIT


def test_a_higher_limit_without_a_gain_is_undone_and_tried_again_some_rounds_later():
    concurrency = ConcurrencyLimit()

    def answer_at(rate):
        run_round(concurrency, concurrency.limit / rate)

    answer_at(100)
    assert concurrency.limit == 15
    answer_at(100)
    assert concurrency.limit == INITIAL_LIMIT
    for _ in range(ROUNDS_BETWEEN_TRIALS):
        answer_at(100)
        assert concurrency.limit == INITIAL_LIMIT
    answer_at(100)
    assert concurrency.limit == 15


def test_a_429_halves_the_limit_and_it_comes_back_one_by_one():
    concurrency = ConcurrencyLimit()
    concurrency.halve()
    assert concurrency.limit == 5
    seen = []
    for _ in range(5):
        run_round(concurrency, 0.1)
        seen.append(concurrency.limit)
    assert seen == [6, 7, 8, 9, 10]
    run_round(concurrency, 0.1)
    assert concurrency.limit == INITIAL_LIMIT  # it stays there for some rounds: this limit was too high


def test_the_limit_is_never_below_one():
    concurrency = ConcurrencyLimit()
    for _ in range(10):
        concurrency.halve()
    assert concurrency.limit == 1


def test_a_fixed_concurrency_never_changes():
    concurrency = ConcurrencyLimit(3)
    run_round(concurrency, 0.1)
    concurrency.halve()
    assert concurrency.limit == 3


def test_throughput_is_not_computed_over_too_short_a_time():
    concurrency = ConcurrencyLimit()
    run_round(concurrency, 0.0)
    run_round(concurrency, MIN_MEASURED_SECONDS / 5)
    assert concurrency.limit == INITIAL_LIMIT
    run_round.now += MIN_MEASURED_SECONDS
    concurrency.answered(run_round.now)
    assert concurrency.limit > INITIAL_LIMIT


def test_a_server_without_latency_keeps_the_initial_limit():
    concurrency, now, limits = ConcurrencyLimit(), 0.0, []
    for number in range(200_000):
        now += 0.000_1 + 0.000_4 * (number % 7 == 0)  # uneven, as a busy machine is
        concurrency.answered(now)
        limits.append(concurrency.limit)
    assert sum(limit > INITIAL_LIMIT for limit in limits) < len(limits) / 10
    assert max(limits) <= INITIAL_LIMIT + INITIAL_LIMIT // 2


def test_with_100_ms_of_latency_it_exceeds_10000_events_a_second_within_two_seconds():
    concurrency, now, events = ConcurrencyLimit(), 0.0, 0
    while now < 2.0:
        now += 0.1
        for _ in range(concurrency.limit):
            concurrency.answered(now)
        events = concurrency.limit * 50
    assert events / 0.1 >= 10_000


# ── pauses ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def throttle():
    return Throttle(ConcurrencyLimit(4), lambda refusals: 2.0**refusals)


def test_no_more_are_admitted_than_the_limit(throttle):
    tickets = [throttle.admit(0.0) for _ in range(5)]
    assert [t is not None for t in tickets] == [True, True, True, True, False]
    assert throttle.seconds_to_probe(0.0) is None  # only an answer can change that
    throttle.passed(tickets[0], 1.0)
    assert throttle.admit(1.0) is not None


def test_a_429_pauses_all_senders_and_one_probe_goes_first(throttle):
    throttle.throttled(throttle.admit(0.0), 0.0, None)
    assert throttle.admit(1.9) is None
    assert throttle.seconds_to_probe(1.5) == 0.5
    probe = throttle.admit(2.0)
    assert probe.probe
    assert throttle.admit(2.0) is None
    assert throttle.seconds_to_probe(2.0) is None
    assert throttle.paused
    assert throttle.passed(probe, 2.1)
    assert not throttle.paused
    assert [throttle.admit(2.1) is not None for _ in range(5)] == [True] * 4 + [False]


def test_refusals_of_requests_sent_before_the_pause_count_once(throttle):
    tickets = [throttle.admit(0.0) for _ in range(4)]
    for ticket in tickets:
        throttle.throttled(ticket, 0.0, None)
    assert throttle.until == 2.0
    assert throttle.in_flight == 0


def test_each_failed_probe_doubles_the_pause_and_a_successful_one_resets_it(throttle):
    throttle.throttled(throttle.admit(0.0), 0.0, None)
    throttle.throttled(throttle.admit(2.0), 2.0, None)
    assert throttle.until == 2.0 + 4.0
    throttle.throttled(throttle.admit(6.0), 6.0, None)
    assert throttle.until == 6.0 + 8.0
    throttle.passed(throttle.admit(14.0), 14.0)
    throttle.throttled(throttle.admit(20.0), 20.0, None)
    assert throttle.until == 22.0


def test_retry_after_sets_the_pause_and_the_longest_one_counts(throttle):
    tickets = [throttle.admit(0.0) for _ in range(3)]
    throttle.throttled(tickets[0], 0.0, 7.0)
    throttle.throttled(tickets[1], 0.5, 10.0)
    throttle.throttled(tickets[2], 0.6, None)
    assert throttle.until == 10.5


def test_a_late_answer_to_a_request_sent_before_the_pause_does_not_end_it(throttle):
    early, refused = throttle.admit(0.0), throttle.admit(0.0)
    throttle.throttled(refused, 0.0, None)
    assert not throttle.passed(early, 0.1)
    assert throttle.admit(0.1) is None


def test_a_probe_whose_answer_is_lost_is_followed_by_another_probe(throttle):
    throttle.throttled(throttle.admit(0.0), 0.0, None)
    throttle.lost(throttle.admit(2.0))
    assert throttle.paused
    assert throttle.admit(2.0).probe


def test_a_refused_probe_leaves_the_concurrency_as_it_is():
    concurrency = ConcurrencyLimit()
    throttle = Throttle(concurrency, lambda _refusals: 1.0)
    tickets = [throttle.admit(0.0) for _ in range(10)]
    for ticket in tickets:
        throttle.throttled(ticket, 0.0, None)
    assert concurrency.limit == 5
    throttle.throttled(throttle.admit(1.0), 1.0, None)  # a probe
    assert concurrency.limit == 5
