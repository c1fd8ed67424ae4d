import threading

import pytest
from delivery_helpers import CREDENTIALS, IMPORT, NOW, PATIENCE, TRACK, Memory, event, wait_until
from delivery_server import Server, answer

from importer.delivery.send_one import SendResult, send_event
from importer.errors import RefusedError
from importer.mixpanel.limits import TRACK_ACCEPTED_AGE_MS
from importer.model import Destination

EVENT = event(1)


def post(server, endpoint="track", time=NOW, timeout=PATIENCE):
    destination = Destination(endpoint, server.url, "sandbox")
    return send_event(EVENT.body, time, destination, CREDENTIALS, timeout=timeout, now=lambda: NOW)


def ask(status, body, endpoint="track"):
    with Server(lambda _, connection: connection.reply(status, body)) as server:
        reply = post(server, endpoint)
    assert len(server.requests) == 1  # never a second try
    return reply


def test_a_1_from_track_is_success():
    assert ask(200, b"1") == SendResult(200, None)


def test_a_0_from_track_is_a_client_error():
    assert ask(200, b"0") == SendResult(400, "Mixpanel returned error: 0")


@pytest.mark.parametrize("endpoint", ["track", "import"])
@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (503, b"", "HTTP error 503: Service Unavailable"),
        (429, b'{"error":"Project exceeded rate limits."}', "HTTP error 429: Project exceeded rate limits."),
        (401, b'{"error":"Invalid credentials"}', "HTTP error 401: Invalid credentials"),
        (400, b"<h1>\nBad</h1>", "HTTP error 400: <h1> Bad</h1>"),
        (413, b"", "HTTP error 413: Request Entity Too Large"),
        (302, b"", "HTTP error 302: Found"),
    ],
)
def test_an_http_error_is_reported_with_its_status_and_the_servers_message(endpoint, status, body, error):
    assert ask(status, body, endpoint) == SendResult(status, error)


def test_a_success_that_is_not_mixpanel_s_is_an_error():
    reply = ask(200, b"<html>Log in</html>")
    assert reply.status_code == 200
    assert reply.error.startswith("Mixpanel returned error: ")
    assert "Log in" in reply.error


def test_an_event_that_is_too_old_for_track_goes_to_import_with_the_same_token():
    with Server(lambda _, connection: connection.reply(200, b'{"num_records_imported":1}')) as server:
        assert post(server, time=NOW - TRACK_ACCEPTED_AGE_MS - 1) == SendResult(200, None)
    request = server.requests[0]
    assert request.target == "/import?strict=1"
    assert request.headers["authorization"].startswith("Basic ")
    assert "token" not in request.events()[0]["properties"]


def test_an_event_that_is_just_young_enough_goes_to_track():
    with Server(lambda _, connection: connection.reply(200, b"1")) as server:
        assert post(server, time=NOW - TRACK_ACCEPTED_AGE_MS).error is None
    assert server.requests[0].target == "/track"
    assert server.requests[0].events()[0]["properties"]["token"] == CREDENTIALS.username


def test_an_event_that_import_refuses_is_an_error_with_its_reason():
    body = b'{"code":400,"num_records_imported":0,"failed_records":[{"index":0,"insert_id":"id-1","field":"properties.time","message":"is bad"}]}'
    assert ask(400, body, "import") == SendResult(400, "HTTP error 400: properties.time: is bad")


def test_an_import_that_speaks_of_another_event_is_an_error():
    body = b'{"code":400,"num_records_imported":0,"error":"no","failed_records":[{"index":0,"insert_id":"other"}]}'
    assert ask(400, body, "import") == SendResult(400, "HTTP error 400: no")


def test_without_a_response_there_is_no_status():
    with Server(lambda _, connection: connection.reset()) as server:
        reply = post(server)
    assert reply.status_code is None
    assert "connection broke" in reply.error
    assert len(server.requests) == 1


def test_a_port_where_nobody_listens_is_reported():
    with Server(lambda _, connection: connection.reset()) as server:
        pass
    reply = post(server)
    assert reply.status_code is None
    assert reply.error.startswith("no connection")


def test_an_answer_that_drips_is_broken_off_in_the_end():
    with Server(lambda _, connection: connection.drip(answer(200, b"1" * 1000), 0.01)) as server:
        reply = post(server, timeout=0.02)
    assert reply.status_code is None
    wait_until(
        lambda: not [t for t in threading.enumerate() if isinstance(t, threading.Timer)], "the timer ends"
    )


def test_a_bad_destination_is_refused():
    with pytest.raises(RefusedError):
        send_event(
            EVENT.body,
            NOW,
            Destination("track", "http://api.mixpanel.com"),
            CREDENTIALS,
            timeout=1,
            now=lambda: NOW,
        )


@pytest.mark.parametrize("destination", [IMPORT, TRACK], ids=["import", "track"])
def test_the_connection_is_closed_whatever_happens(destination):
    def fail(_sent):
        raise ZeroDivisionError

    server = Memory(fail)
    with pytest.raises(ZeroDivisionError):
        send_event(EVENT.body, NOW, destination, CREDENTIALS, timeout=1, client_factory=server)
    assert [client.closed for client in server.clients] == [True]
