"""Connections that are kept from one delivery to the next."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
from delivery_helpers import CREDENTIALS, NOW, PATIENCE, event, many, no_senders, settings, wait_until
from delivery_server import Server

from importer.delivery.client import make_client_factory
from importer.delivery.connections import Connections
from importer.delivery.engine import deliver
from importer.delivery.replies import Response
from importer.errors import DeliveryError, RefusedError
from importer.model import Destination, Status

BODIES = [event(1).body]


def take(request, connection):
    connection.take(request)


def go(connections, server, batches, **changes):
    given = settings(**{"retry_wait": 0.002, "timeout": PATIENCE, "concurrency": 1, **changes})
    destination = Destination("import", server.url, "sandbox")
    factory = connections.factory(destination, CREDENTIALS, given.timeout, make_client_factory)
    found = list(
        deliver(
            batches,
            destination,
            CREDENTIALS,
            given,
            stop=threading.Event(),
            now=lambda: NOW,
            client_factory=factory,
        )
    )
    wait_until(no_senders, "the senders end")
    return [verdict.status for each in found for verdict in each.verdicts]


def test_the_next_delivery_goes_out_on_the_connections_of_the_last():
    with Server(take) as server, Connections() as connections:
        for _ in range(5):
            assert set(go(connections, server, many(3))) == {Status.IMPORTED}
        assert server.connections == 1
        assert set(go(connections, server, many(30), concurrency=3)) == {Status.IMPORTED}
        assert server.connections <= 3
    assert len(server.requests) == 45


def test_what_was_kept_is_closed_in_the_end():
    left = threading.Semaphore(0)

    def take_and_see_it_end(request, connection):
        connection.take(request)
        assert connection.sock.recv(1) == b""
        left.release()

    with Server(take_and_see_it_end) as server:
        with Connections() as connections:
            go(connections, server, many(1))
            assert not left.acquire(timeout=0.05)
        assert left.acquire(timeout=PATIENCE)


def test_a_connection_that_the_server_closed_meanwhile_is_made_again():
    def take_and_leave(request, connection):
        connection.take(request)
        connection.leave()

    with Server(take_and_leave) as server, Connections() as connections:
        for number in range(1, 4):
            assert go(connections, server, many(1, 1)) == [Status.IMPORTED]
            assert server.connections == number


def test_another_destination_has_other_connections():
    with Server(take) as one, Server(take) as other, Connections() as connections:
        for server in (one, other, other, one):
            go(connections, server, many(1))
        assert (one.connections, other.connections) == (2, 1)
        assert (len(one.requests), len(other.requests)) == (2, 2)


def test_a_delivery_that_failed_leaves_the_next_one_as_it_is():
    healthy = threading.Event()

    def break_off(request, connection):
        if healthy.is_set():
            connection.take(request)
        else:
            connection.reset()

    with Server(break_off) as server, Connections() as connections:
        with pytest.raises(DeliveryError):
            go(connections, server, many(1), max_retries=0)
        healthy.set()
        assert set(go(connections, server, many(2))) == {Status.IMPORTED}


def test_a_base_url_that_can_not_be_used_is_refused_at_once():
    with Connections() as connections, pytest.raises(RefusedError):
        connections.factory(Destination("import", "nowhere"), CREDENTIALS, 5.0, make_client_factory)


# ── what is given back ───────────────────────────────────────────────────────────────────────────


@dataclass
class FakeClient:
    error: Exception | None = None
    aborted: bool = False
    closed: bool = False

    def post(self, _):
        if self.error:
            raise self.error
        return Response(200, b"")

    def abort(self):
        self.aborted = True

    def close(self):
        self.closed = True


def making(made):
    """Return what makes connections that are none, each of which is appended to a list."""

    def make():
        made.append(FakeClient())
        return made[-1]

    return lambda *_: make


DESTINATION = Destination("import", "http://127.0.0.1:9")


def test_what_was_aborted_or_raised_is_closed_and_nothing_else():
    made = []
    with Connections() as connections:
        lend = connections.factory(DESTINATION, CREDENTIALS, 5.0, making(made))
        fine, aborted, broken = lend(), lend(), lend()
        assert fine.post(BODIES) == Response(200, b"")
        aborted.abort()
        made[2].error = ValueError("x")
        with pytest.raises(ValueError, match="x"):
            broken.post(BODIES)
        for each in (fine, aborted, broken):
            each.close()
            each.close()
        assert [each.closed for each in made] == [False, True, True]
        assert made[1].aborted
        again, new = lend(), lend()
        assert len(made) == 4
        fine.abort()  # a delivery that closes late
        assert not made[0].aborted
        for each in (again, new):
            each.close()
    assert all(each.closed for each in made)


def test_what_is_given_back_too_late_is_closed():
    made = []
    with Connections() as connections:
        late = connections.factory(DESTINATION, CREDENTIALS, 5.0, making(made))()
        other = connections.factory(DESTINATION, CREDENTIALS, 6.0, making(made))()
        late.close()
        assert made[0].closed
    other.close()
    assert made[1].closed
