import pytest
from delivery_helpers import CREDENTIALS, IMPORT, NOW, TRACK, batch, batch_of, event, numbers, settings

from importer.delivery.pending import DeliveryState, PendingBatch
from importer.delivery.replies import Lost, Refused, Settled, Throttled, TooLarge, Unexplained
from importer.delivery.request import bytes_added_per_event, token_array, token_suffix
from importer.errors import DeliveryError, RefusedError
from importer.mixpanel.limits import TRACK_ACCEPTED_AGE_MS
from importer.model import Batch, Status, Verdict


def new_state(destination=IMPORT, **changes):
    return DeliveryState(
        destination,
        CREDENTIALS,
        settings(**changes),
        lambda: 0.5,
        bytes_added_per_event(destination, CREDENTIALS),
    )


def drive(pending, state, server):
    """Let a server (events' numbers → answer) answer until the batch is done; all requests."""
    requests = []
    while not pending.done:
        request = pending.next_request(state, NOW)
        if request is None:
            break
        parts = list(request.bodies)
        bodies = [body for part in parts for body in part.split(b"\n")]
        sent = numbers(bodies)
        assert request.count == len(sent)
        assert list(request.insert_ids) == [f"id-{number}" for number in sent]
        if state.destination.endpoint == "track":
            assert parts == bodies
        requests.append(sent)
        pending.apply(server(sent), state)
    return requests


def imported(count):
    return Settled([Verdict(Status.IMPORTED, 200)] * count)


def statuses(pending):
    return [verdict.status for verdict in pending.delivered().verdicts]


def blames(*bad):
    """A server that refuses every request that holds a bad event, without saying which."""
    return lambda sent: Unexplained(400, "no") if set(sent) & set(bad) else imported(len(sent))


def test_a_batch_without_events_is_done():
    assert PendingBatch(0, Batch((), 0, 0)).done


def test_a_taken_batch_is_one_request():
    pending = PendingBatch(0, batch(0, 1, 2))
    assert drive(pending, new_state(), lambda sent: imported(len(sent))) == [[0, 1, 2]]
    assert statuses(pending) == [Status.IMPORTED] * 3


# ── 400 without a word ───────────────────────────────────────────────────────────────────────────


def test_one_bad_event_is_rejected_alone_in_few_requests():
    pending = PendingBatch(0, batch(*range(64)))
    requests = drive(pending, new_state(), blames(37))
    assert statuses(pending) == [Status.REJECTED if i == 37 else Status.IMPORTED for i in range(64)]
    assert len(requests) == 1 + 2 * 6
    assert pending.delivered().verdicts[37] == Verdict(Status.REJECTED, 400, "no")


def test_halves_are_sent_in_the_order_of_the_file():
    pending = PendingBatch(0, batch(0, 1, 2, 3))
    assert drive(pending, new_state(), blames(2)) == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]


def test_a_first_halved_batch_that_is_refused_whole_stops_the_run():
    pending = PendingBatch(0, batch(0, 1, 2))
    with pytest.raises(RefusedError, match="refuses every event") as caught:
        drive(pending, new_state(), blames(0, 1, 2))
    assert "proxy" in caught.value.remedy
    assert not pending.done


def test_once_a_halved_batch_was_taken_in_part_later_ones_may_be_refused_whole():
    state = new_state()
    drive(PendingBatch(0, batch(0, 1)), state, blames(0))
    pending = PendingBatch(1, batch(2, 3))
    drive(pending, state, blames(2, 3))
    assert statuses(pending) == [Status.REJECTED] * 2


def test_a_server_with_a_different_message_for_each_event_is_no_proxy():
    pending = PendingBatch(0, batch(0, 1))
    drive(pending, new_state(), lambda sent: Unexplained(400, f"bad: {sent}"))
    assert [v.error for v in pending.delivered().verdicts] == ["bad: [0]", "bad: [1]"]


def test_a_single_event_that_is_refused_is_rejected():
    pending = PendingBatch(0, batch(0))
    drive(pending, new_state(), blames(0))
    assert statuses(pending) == [Status.REJECTED]


def test_a_0_from_track_rejects_every_event_by_itself():
    pending = PendingBatch(0, batch(0, 1))
    drive(
        pending,
        new_state(TRACK),
        lambda _: Unexplained(200, "Mixpanel returned error: 0", from_mixpanel=True),
    )
    assert statuses(pending) == [Status.REJECTED] * 2


# ── 413 ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_that_is_too_large_is_halved():
    pending = PendingBatch(0, batch(*range(8)))
    requests = drive(
        pending,
        new_state(),
        lambda sent: TooLarge(413, "big", None) if len(sent) > 3 else imported(len(sent)),
    )
    assert requests == [[*range(8)], [0, 1, 2, 3], [0, 1], [2, 3], [4, 5, 6, 7], [4, 5], [6, 7]]
    assert statuses(pending) == [Status.IMPORTED] * 8


def test_an_event_that_is_too_large_by_itself_is_rejected():
    pending = PendingBatch(0, batch(0, 1))
    drive(pending, new_state(), lambda sent: TooLarge(413, "big", None) if 1 in sent else imported(1))
    assert statuses(pending) == [Status.IMPORTED, Status.REJECTED]


def test_the_limit_that_a_413_names_bounds_later_requests():
    state = new_state()
    size = len(event(0).body)
    drive(
        PendingBatch(0, batch(0, 1, 2, 3)),
        state,
        lambda sent: TooLarge(413, "big", 2 * size + 10) if len(sent) > 2 else imported(len(sent)),
    )
    assert drive(PendingBatch(1, batch(4, 5, 6, 7)), state, lambda sent: imported(len(sent))) == [
        [4, 5],
        [6, 7],
    ]


