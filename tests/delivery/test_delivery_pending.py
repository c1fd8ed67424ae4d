import pytest
from delivery_helpers import CREDENTIALS, IMPORT, NOW, TRACK, batch, batch_of, event, numbers, settings

from importer.delivery.bodies import overhead, token_array, token_suffix
from importer.delivery.pending import DeliveryState, PendingBatch
from importer.delivery.replies import Lost, Refused, Settled, Throttled, TooLarge, Unexplained
from importer.errors import DeliveryError, RefusedError
from importer.mixpanel.limits import TRACK_ACCEPTED_AGE_MS
from importer.model import Batch, Status, Verdict


def common(destination=IMPORT, **changes):
    return DeliveryState(
        destination, CREDENTIALS, settings(**changes), lambda: 0.5, overhead(destination, CREDENTIALS)
    )


def drive(job, known, server):
    """Let a server (events' numbers → answer) answer until the batch is done; all requests."""
    requests = []
    while not job.done:
        sent = numbers([e.body for e in job.request(known, NOW)])
        if not sent:
            break
        requests.append(sent)
        job.answer(server(sent), known)
    return requests


def imported(count):
    return Settled([Verdict(Status.IMPORTED, 200)] * count)


def statuses(job):
    return [verdict.status for verdict in job.delivered().verdicts]


def blames(*bad):
    """A server that refuses every request that holds a bad event, without saying which."""
    return lambda sent: Unexplained(400, "no") if set(sent) & set(bad) else imported(len(sent))


def test_a_batch_without_events_is_done():
    assert PendingBatch(0, Batch([], [], [])).done


def test_a_taken_batch_is_one_request():
    job = PendingBatch(0, batch(0, 1, 2))
    assert drive(job, common(), lambda sent: imported(len(sent))) == [[0, 1, 2]]
    assert statuses(job) == [Status.IMPORTED] * 3


# ── 400 without a word ───────────────────────────────────────────────────────────────────────────


def test_one_bad_event_is_rejected_alone_in_few_requests():
    job = PendingBatch(0, batch(*range(64)))
    requests = drive(job, common(), blames(37))
    assert statuses(job) == [Status.REJECTED if i == 37 else Status.IMPORTED for i in range(64)]
    assert len(requests) == 1 + 2 * 6
    assert job.delivered().verdicts[37] == Verdict(Status.REJECTED, 400, "no")


def test_halves_are_sent_in_the_order_of_the_file():
    job = PendingBatch(0, batch(0, 1, 2, 3))
    assert drive(job, common(), blames(2)) == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]


def test_a_first_halved_batch_that_is_refused_whole_stops_the_run():
    job = PendingBatch(0, batch(0, 1, 2))
    with pytest.raises(RefusedError, match="refuses every event") as caught:
        drive(job, common(), blames(0, 1, 2))
    assert "proxy" in caught.value.remedy
    assert not job.done


def test_once_a_halved_batch_was_taken_in_part_later_ones_may_be_refused_whole():
    known = common()
    drive(PendingBatch(0, batch(0, 1)), known, blames(0))
    job = PendingBatch(1, batch(2, 3))
    drive(job, known, blames(2, 3))
    assert statuses(job) == [Status.REJECTED] * 2


def test_different_words_for_each_event_are_not_those_of_a_proxy():
    job = PendingBatch(0, batch(0, 1))
    drive(job, common(), lambda sent: Unexplained(400, f"bad: {sent}"))
    assert [v.error for v in job.delivered().verdicts] == ["bad: [0]", "bad: [1]"]


def test_a_single_event_that_is_refused_is_rejected():
    job = PendingBatch(0, batch(0))
    drive(job, common(), blames(0))
    assert statuses(job) == [Status.REJECTED]


def test_the_zero_of_track_rejects_every_event_by_itself():
    job = PendingBatch(0, batch(0, 1))
    drive(job, common(TRACK), lambda _: Unexplained(200, "Mixpanel returned error: 0", own=True))
    assert statuses(job) == [Status.REJECTED] * 2


# ── 413 ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_that_is_too_large_is_halved():
    job = PendingBatch(0, batch(*range(8)))
    requests = drive(
        job, common(), lambda sent: TooLarge(413, "big", None) if len(sent) > 3 else imported(len(sent))
    )
    assert requests == [[*range(8)], [0, 1, 2, 3], [0, 1], [2, 3], [4, 5, 6, 7], [4, 5], [6, 7]]
    assert statuses(job) == [Status.IMPORTED] * 8


def test_an_event_that_is_too_large_by_itself_is_rejected():
    job = PendingBatch(0, batch(0, 1))
    drive(job, common(), lambda sent: TooLarge(413, "big", None) if 1 in sent else imported(1))
    assert statuses(job) == [Status.IMPORTED, Status.REJECTED]


def test_the_limit_that_a_413_names_bounds_later_requests():
    known = common()
    size = len(event(0).body)
    drive(
        PendingBatch(0, batch(0, 1, 2, 3)),
        known,
        lambda sent: TooLarge(413, "big", 2 * size + 10) if len(sent) > 2 else imported(len(sent)),
    )
    assert drive(PendingBatch(1, batch(4, 5, 6, 7)), known, lambda sent: imported(len(sent))) == [
        [4, 5],
        [6, 7],
    ]


