import pytest

from importer.delivery.throttle import CEILING, REST, START, SURE, Concurrency, Throttle


def run_round(found, seconds_each):
    """A round at the present limit, answered by a server that takes so long for each request."""
    limit = found.limit
    run_round.now += seconds_each
    for _ in range(limit):
        found.answered(run_round.now)
    run_round.now += seconds_each
    for _ in range(limit):
        found.answered(run_round.now)


run_round.now = 0.0


def test_while_more_at_once_brings_more_it_grows_by_half_to_the_ceiling():
    found, seen = Concurrency(), []
    for _ in range(6):
        seen.append(found.limit)
        run_round(found, 0.1)
    assert seen == [10, 15, 22, 33, 49, 64]
    assert found.limit == CEILING


def test_growth_that_brings_nothing_is_taken_back_and_tried_again_after_a_rest():
    found = Concurrency()

    def at_most(rate):
        run_round(found, found.limit / rate)

    at_most(100)
    assert found.limit == 15
    at_most(100)
    assert found.limit == START
    for _ in range(REST):
        at_most(100)
        assert found.limit == START
    at_most(100)
    assert found.limit == 15


def test_a_cut_halves_and_speed_comes_back_one_by_one():
    found = Concurrency()
    found.cut()
    assert found.limit == 5
    seen = []
    for _ in range(5):
        run_round(found, 0.1)
        seen.append(found.limit)
    assert seen == [6, 7, 8, 9, 10]
    run_round(found, 0.1)
    assert found.limit == START  # and rests there: this is where it was too fast


def test_cuts_never_stop_everything():
    found = Concurrency()
    for _ in range(10):
        found.cut()
    assert found.limit == 1


def test_a_pinned_concurrency_never_changes():
    found = Concurrency(3)
    run_round(found, 0.1)
    found.cut()
    assert found.limit == 3


def test_answers_of_an_instant_say_nothing_until_they_were_counted_for_a_while():
    found = Concurrency()
    run_round(found, 0.0)
    run_round(found, SURE / 5)
    assert found.limit == START
    run_round.now += SURE
    found.answered(run_round.now)
    assert found.limit > START


def test_a_server_so_near_that_more_at_once_bring_nothing_is_left_at_the_start():
    found, now, limits = Concurrency(), 0.0, []
    for number in range(200_000):
        now += 0.000_1 + 0.000_4 * (number % 7 == 0)  # uneven, as a busy machine is
        found.answered(now)
        limits.append(found.limit)
    assert sum(limit > START for limit in limits) < len(limits) / 10
    assert max(limits) <= START + START // 2


def test_at_a_tenth_of_a_second_latency_it_passes_ten_thousand_events_a_second_within_two_seconds():
    found, now, events = Concurrency(), 0.0, 0
    while now < 2.0:
        now += 0.1
        for _ in range(found.limit):
            found.answered(now)
        events = found.limit * 50
    assert events / 0.1 >= 10_000


# ── the gate ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def pacer():
    return Throttle(Concurrency(4), lambda strikes: 2.0**strikes)


def test_no_more_are_admitted_than_the_limit(pacer):
    tickets = [pacer.admit(0.0) for _ in range(5)]
    assert [t is not None for t in tickets] == [True, True, True, True, False]
    assert pacer.pause(0.0) is None  # only an answer can change that
    pacer.passed(tickets[0], 1.0)
    assert pacer.admit(1.0) is not None


def test_a_429_pauses_everybody_and_one_probe_goes_first(pacer):
    pacer.throttled(pacer.admit(0.0), 0.0, None)
    assert pacer.admit(1.9) is None
    assert pacer.pause(1.5) == 0.5
    probe = pacer.admit(2.0)
    assert probe.probe
    assert pacer.admit(2.0) is None
    assert pacer.pause(2.0) is None
    assert not pacer.open
    assert pacer.passed(probe, 2.1)
    assert pacer.open
    assert [pacer.admit(2.1) is not None for _ in range(5)] == [True] * 4 + [False]


def test_the_refusals_of_one_wave_count_once(pacer):
    tickets = [pacer.admit(0.0) for _ in range(4)]
    for ticket in tickets:
        pacer.throttled(ticket, 0.0, None)
    assert pacer.until == 2.0
    assert pacer.in_flight == 0


def test_each_failed_probe_doubles_the_pause_and_a_passed_one_starts_anew(pacer):
    pacer.throttled(pacer.admit(0.0), 0.0, None)
    pacer.throttled(pacer.admit(2.0), 2.0, None)
    assert pacer.until == 2.0 + 4.0
    pacer.throttled(pacer.admit(6.0), 6.0, None)
    assert pacer.until == 6.0 + 8.0
    pacer.passed(pacer.admit(14.0), 14.0)
    pacer.throttled(pacer.admit(20.0), 20.0, None)
    assert pacer.until == 22.0


def test_retry_after_is_the_pause_and_the_longest_of_a_wave_counts(pacer):
    tickets = [pacer.admit(0.0) for _ in range(3)]
    pacer.throttled(tickets[0], 0.0, 7.0)
    pacer.throttled(tickets[1], 0.5, 10.0)
    pacer.throttled(tickets[2], 0.6, None)
    assert pacer.until == 10.5


def test_a_late_pass_from_before_the_wave_does_not_open_the_gate(pacer):
    early, refused = pacer.admit(0.0), pacer.admit(0.0)
    pacer.throttled(refused, 0.0, None)
    assert not pacer.passed(early, 0.1)
    assert pacer.admit(0.1) is None


def test_a_probe_whose_answer_is_lost_is_followed_by_another(pacer):
    pacer.throttled(pacer.admit(0.0), 0.0, None)
    pacer.unknown(pacer.admit(2.0))
    assert not pacer.open
    assert pacer.admit(2.0).probe


def test_only_a_refusal_at_full_speed_cuts_the_concurrency():
    concurrency = Concurrency()
    pacer = Throttle(concurrency, lambda _strikes: 1.0)
    tickets = [pacer.admit(0.0) for _ in range(10)]
    for ticket in tickets:
        pacer.throttled(ticket, 0.0, None)
    assert concurrency.limit == 5
    pacer.throttled(pacer.admit(1.0), 1.0, None)  # a probe
    assert concurrency.limit == 5
