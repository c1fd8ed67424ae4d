import random
import threading
from dataclasses import dataclass, field
from itertools import accumulate

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
    error,
    many,
    no_senders,
    settings,
    taken,
    wait_until,
)
from hypothesis import given
from hypothesis import strategies as st

from importer.delivery.engine import deliver
from importer.delivery.quota import Cap, Lease, LeasedQuota, QuotaKeeper, TokenBucket, cap_of, own_quota
from importer.delivery.replies import NoResponse, Response
from importer.mixpanel.hosts import HOSTS
from importer.model import DeliverySettings, Destination, Status


@dataclass
class Time:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Sent:
    """What went out, and when."""

    window: float
    takes: list[tuple[float, int, int]] = field(default_factory=list)

    def add(self, now: float, events: int, size: int) -> None:
        self.takes.append((now, events, size))

    def most(self, what: int) -> int:
        """The most of anything that went out over any window; no time is before the one before."""
        most = held = first = 0
        for take in self.takes:
            held += take[what]
            while take[0] - self.takes[first][0] >= self.window:
                held -= self.takes[first][what]
                first += 1
            most = max(most, held)
        return most

    def check(self, cap: Cap) -> None:
        assert self.most(1) <= cap.events_per_second * cap.window
        if cap.bytes_per_second is not None:
            assert self.most(2) <= cap.bytes_per_second * cap.window


CAPS = st.builds(
    Cap,
    events_per_second=st.integers(1, 100_000),
    bytes_per_second=st.none() | st.integers(10_000, 10_000_000),
    window=st.just(60.0),
)


def request(cap, events, size):
    """A request of these shares of a burst, but of at least one event."""
    most_bytes = (cap.bytes_per_second or 10**6) * cap.window / 100
    return max(1, int(events * cap.most_events)), max(1, int(size * most_bytes))


# ── the bucket ───────────────────────────────────────────────────────────────────────────────────


SHARES = st.sampled_from([1.0, 0.9, 0.5, 0.34, 0.1]) | st.floats(0, 1)


@given(CAPS, st.lists(st.tuples(SHARES, SHARES, st.floats(0, 2), st.integers(1, 200)), max_size=8))
def test_a_bucket_gives_no_more_than_the_cap_over_any_window(cap, asks):
    clock, sent = Time(), Sent(cap.window)
    bucket = TokenBucket(cap, clock)
    for events, size, pause, times in asks:
        wanted = request(cap, events, size)
        clock.now += pause
        for _ in range(times):
            while (wait := bucket.take(*wanted)) > 0:
                clock.now += wait
            sent.add(clock.now, *wanted)
    sent.check(cap)


@given(CAPS, SHARES, SHARES, st.floats(0, 1e9))
def test_who_waits_as_long_as_told_gets_it(cap, events, size, now):
    clock = Time(now)
    bucket = TokenBucket(cap, clock)
    wanted = request(cap, events, size)
    waits = 0
    for _ in range(30):
        if wait := bucket.take(*wanted):
            clock.now += wait
            waits += 1
            assert bucket.take(*wanted) <= 0.001
    if cap.events_per_second == 1:
        assert waits > 1


@pytest.mark.parametrize("size", [20, 50, 2000])
def test_a_bucket_gives_most_of_the_cap_and_gives_it_evenly(size):
    clock, cap = Time(), Cap(30_000)
    bucket = TokenBucket(cap, clock)
    gaps, events = [], 0
    while clock.now < 1020:
        if wait := bucket.take(size, 1):
            gaps.append(wait)
            clock.now += wait
        else:
            events += size
    assert 0.95 < (events - 18_000) / (30_000 * 20) < 0.97
    assert max(gaps) <= max(0.001, 2 * size / 30_000)


def test_bytes_are_counted_as_events_are():
    clock = Time()
    bucket = TokenBucket(Cap(30_000, 1_000_000), clock)
    assert bucket.take(1, 600_000) == 0
    assert bucket.take(1, 600_000) == pytest.approx(0.625, abs=0.01)
    assert bucket.take(1, 0) == 0