def test_the_lowest_limit_counts():
    state = new_state()
    for limit in (500, 300, 400):
        pending = PendingBatch(0, batch(0, 1))
        pending.next_request(state, NOW)
        pending.apply(TooLarge(413, "big", limit), state)
    assert state.max_body_bytes == 300


def test_a_body_of_exactly_the_limit_is_sent_whole_with_its_token_counted():
    state = new_state(TRACK)
    sent = batch(0, 1)
    size = len(token_array([e.body for e in sent.events()], token_suffix(CREDENTIALS.username)))
    state.max_body_bytes = size
    assert PendingBatch(0, sent).next_request(state, NOW).count == 2
    state.max_body_bytes = size - 1
    assert PendingBatch(0, sent).next_request(state, NOW).count == 1


# ── tries ────────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_answer_is_sent_again_after_a_backoff():
    pending, state = PendingBatch(0, batch(0)), new_state(retry_wait=2.0)
    for wait in (2 + 3, 4 + 3, 8 + 3):
        assert pending.next_request(state, NOW)
        assert pending.apply(Lost(503, "HTTP 503"), state) == wait


def test_retry_after_takes_the_place_of_the_backoff():
    pending, state = PendingBatch(0, batch(0)), new_state()
    pending.next_request(state, NOW)
    assert pending.apply(Lost(503, "HTTP 503", 42.0), state) == 42


def test_when_nothing_else_gets_through_used_up_tries_stop_the_run():
    pending, state = PendingBatch(0, batch(0)), new_state(max_retries=3)
    with pytest.raises(DeliveryError, match="4 tries") as caught:
        drive(pending, state, lambda _: Lost(None, "no connection: refused"))
    assert "no connection: refused" in caught.value.message
    assert "--resume" in caught.value.remedy
    assert not pending.done


def test_when_others_get_through_used_up_tries_fail_the_batch_alone():
    pending, state = PendingBatch(0, batch(0, 1)), new_state(max_retries=1)

    def server(_sent):
        state.answered += 1
        return Lost(503, "HTTP 503: down")

    assert len(drive(pending, state, server)) == 2
    assert pending.delivered().verdicts[0] == Verdict(
        Status.FAILED, 503, "not delivered in 2 tries; the last: HTTP 503: down"
    )


def test_what_got_through_before_the_first_try_does_not_count():
    pending, state = PendingBatch(0, batch(0)), new_state(max_retries=0)
    state.answered = 7
    with pytest.raises(DeliveryError):
        drive(pending, state, lambda _: Lost(503, "down"))


def test_a_429_costs_a_try_while_nothing_passes():
    pending, state = PendingBatch(0, batch(0)), new_state(max_retries=3)
    requests = []
    with pytest.raises(DeliveryError, match="4 tries"):
        drive(pending, state, lambda sent: requests.append(sent) or Throttled(429, "slow", None))
    assert len(requests) == 4


def test_a_429_costs_nothing_while_others_pass():
    pending, state, tries = PendingBatch(0, batch(0)), new_state(max_retries=0), []

    def server(sent):
        tries.append(sent)
        state.answered += 1
        return Throttled(429, "slow", None) if len(tries) < 100 else imported(1)

    drive(pending, state, server)
    assert statuses(pending) == [Status.IMPORTED]


def test_both_halves_of_a_batch_have_all_their_tries():
    pending, state = PendingBatch(0, batch(0, 1)), new_state(max_retries=2)
    tries = []

    def server(sent):
        if len(sent) == 2:
            return TooLarge(413, "big", None)
        tries.append(sent[0])
        return Lost(503, "down") if tries.count(sent[0]) < 3 else imported(1)

    drive(pending, state, server)
    assert tries == [0, 0, 0, 1, 1, 1]


def test_a_refusal_stops_the_run_and_gives_no_verdict():
    pending, state = PendingBatch(0, batch(0)), new_state()
    pending.next_request(state, NOW)
    with pytest.raises(RefusedError, match="401: Invalid credentials"):
        pending.apply(Refused(401, "Invalid credentials"), state)
    assert not pending.done


# ── age on /track ────────────────────────────────────────────────────────────────────────────────


def test_what_track_would_drop_is_invalid_and_not_sent():
    events = [event(0, NOW - TRACK_ACCEPTED_AGE_MS - 1), event(1, NOW - TRACK_ACCEPTED_AGE_MS), event(2, NOW)]
    pending = PendingBatch(0, batch_of(events))
    assert drive(pending, new_state(TRACK), lambda sent: imported(len(sent))) == [[1, 2]]
    assert statuses(pending) == [Status.INVALID, Status.IMPORTED, Status.IMPORTED]
    verdict = pending.delivered().verdicts[0]
    assert verdict.status_code is None
    assert "older than 5 days" in verdict.error


def test_a_batch_of_old_events_is_done_without_a_request():
    pending = PendingBatch(0, batch(0, 1, time=NOW - 10 * 86_400_000))
    assert drive(pending, new_state(TRACK), lambda _: pytest.fail("sent")) == []
    assert statuses(pending) == [Status.INVALID] * 2


def test_import_takes_events_of_any_age():
    pending = PendingBatch(0, batch(0, time=86_400_000))
    assert drive(pending, new_state(), lambda sent: imported(len(sent))) == [[0]]


def test_an_event_that_grew_too_old_while_its_answer_was_awaited_is_failed_not_invalid():
    pending, state = PendingBatch(0, batch(0, time=NOW - TRACK_ACCEPTED_AGE_MS)), new_state(TRACK)
    pending.next_request(state, NOW)
    pending.apply(Lost(None, "broke"), state)
    assert not pending.next_request(state, NOW + 1)
    assert statuses(pending) == [Status.FAILED]
