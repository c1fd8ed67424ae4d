import random
import threading
import time
from itertools import pairwise

import pytest
from delivery_helpers import (
    CREDENTIALS,
    IMPORT,
    NOW,
    PATIENCE,
    TRACK,
    JumpingClock,
    Listener,
    Memory,
    batch,
    batch_of,
    error,
    event,
    many,
    no_senders,
    partly,
    rejection,
    send,
    settings,
    taken,
    wait_until,
)

from importer.delivery.engine import deliver
from importer.delivery.replies import NoResponse, Response
from importer.delivery.window import MAX_HELD_BYTES, MAX_HELD_ITEMS
from importer.errors import DeliveryError, RefusedError, SourceError
from importer.model import Destination, Status


@pytest.fixture(autouse=True)
def nothing_is_left_over():
    yield
    wait_until(no_senders, "the senders end")


def good(sent):
    return taken(len(sent))


def firsts(delivered):
    """Which batches came out, by their first event."""
    return [each.batch.items()[0].row - 1 for each in delivered]


def statuses(delivered):
    return [verdict.status for each in delivered for verdict in each.verdicts]


def collect(generator, into):
    """Take out everything, also when it ends with an error."""
    for each in generator:
        into.append(each)


# ── order and bounds ─────────────────────────────────────────────────────────────────────────────


def test_outcomes_come_in_the_order_of_the_file_whatever_the_order_of_the_answers():
    pause, dice = threading.Event(), random.Random(7)

    def server(sent):
        pause.wait(dice.random() * 0.004)
        return taken(len(sent))

    batches = many(100)
    out = list(send(batches, Memory(server), concurrency=8))
    assert [each.batch for each in out] == batches
    assert statuses(out) == [Status.IMPORTED] * 500


def test_every_event_is_sent_once_if_all_goes_well():
    server = Memory(good)
    list(send(many(50), server))
    assert sorted(n for sent in server.requests for n in sent) == list(range(250))


def test_a_pinned_concurrency_is_reached_and_not_passed():
    together = threading.Barrier(4, timeout=PATIENCE)

    def server(sent):
        together.wait()
        return taken(len(sent))

    memory = Memory(server)
    list(send(many(16), memory, concurrency=4))
    assert memory.most_at_once == 4


def test_rejections_ride_along_and_need_no_request():
    alone = batch_of([rejection(0), rejection(1)])
    mixed = batch_of([rejection(2), *batch(3).events()])
    server = Memory(good)
    out = list(send([alone, mixed], server))
    assert [len(each.verdicts) for each in out] == [0, 1]
    assert server.requests == [[3]]


def test_batches_that_are_too_old_for_track_are_done_without_a_request():
    old = [batch(i, time=NOW - 10 * 86_400_000) for i in range(5)]
    server = Memory(lambda _: Response(200, b"1"))
    out = list(send([*old, batch(5), *old], server, destination=TRACK))
    assert statuses(out) == [Status.INVALID] * 5 + [Status.ACCEPTED] + [Status.INVALID] * 5
    assert server.requests == [[5]]


def test_nothing_to_send_starts_no_thread():
    assert list(send([batch_of([rejection(0)])], Memory(lambda _: pytest.fail("sent")))) != []
    assert list(send([], Memory(good))) == []


def test_the_reader_is_held_back_while_the_first_batch_waits():
    release, read = threading.Event(), []

    def batches():
        for i in range(80):
            read.append(threading.current_thread())
            yield batch(*range(i * 1000, (i + 1) * 1000))

    def server(sent):
        if 0 in sent:
            release.wait(PATIENCE)
        return taken(len(sent))

    out = []
    run = threading.Thread(target=collect, args=(send(batches(), Memory(server)), out))
    run.start()
    wait_until(lambda: len(read) == MAX_HELD_ITEMS / 1000, "the window is full")
    time.sleep(0.1)
    assert len(read) == MAX_HELD_ITEMS / 1000
    release.set()
    run.join()
    assert len(out) == 80
    assert set(read) == {run}