def test_a_request_of_more_than_a_burst_goes_out_and_the_next_waits_for_it():
    clock = Time()
    bucket = TokenBucket(Cap(10), clock)
    assert bucket.take(100, 1) == 0
    assert bucket.take(1, 1) == pytest.approx(95 / 9.6, rel=0.01)
    clock.now += 1000
    assert bucket.take(100, 1) == 0


def test_times_that_stand_still_give_nothing_twice():
    clock = Time()
    bucket = TokenBucket(Cap(100), clock)
    assert sum(bucket.take(1, 1) == 0 for _ in range(1000)) == 60


def test_the_cap_is_that_of_the_destination_unless_a_rate_is_given():
    mixpanel = [Destination("import", host, "us") for host in HOSTS.values()]
    for each in mixpanel:
        assert cap_of(each, DeliverySettings()) == Cap(30_000, 2_000_000_000 / 60)
        assert cap_of(each, DeliverySettings(rate=7)) == Cap(7, 2_000_000_000 / 60)
    assert cap_of(IMPORT, DeliverySettings()) is None
    assert own_quota(IMPORT, DeliverySettings()) is None
    assert cap_of(TRACK, DeliverySettings(rate=7)) == Cap(7, None)


@pytest.mark.parametrize(("rate", "most"), [(1, 1), (2, 1), (100, 60), (30_000, 18_000)])
def test_requests_are_no_larger_than_a_burst(rate, most):
    assert Cap(rate).most_events == most


# ── workers and their keeper ─────────────────────────────────────────────────────────────────────


@dataclass
class Worker:
    """A worker that sends one request after the other, each a while later than it may."""

    number: int
    quota: LeasedQuota
    size: tuple[int, int]
    pause: float
    late: float = 0.0
    at: float = 1000.0


class Farm:
    """Workers and a keeper in one thread and one time; messages take no time."""

    def __init__(self, cap, sizes, pauses):
        self.clock, self.cap = Time(), cap
        self.keeper, self.sent = QuotaKeeper(cap), Sent(cap.window)
        self.by_worker = [0] * len(sizes)
        self.workers = []
        for number, (size, pause) in enumerate(zip(sizes, pauses, strict=True)):
            self.workers.append(Worker(number, self.quota(number), size, pause))

    def quota(self, number):
        def ask(events, size):
            granted.append(self.keeper.lease(number, events, size, self.clock.now))

        granted: list[Lease] = []
        quota = LeasedQuota(ask, self.clock)
        take = quota.take

        def take_and_hear(events, size):
            wait = take(events, size)
            if granted:
                quota.grant(granted.pop())
                wait = take(events, size)
            return wait

        quota.take = take_and_hear
        return quota

    def step(self):
        """Let the worker that is next send, or learn how long to wait."""
        worker = min(self.workers, key=lambda each: each.at)
        self.clock.now = max(self.clock.now, worker.at)
        if wait := worker.quota.take(*worker.size):
            worker.at = self.clock.now + wait + worker.late
        else:
            self.sent.add(self.clock.now, *worker.size)
            self.by_worker[worker.number] += worker.size[0]
            worker.at = self.clock.now + worker.pause


@given(
    CAPS,
    st.lists(st.tuples(SHARES, SHARES, st.just(0.0) | st.floats(0, 5)), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.99]), st.integers(1, 60)), max_size=8),
)
def test_workers_together_send_no_more_than_the_cap(cap, drawn, phases):
    """Also not when they spend late, or some die and others take their places."""
    sizes = [request(cap, events, size) for events, size, _ in drawn]
    farm = Farm(cap, sizes, [pause for *_, pause in drawn])
    for death, late, steps in [*phases, (0, 0.0, 200)]:
        for worker in farm.workers:
            worker.late = late
        for _ in range(steps):
            farm.step()
        dead = farm.workers[death % len(farm.workers)]
        dead.quota, dead.at = farm.quota(dead.number), farm.clock.now
    farm.sent.check(cap)