def test_the_lowest_limit_counts():
    known = common()
    for limit in (500, 300, 400):
        job = PendingBatch(0, batch(0, 1))
        job.request(known, NOW)
        job.answer(TooLarge(413, "big", limit), known)
    assert known.limit == 300


def test_a_body_of_exactly_the_limit_is_sent_whole_with_its_token_counted():
    known = common(TRACK)
    sent = batch(0, 1)
    wire = len(token_array([e.body for e in sent.events], token_suffix(CREDENTIALS.username)))
    known.limit = wire
    assert len(PendingBatch(0, sent).request(known, NOW)) == 2
    known.limit = wire - 1
    assert len(PendingBatch(0, sent).request(known, NOW)) == 1


# ── tries ────────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_answer_is_sent_again_after_a_backoff():
    job, known = PendingBatch(0, batch(0)), common(retry_wait=2.0)
    for wait in (2 + 3, 4 + 3, 8 + 3):
        assert job.request(known, NOW)
        assert job.answer(Lost(503, "HTTP 503"), known) == wait


def test_retry_after_takes_the_place_of_the_backoff():
    job, known = PendingBatch(0, batch(0)), common()
    job.request(known, NOW)
    assert job.answer(Lost(503, "HTTP 503", 42.0), known) == 42


def test_when_nothing_else_gets_through_used_up_tries_stop_the_run():
    job, known = PendingBatch(0, batch(0)), common(max_retries=3)
    with pytest.raises(DeliveryError, match="4 tries") as caught:
        drive(job, known, lambda _: Lost(None, "no connection: refused"))
    assert "no connection: refused" in caught.value.message
    assert "--resume" in caught.value.remedy
    assert not job.done


def test_when_others_get_through_used_up_tries_fail_the_batch_alone():
    job, known = PendingBatch(0, batch(0, 1)), common(max_retries=1)

    def server(_sent):
        known.answered += 1
        return Lost(503, "HTTP 503: down")

    assert len(drive(job, known, server)) == 2
    assert job.delivered().verdicts[0] == Verdict(
        Status.FAILED, 503, "not delivered in 2 tries; the last: HTTP 503: down"
    )


def test_what_got_through_before_the_first_try_does_not_count():
    job, known = PendingBatch(0, batch(0)), common(max_retries=0)
    known.answered = 7
    with pytest.raises(DeliveryError):
        drive(job, known, lambda _: Lost(503, "down"))


def test_a_429_costs_a_try_while_nothing_passes():
    job, known = PendingBatch(0, batch(0)), common(max_retries=3)
    requests = []
    with pytest.raises(DeliveryError, match="4 tries"):
        drive(job, known, lambda sent: requests.append(sent) or Throttled(429, "slow", None))
    assert len(requests) == 4


def test_a_429_costs_nothing_while_others_pass():
    job, known, tries = PendingBatch(0, batch(0)), common(max_retries=0), []

    def server(sent):
        tries.append(sent)
        known.answered += 1
        return Throttled(429, "slow", None) if len(tries) < 100 else imported(1)

    drive(job, known, server)
    assert statuses(job) == [Status.IMPORTED]


def test_both_halves_of_a_batch_have_all_their_tries():
    job, known = PendingBatch(0, batch(0, 1)), common(max_retries=2)
    tries = []

    def server(sent):
        if len(sent) == 2:
            return TooLarge(413, "big", None)
        tries.append(sent[0])
        return Lost(503, "down") if tries.count(sent[0]) < 3 else imported(1)

    drive(job, known, server)
    assert tries == [0, 0, 0, 1, 1, 1]


def test_a_refusal_stops_the_run_and_gives_no_verdict():
    job, known = PendingBatch(0, batch(0)), common()
    job.request(known, NOW)
    with pytest.raises(RefusedError, match="401: Invalid credentials"):
        job.answer(Refused(401, "Invalid credentials"), known)
    assert not job.done


# ── age on /track ────────────────────────────────────────────────────────────────────────────────


def test_what_track_would_drop_is_invalid_and_not_sent():
    events = [event(0, NOW - TRACK_ACCEPTED_AGE_MS - 1), event(1, NOW - TRACK_ACCEPTED_AGE_MS), event(2, NOW)]
    job = PendingBatch(0, batch_of(events))
    assert drive(job, common(TRACK), lambda sent: imported(len(sent))) == [[1, 2]]
    assert statuses(job) == [Status.INVALID, Status.IMPORTED, Status.IMPORTED]
    verdict = job.delivered().verdicts[0]
    assert verdict.status_code is None
    assert "older than 5 days" in verdict.error


def test_a_batch_of_old_events_is_done_without_a_request():
    job = PendingBatch(0, batch(0, 1, time=NOW - 10 * 86_400_000))
    assert drive(job, common(TRACK), lambda _: pytest.fail("sent")) == []
    assert statuses(job) == [Status.INVALID] * 2


def test_import_takes_events_of_any_age():
    job = PendingBatch(0, batch(0, time=86_400_000))
    assert drive(job, common(), lambda sent: imported(len(sent))) == [[0]]


def test_an_event_that_grew_too_old_while_its_answer_was_awaited_is_failed_not_invalid():
    job, known = PendingBatch(0, batch(0, time=NOW - TRACK_ACCEPTED_AGE_MS)), common(TRACK)
    job.request(known, NOW)
    job.answer(Lost(None, "broke"), known)
    assert not job.request(known, NOW + 1)
    assert statuses(job) == [Status.FAILED]