@pytest.mark.parametrize(("concurrency", "held"), [(None, 8), (20, 20)])
def test_the_window_is_bounded_in_bytes(concurrency, held):
    release, read = threading.Event(), []

    def batches():
        for i in range(40):
            read.append(i)
            yield batch_of([event(i, size=MAX_HELD_BYTES // 8)])

    def server(sent):
        if 0 in sent:
            release.wait(PATIENCE)
        return taken(len(sent))

    out = []
    run = threading.Thread(
        target=collect, args=(send(batches(), Memory(server), concurrency=concurrency), out)
    )
    run.start()
    wait_until(lambda: len(read) == held, "the window is full")
    time.sleep(0.1)
    assert len(read) == held
    release.set()
    run.join()
    assert len(out) == 40


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


def test_each_event_gets_the_verdict_that_was_meant_for_it():
    def server(sent):
        return partly(len(sent), {i: f"no {n}" for i, n in enumerate(sent) if n % 7 == 0})

    out = list(send(many(20), Memory(server)))
    for each in out:
        for sent, verdict in zip(each.batch.events(), each.verdicts, strict=True):
            number = sent.row - 1
            if number % 7 == 0:
                assert (verdict.status, verdict.error) == (Status.REJECTED, f"properties.time: no {number}")
            else:
                assert verdict.status is Status.IMPORTED


def test_lost_answers_are_sent_again_until_every_event_is_taken():
    dice = random.Random(3)

    def server(sent):
        return (
            taken(len(sent))
            if dice.random() < 0.7
            else dice.choice([NoResponse("broke"), error(503), taken(99)])
        )

    out = list(send(many(200), Memory(server), max_retries=50))
    assert statuses(out) == [Status.IMPORTED] * 1000


def test_a_batch_that_waits_for_its_next_try_keeps_no_sender_from_work():
    others_wait = threading.Event()

    def source():
        for number, each in enumerate(many(30)):
            if number == 2:  # whoever asks for the third has put the second where senders look
                others_wait.set()
            yield each

    def answer(sent):
        if 0 in sent and server.tries_of(0) < 4:
            others_wait.wait(PATIENCE)
            return error(503)
        return taken(len(sent))

    server = Memory(answer)
    out = list(send(source(), server, concurrency=1))
    assert server.tries_of(0) == 4
    assert server.requests.index([0, 1, 2, 3, 4], 1) > 1  # others went in between
    assert statuses(out) == [Status.IMPORTED] * 150


def test_a_batch_that_never_gets_through_fails_alone_and_the_run_goes_on():
    def answer(sent):
        if 50 in sent:
            if server.tries_of(50) == 4:
                wait_until(
                    lambda: len(server.requests) == 4 + 39, "the others get through before its last try"
                )
            return error(500, "boom")
        return taken(len(sent))

    server = Memory(answer)
    out = list(send(many(40), server, max_retries=3))
    failed = [each for each in out if each.verdicts[0].status is Status.FAILED]
    assert firsts(failed) == [50]
    assert failed[0].verdicts[0].status_code == 500
    assert "boom" in failed[0].verdicts[0].error
    assert statuses(out).count(Status.IMPORTED) == 195


# ── stops ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [401, 403, 404, 302, 418])
def test_a_refusal_stops_the_run_after_the_batches_before_it(status):
    server = Memory(lambda sent: error(status, "Nope") if 100 in sent else taken(len(sent)))
    out = []
    with pytest.raises(RefusedError, match=f"{status}: Nope"):
        collect(send(many(1000), server, concurrency=1), out)
    assert firsts(out) == list(range(0, 100, 5))
    assert server.tries_of(100) == 1


def test_outcomes_are_a_prefix_when_an_earlier_batch_is_still_on_the_wire():
    refused = threading.Event()

    def server(sent):
        if 5 in sent:
            refused.wait(PATIENCE)  # still on the wire when the third batch is refused
            return taken(len(sent))
        if 10 in sent:
            refused.set()
            return error(401)
        return taken(len(sent))

    out = []
    with pytest.raises(RefusedError):
        collect(send(many(100), Memory(server), concurrency=4), out)
    assert firsts(out) == [0, 5]


def test_a_batch_before_the_stop_that_waits_for_its_next_try_ends_the_prefix():
    later = threading.Event()

    def server(sent):
        if 5 in sent:
            later.set()
            return error(503, retry_after="600")
        if 10 in sent:
            later.wait(PATIENCE)
            return error(401)
        return taken(len(sent))

    class StandingClock(JumpingClock):
        def wait(self, condition, seconds):
            condition.wait(min(0.002, seconds or 0.002))

    out = []
    with pytest.raises(RefusedError):
        collect(send(many(100), Memory(server), clock=StandingClock()), out)
    assert firsts(out) in ([0], [])


def test_a_dead_network_stops_the_run_after_all_tries_and_marks_nothing():
    server, out = Memory(lambda _: NoResponse("no connection: refused")), []
    with pytest.raises(DeliveryError, match="no connection: refused"):
        collect(send(many(50), server, max_retries=2), out)
    assert out == []
    assert max(server.tries_of(n) for n in range(0, 250, 5)) == 3


def test_a_network_that_dies_in_the_middle_stops_the_run_with_what_was_taken_before():
    server = Memory(lambda sent: taken(len(sent)) if sent[0] < 100 else NoResponse("broke"))
    out = []
    with pytest.raises(DeliveryError):
        collect(send(many(60), server, concurrency=1), out)
    assert firsts(out) == list(range(0, 100, 5))


def test_a_source_that_breaks_is_an_error_after_all_that_was_read_before():
    def batches():
        yield from many(20)
        raise SourceError("events.csv.gz: the file ends in its middle")

    out = []
    with pytest.raises(SourceError):
        collect(send(batches(), Memory(good)), out)
    assert len(out) == 20


def test_a_defect_in_a_sender_stops_the_run_instead_of_hanging_it():
    def server(_sent):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(send(many(20), Memory(server)))


def test_a_connection_that_cannot_be_made_stops_the_run():
    def factory():
        raise RefusedError("A proxy variable can't be used.")

    with pytest.raises(RefusedError):
        list(send(many(3), factory))


def test_a_bad_destination_is_refused_before_anything_is_read():
    with pytest.raises(RefusedError):
        deliver(
            iter(lambda: pytest.fail("read"), None),
            Destination("import", "http://api.mixpanel.com"),
            CREDENTIALS,
            settings(),
            stop=threading.Event(),
        )


def test_a_proxy_that_refuses_everything_is_recognized():
    out = []
    with pytest.raises(RefusedError, match="refuses every event"):
        collect(send(many(50), Memory(lambda _: error(400, "Bad Request"))), out)
    assert out == []


# ── Ctrl-C ───────────────────────────────────────────────────────────────────────────────────────


def test_a_stop_lets_what_is_on_the_wire_finish_and_sends_nothing_more():
    stop, entered, release = threading.Event(), threading.Semaphore(0), threading.Event()

    def server(sent):
        entered.release()
        release.wait(PATIENCE)
        return taken(len(sent))

    memory, out = Memory(server), []
    run = threading.Thread(target=collect, args=(send(many(500), memory, stop=stop, concurrency=3), out))
    run.start()
    for _ in range(3):
        entered.acquire()
    stop.set()
    release.set()
    run.join(PATIENCE)
    assert not run.is_alive()
    assert firsts(out) == [0, 5, 10]
    assert len(memory.requests) == 3


def test_a_stop_drops_waits_at_once():
    stop = threading.Event()

    def server(_sent):
        stop.set()
        return error(429, retry_after="3000")

    generator = deliver(
        many(10), IMPORT, CREDENTIALS, settings(), stop=stop, client_factory=Memory(server)
    )  # on the real clock
    assert list(generator) == []


def test_a_stop_gives_up_a_request_that_hangs_after_the_time_out():
    stop = threading.Event()

    def hang(_sent):
        stop.set()
        assert server.clients[0].aborted.wait(PATIENCE)
        return NoResponse("broken off")

    server = Memory(hang)
    generator = deliver(
        many(3), IMPORT, CREDENTIALS, settings(timeout=0.05, concurrency=1), stop=stop, client_factory=server
    )
    assert list(generator) == []
    assert server.clients[0].aborted.is_set()


def test_idle_is_called_before_a_wait_when_every_finished_batch_was_yielded():
    out, told, waited = [], threading.Event(), []

    def server(sent):
        if 5 in sent:  # the second batch is answered once somebody was told while the first was out
            waited.append(told.wait(PATIENCE))
        return taken(len(sent))

    def idle():
        if len(out) == 1:
            told.set()

    stop = threading.Event()
    for each in deliver(
        many(2), IMPORT, CREDENTIALS, settings(), stop=stop, idle=idle, client_factory=Memory(server)
    ):  # on the real clock
        out.append(each)  # noqa: PERF402 - one by one, so that `idle` sees how many there are
    assert waited == [True]
    assert len(out) == 2


def test_a_stop_before_the_start_sends_nothing():
    stop = threading.Event()
    stop.set()
    assert list(send(iter(lambda: pytest.fail("read"), None), Memory(good), stop=stop)) == []


@pytest.mark.parametrize("taken_out", [0, 1, 7])
def test_closing_early_ends_threads_and_connections(taken_out):
    memory = Memory(good)
    generator = send((batch(i) for i in range(10**9)), memory)
    for _ in range(taken_out):
        next(generator)
    generator.close()
    wait_until(no_senders, "the senders end")
    assert memory.open_clients == 0


# ── speed ────────────────────────────────────────────────────────────────────────────────────────


def test_a_rolling_limit_loses_nothing_and_uses_up_no_tries():
    """A server that takes so many requests a minute, however hard it is pressed."""
    clock, admitted, lock = JumpingClock(), [], threading.Lock()

    def server(sent):
        with lock:
            now = clock()
            admitted[:] = [t for t in admitted if t > now - 60]
            if len(admitted) >= 40:
                return error(429, "Project exceeded rate limits.")
            admitted.append(now)
        return taken(len(sent))

    out = list(send(many(300), Memory(server), clock=clock, concurrency=None, max_retries=8, retry_wait=2.0))
    assert statuses(out) == [Status.IMPORTED] * 1500


def test_a_share_of_429_loses_nothing():
    dice = random.Random(5)

    def server(sent):
        return error(429) if dice.random() < 0.1 and server.passed else note(sent)

    def note(sent):
        server.passed += 1
        return taken(len(sent))

    server.passed = 0
    out = list(send(many(300), Memory(server), max_retries=8))
    assert statuses(out) == [Status.IMPORTED] * 1500


def test_a_429_that_lasts_stops_the_run():
    server = Memory(lambda _: error(429, "Project exceeded rate limits."))
    with pytest.raises(DeliveryError, match="exceeded rate limits"):
        list(send(many(10), server, max_retries=3))


def test_during_a_pause_only_one_request_at_a_time_is_sent():
    clock, asked = JumpingClock(), []

    def server(sent):
        asked.append(clock())
        return error(429, retry_after="10") if len(asked) < 8 else taken(len(sent))

    listener = Listener()
    memory = Memory(server)
    list(send(many(20), memory, clock=clock, concurrency=4, max_retries=8, progress=listener))
    waves = sorted(asked)[4:8]  # after the first four, which went out together
    assert all(later - earlier >= 10 for earlier, later in pairwise(waves))


def test_a_pause_and_its_end_are_reported_to_the_progress():
    clock, listener, asked = JumpingClock(), Listener(), []

    def server(sent):
        asked.append(sent)
        return error(429, retry_after="7") if len(asked) == 1 else taken(len(sent))

    list(send(many(2), Memory(server), concurrency=1, clock=clock, progress=listener))
    assert listener.reports == [("asked to slow down (429)", 1007.0), "resumed"]


def test_an_outage_and_its_end_are_reported_to_the_progress():
    listener, asked = Listener(), []

    def server(sent):
        asked.append(sent)
        return NoResponse("no connection") if len(asked) == 1 else taken(len(sent))

    list(send(many(1), Memory(server), concurrency=1, progress=listener))
    assert listener.reports == [("no connection", 1002 + 3), "resumed"]


def test_a_run_that_never_waits_reports_no_pause():
    listener = Listener()
    list(send(many(20), Memory(good), progress=listener))
    assert listener.reports == []