@pytest.mark.parametrize(("rate", "workers", "late"), [(30_000, 4, 0.9), (1, 50, 50.0)])
def test_leases_that_are_kept_back_and_spent_together_are_within_the_cap(rate, workers, late):
    cap = Cap(rate)
    size = (cap.most_events // 30 + 1, 1)
    farm = Farm(cap, [size] * workers, [0.0] * workers)
    while farm.clock.now < 1005:
        farm.step()
    for worker in farm.workers:
        worker.at = 1005 + late
    while farm.clock.now < 1070 + late:
        farm.step()
    farm.sent.check(cap)


@pytest.mark.parametrize("workers", [1, 2, 8, 64])
def test_workers_together_reach_the_cap_and_none_starves(workers):
    cap = Cap(30_000)
    farm = Farm(cap, [(500, 90_000)] * workers, [0.0] * workers)
    while farm.clock.now < 1020:
        farm.step()
    assert sum(farm.by_worker) / (30_000 * 20) > 0.93
    assert min(farm.by_worker) > 0.8 * sum(farm.by_worker) / workers


def test_a_worker_with_small_requests_is_given_as_much_as_one_with_large_ones():
    farm = Farm(Cap(30_000), [(50, 1), (2000, 1)], [0.0, 0.0])
    while farm.clock.now < 1010:
        farm.step()
    assert min(farm.by_worker) > 0.4 * sum(farm.by_worker)


@pytest.mark.parametrize("bytes_per_second", [33_000_000, 10_000_000])
def test_requests_of_many_sizes_still_reach_the_cap_that_is_reached_first(bytes_per_second):
    dice, cap = random.Random(1), Cap(30_000, bytes_per_second)
    farm = Farm(cap, [(50, 1)] * 4, [0.0] * 4)
    while farm.clock.now < 1010:
        farm.workers[dice.randrange(4)].size = (dice.choice([20, 50]), dice.randint(10_000, 50_000))
        farm.step()
    bytes_sent = sum(size for *_, size in farm.sent.takes)
    reached = max(sum(farm.by_worker) / 30_000, bytes_sent / bytes_per_second) / 10
    assert 0.9 < reached < 1.06
    farm.sent.check(cap)


def test_what_a_slow_worker_leaves_goes_to_the_others():
    farm = Farm(Cap(30_000), [(50, 1), (50, 1)], [2.0, 0.0])
    while farm.clock.now < 1010:
        farm.step()
    assert farm.by_worker[0] == 5 * 50
    assert farm.by_worker[1] > 0.93 * 30_000 * 10


def test_a_lease_that_is_not_spent_in_time_is_lost():
    clock, asked = Time(), []
    quota = LeasedQuota(lambda *wanted: asked.append(wanted), clock)
    assert quota.take(5, 10) > 0
    assert quota.take(6, 10) > 0
    assert asked == [(5, 10)], "one question at a time"
    quota.grant(Lease(20, 100, wait=2.0, lasts=1.0))
    assert quota.take(5, 10) == pytest.approx(2.0)
    clock.now += 2.0
    assert quota.take(5, 10) == 0
    assert quota.take(5, 95) > 0, "the bytes are spent"
    assert len(asked) == 2
    clock.now += 1.0
    assert quota.take(5, 10) > 0
    assert len(asked) == 2
    quota.grant(Lease(5, 10, wait=0.0, lasts=1.0))
    assert quota.take(5, 10) == 0


def test_leases_add_up_for_a_large_request():
    clock = Time()
    quota = LeasedQuota(lambda *_: None, clock)
    quota.grant(Lease(3, 30, wait=0.0, lasts=1.0))
    quota.grant(Lease(3, 30, wait=0.5, lasts=1.0))
    assert quota.take(4, 40) == pytest.approx(0.5)
    clock.now += 0.5
    assert quota.take(4, 40) == 0
    assert quota.take(2, 20) == 0
    assert quota.take(1, 1) > 0


# ── in a run ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(autouse=True)
def nothing_is_left_over():
    yield
    wait_until(no_senders, "the senders end")


def send(batches, server, quota, clock=None, stop=None, **changes):
    return deliver(
        batches,
        IMPORT,
        CREDENTIALS,
        settings(**changes),
        stop=stop or threading.Event(),
        progress=Listener(),
        now=lambda: NOW,
        clock=clock,
        jitter=lambda: 0.5,
        client_factory=server,
        quota=quota,
    )


def test_a_run_keeps_to_its_quota():
    clock, times = JumpingClock(), Sent(60.0)

    def server(sent):
        times.add(clock.time, len(sent), 0)
        return taken(len(sent))

    cap = Cap(10)
    out = list(send(many(200), Memory(server), TokenBucket(cap, clock), clock))
    assert len(out) == 200
    times.check(cap)
    assert times.takes[-1][0] - 1000 > (1000 - 6) / 10


@dataclass
class Counting:
    """A quota that gives all, and counts it."""

    takes: list[tuple[int, int]] = field(default_factory=list)

    def take(self, events: int, size: int) -> float:
        self.takes.append((events, size))
        return 0.0

    def watch(self, wake):
        pass


def test_what_is_sent_again_counts_again():
    answers = iter([error(429), NoResponse("reset"), error(503), error(413)])

    def server(sent):
        return next(answers, None) or taken(len(sent))

    quota, batches = Counting(), many(1, 4)
    (only,) = send(batches, Memory(server), quota, JumpingClock(), max_retries=9)
    assert [verdict.status for verdict in only.verdicts] == [Status.IMPORTED] * 4
    assert [events for events, _ in quota.takes] == [4, 4, 4, 4, 2, 2]
    size = quota.takes[0][1]
    assert size - 1 <= sum(len(each.body) + 1 for each in batches[0].events()) <= size
    assert quota.takes[4][1] + quota.takes[5][1] == size + 1


class Empty:
    """A quota that gives nothing until it is told to."""

    def __init__(self) -> None:
        self.gives = False
        self.asked = threading.Event()
        self.wake = lambda: None

    def take(self, *_: int) -> float:
        self.asked.set()
        return 0.0 if self.gives else 1000.0

    def watch(self, wake):
        self.wake = wake


def test_a_stop_does_not_wait_for_the_quota():
    quota, stop, out = Empty(), threading.Event(), []
    memory = Memory(lambda _: pytest.fail("sent"))
    run = threading.Thread(target=lambda: out.extend(send(many(20), memory, quota, stop=stop)))
    run.start()
    assert quota.asked.wait(PATIENCE)
    stop.set()
    run.join(5)
    assert not run.is_alive()
    assert out == []


def test_a_run_goes_on_at_once_when_its_quota_wakes_it():
    quota, out = Empty(), []
    run = threading.Thread(
        target=lambda: out.extend(send(many(20), Memory(lambda sent: taken(len(sent))), quota))
    )
    run.start()
    assert quota.asked.wait(PATIENCE)
    quota.gives = True
    quota.wake()
    run.join(PATIENCE)
    assert len(out) == 20


def test_a_429_still_makes_all_wait_whatever_the_quota_gives():
    clock, refused = JumpingClock(), []

    def server(sent):
        if not refused:
            refused.append(clock.time)
            return Response(429, b'{"code":429,"error":"slow down"}', retry_after="40")
        assert clock.time >= refused[0] + 40
        return taken(len(sent))

    assert len(list(send(many(30), Memory(server), Counting(), clock, concurrency=1))) == 30


def test_a_probe_waits_for_the_quota_and_ends_the_pause_all_the_same():
    clock, answers = JumpingClock(), accumulate(range(1000))

    def server(sent):
        return error(429) if next(answers) == 1 else taken(len(sent))

    cap = Cap(10)
    out = list(send(many(60), Memory(server), TokenBucket(cap, clock), clock))
    assert len(out) == 60


class GivesOneFirst:
    """A quota that gives one request, then refuses two senders, and then gives all to the first of these."""

    def __init__(self) -> None:
        self.refused: list[int] = []
        self.given = 0

    def take(self, *_: int) -> float:
        sender = threading.get_ident()
        if self.given and len(set(self.refused)) < 2:
            self.refused.append(sender)
            return 0.1
        if self.given == 1 and sender != self.refused[0]:
            return 0.1
        self.given += 1
        return 0.0

    def watch(self, wake):
        pass


def test_a_batch_is_tried_again_in_time_though_its_sender_waited_for_the_quota():
    quota, again, tries = GivesOneFirst(), threading.Event(), []

    def server(sent):
        if 0 not in sent:
            assert again.wait(PATIENCE)
        elif not tries:
            tries.append(sent)
            wait_until(lambda: quota.refused, "another sender waits for the quota")
            return NoResponse("reset")
        else:
            again.set()
        return taken(len(sent))

    out = list(send(many(2), Memory(server), quota, JumpingClock(), concurrency=2))
    assert len(out) == 2
