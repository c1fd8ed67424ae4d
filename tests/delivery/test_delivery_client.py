import base64
import gc
import logging
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import get_args

import httpx
import pytest
from delivery_helpers import CREDENTIALS, IMPORT, PATIENCE, TOKEN, TRACK, batch, settings
from delivery_server import Server

from importer.delivery.client import (
    FAILURES,
    HTTPX_ERRORS,
    MAX_RESPONSE_BYTES,
    make_client_factory,
    prepare_request,
    to_no_response,
)
from importer.delivery.connection import FailureCause
from importer.delivery.engine import deliver
from importer.delivery.replies import NoResponse, Response
from importer.errors import RefusedError
from importer.model import Credentials, Destination

SERVICE = Credentials("service-account", "importer.1a2b.mp-service-account", "s3cr3t-s3cr3t", "12 34&x")
BODIES = [b'{"event":"A","properties":{"n":1}}', b'{"event":"B","properties":{"n":2}}']


def client(handler, destination=IMPORT, credentials=CREDENTIALS):
    return make_client_factory(destination, credentials, 5.0, lambda: httpx.MockTransport(handler))()


def post(handler, *arguments):
    made = client(handler, *arguments)
    try:
        return made.post(BODIES)
    finally:
        made.close()


def seen(destination=IMPORT, credentials=CREDENTIALS):
    """The request that goes out."""
    requests = []

    def handler(request):
        requests.append(request)
        return httpx.Response(200, content=b"1")

    post(handler, destination, credentials)
    return requests[0]


# ── the request ──────────────────────────────────────────────────────────────────────────────────


def test_import_gets_gzipped_ndjson_and_the_token_as_user():
    request = seen()
    assert str(request.url) == "http://127.0.0.1:9/import?strict=1"
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/x-ndjson"
    assert request.headers["content-encoding"] == "gzip"
    assert httpx.Response(200, headers={"content-encoding": "gzip"}, content=request.content).content == (
        BODIES[0] + b"\n" + BODIES[1]
    )
    user = base64.b64decode(request.headers["authorization"].removeprefix("Basic "))
    assert user == TOKEN.encode() + b":"


def test_a_service_account_names_its_project():
    request = seen(credentials=SERVICE)
    assert request.url.params["project_id"] == "12 34&x"
    assert request.url.params["strict"] == "1"
    user = base64.b64decode(request.headers["authorization"].removeprefix("Basic "))
    assert user == b"importer.1a2b.mp-service-account:s3cr3t-s3cr3t"


def test_track_gets_an_array_with_the_token_in_each_event_and_no_other_credentials():
    request = seen(TRACK)
    assert str(request.url) == "http://127.0.0.1:9/track"
    token = f',"token":"{TOKEN}"'.encode()
    assert request.content == (
        b'[{"event":"A","properties":{"n":1' + token + b'}},{"event":"B","properties":{"n":2' + token + b"}}]"
    )
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
    assert "content-encoding" not in request.headers


def test_equal_events_make_equal_bytes():
    assert seen().content == seen().content


def test_a_path_in_the_base_url_is_kept_and_its_slash_is_not_doubled():
    request = seen(Destination("import", "https://proxy.example.com/mp/"))
    assert request.url.path == "/mp/import"


@pytest.mark.parametrize("url", ["https://exa\u2028mple.com", "https://" + "x" * 70_000])
def test_what_httpx_cannot_take_as_a_url_is_refused(url):
    with pytest.raises(RefusedError, match="base URL"):
        prepare_request(Destination("import", url), CREDENTIALS)


# ── the answer ───────────────────────────────────────────────────────────────────────────────────


def test_an_answer_is_handed_on_as_it_came():
    headers = {"retry-after": "7", "date": "Fri, 15 Jan 2027 08:00:00 GMT", "location": "/x"}
    reply = post(lambda _: httpx.Response(302, headers=headers, content=b"moved"))
    assert reply == Response(302, b"moved", "7", "Fri, 15 Jan 2027 08:00:00 GMT", "/x")


def test_a_redirect_is_not_followed():
    asked = []

    def handler(request):
        asked.append(request.url)
        return httpx.Response(307, headers={"location": "https://elsewhere.example.com/"})

    assert post(handler).status == 307
    assert len(asked) == 1


def test_an_answer_without_end_is_not_read_to_its_end():
    read = []

    def endless():
        while True:
            read.append(1)
            yield b"x" * 1_000_000

    reply = post(lambda _: httpx.Response(200, content=endless()))
    assert isinstance(reply, NoResponse)
    assert len(read) <= MAX_RESPONSE_BYTES / 1_000_000 + 2


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br", "deflate", "identity, x-gzip", "GZIP", "made-up"])
@pytest.mark.parametrize("status", [200, 400, 401, 429])
def test_an_answer_in_an_encoding_that_was_not_asked_for_is_not_decoded(encoding, status):
    bomb = httpx.ByteStream(b"\x1f\x8b bytes that are no gzip")
    reply = post(lambda _: httpx.Response(status, headers={"content-encoding": encoding}, stream=bomb))
    assert reply == Response(status, b"", encoding=encoding)


@pytest.mark.parametrize("encoding", ["", "identity", "Identity , identity"])
def test_an_answer_that_says_that_it_has_no_encoding_is_read(encoding):
    stream = httpx.ByteStream(b"1")
    reply = post(lambda _: httpx.Response(200, headers={"content-encoding": encoding}, stream=stream))
    assert reply == Response(200, b"1")


def test_no_response_stays_in_memory_until_the_next_garbage_collection():
    made = client(lambda _: httpx.Response(200, content=b"1"))
    gc.collect()
    gc.disable()
    try:
        made.post(BODIES)
        made.post(BODIES)
        assert [o for o in gc.get_objects() if type(o) is httpx.Response] == []
    finally:
        gc.enable()
        made.close()


def test_requests_create_no_reference_cycles():
    """For it comes by seldom during a run; however a request goes, on a connection or without one."""
    failed = b'{"code":400,"error":"some failed","failed_records":[]}'

    def handler(request, connection):
        connection.reply(*((400, failed) if len(server.requests) % 3 else (200, b"{}")))
        if len(server.requests) % 5 == 0:
            connection.leave()

    with Server(handler) as server, Server(handler) as gone:
        pass
    with Server(handler) as server:
        there = make_client_factory(Destination("import", server.url), CREDENTIALS, PATIENCE)()
        nowhere = make_client_factory(Destination("import", gone.url), CREDENTIALS, PATIENCE)()
        for made in (there, nowhere):
            made.post(BODIES)
        gc.collect()
        gc.disable()
        try:
            for made in (there, nowhere):
                replies = [made.post(BODIES) for _ in range(30)]
            assert all(isinstance(reply, NoResponse) for reply in replies)
            assert gc.collect() <= 30
        finally:
            gc.enable()
            there.close()
            nowhere.close()


# ── what httpx raises ────────────────────────────────────────────────────────────────────────────


def family(kind):
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


HTTPX = {
    kind
    for name in vars(httpx)
    if isinstance(root := getattr(httpx, name), type) and issubclass(root, Exception)
    for kind in family(root)
    if kind.__module__.split(".")[0] == "httpx"
}


def test_the_search_finds_the_exceptions_of_httpx():
    assert {
        httpx.HTTPError,
        httpx.StreamError,
        httpx.InvalidURL,
        httpx.ReadTimeout,
        httpx.ProxyError,
    } <= HTTPX
    assert len(HTTPX) >= 28


@pytest.mark.parametrize("kind", sorted(HTTPX, key=lambda kind: kind.__name__))
def test_every_exception_of_httpx_has_its_meaning(kind):
    assert kind in FAILURES
    assert FAILURES[kind].message


def test_whatever_ends_an_exchange_early_has_its_meaning_too():
    assert set(HTTPX_ERRORS) == set(get_args(FailureCause))
    assert set(HTTPX_ERRORS.values()) <= set(FAILURES)


def make(kind):
    if kind is httpx.HTTPStatusError:
        return kind("words", request=httpx.Request("GET", "http://x"), response=httpx.Response(500))
    return (
        kind()
        if kind in (httpx.StreamConsumed, httpx.StreamClosed, httpx.ResponseNotRead, httpx.RequestNotRead)
        else kind("words")
    )


@pytest.mark.parametrize("kind", sorted(FAILURES, key=lambda kind: kind.__name__))
def test_no_exception_of_httpx_leaves_the_module(kind):
    def handler(_):
        raise make(kind)

    reply = post(handler)
    assert isinstance(reply, NoResponse)
    assert reply.message.startswith(FAILURES[kind].message)
    assert reply.permanent == (kind in (httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.InvalidURL))


def test_an_exception_of_a_later_httpx_is_known_by_its_parent():
    class Novel(httpx.NetworkError):
        pass

    assert to_no_response(Novel("x")).message == "the connection broke: x"


@pytest.mark.parametrize("kind", sorted(FAILURES, key=lambda kind: kind.__name__))
def test_the_cause_for_the_log_quotes_no_server(kind):
    """What is no HTTP is quoted in the exception; a system's error and a time-out are not the server's words."""
    cause = to_no_response(make(kind)).cause
    if issubclass(kind, httpx.TimeoutException | httpx.NetworkError):
        assert cause == f"{FAILURES[kind].message}: words"
    else:
        assert cause == FAILURES[kind].message


def test_the_cause_names_the_status_of_a_proxy_but_not_its_words():
    assert to_no_response(httpx.ProxyError("407 secret words")).cause == "the proxy did not connect us (407)"


def test_an_invalid_certificate_is_a_permanent_failure():
    error = httpx.ConnectError("failed")
    error.__cause__ = OSError("x")
    error.__cause__.__context__ = ssl.SSLCertVerificationError("self-signed")
    assert to_no_response(error).permanent
    assert "certificate" in to_no_response(error).message
    assert not to_no_response(httpx.ConnectError("[SSL] wrong version number")).permanent


@pytest.mark.parametrize(
    ("message", "permanent"),
    [
        ("407 Proxy Authentication Required", True),
        ("404 No", True),
        ("503 Busy", False),
        ("429 Slow", False),
        ("", False),
    ],
)
def test_a_proxy_that_refuses_is_a_permanent_failure_and_a_busy_one_is_not(message, permanent):
    assert to_no_response(httpx.ProxyError(message)).permanent is permanent


def test_messages_of_the_system_are_cut_to_one_short_line():
    message = to_no_response(httpx.ConnectError("a\nb\x1b" + "x" * 1000)).message
    assert message.startswith(r"no connection: a b\x1b")
    assert len(message) <= 300


def test_a_proxy_whose_name_no_resolver_accepts_is_a_permanent_failure(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://a..b.localhost")
    made = make_client_factory(Destination("import", "https://api.mixpanel.invalid"), CREDENTIALS, PATIENCE)()
    reply = made.post(BODIES)
    made.close()
    assert isinstance(reply, NoResponse)
    assert reply.permanent


def test_any_exception_after_an_abort_is_a_lost_answer():
    made = []

    def handler(_):
        made[0].abort()
        raise ValueError("read of closed file")

    made.append(client(handler))
    assert made[0].post(BODIES) == NoResponse("broken off: read of closed file", cause="broken off")
    made[0].close()


def test_a_defect_is_not_taken_for_a_broken_network():
    def handler(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        post(handler)


# ── credentials ──────────────────────────────────────────────────────────────────────────────────


def echo(request):
    """A server that repeats all that it was sent."""
    message = f"{request.headers.get('authorization')} {TOKEN} {SERVICE.username} {SERVICE.password}"
    return httpx.Response(401, json={"error": message}, headers={"location": f"https://x/{TOKEN}"})


@pytest.mark.parametrize("credentials", [CREDENTIALS, SERVICE], ids=["token", "service account"])
@pytest.mark.parametrize("destination", [IMPORT, TRACK], ids=["import", "track"])
def test_no_repr_log_or_error_contains_credentials(destination, credentials, caplog):
    caplog.set_level(logging.DEBUG)
    factory = make_client_factory(destination, credentials, 5.0, lambda: httpx.MockTransport(echo))
    made = factory()
    reply = made.post(BODIES)
    made.close()
    texts = [repr(made), repr(prepare_request(destination, credentials)), repr(reply), caplog.text]
    with pytest.raises(RefusedError) as caught:
        list(
            deliver(
                [batch(0)],
                destination,
                credentials,
                settings(),
                stop=threading.Event(),
                client_factory=factory,
            )
        )
    texts += [str(caught.value), repr(caught.value), caught.value.message, caught.value.remedy]
    own = [s for s in (credentials.username, credentials.password) if s]
    own.append(base64.b64encode(f"{credentials.username}:{credentials.password}".encode()).decode())
    for secret in own:
        assert all(secret not in text for text in texts)
    assert "***" in caught.value.message


def test_a_broken_connection_shows_no_credentials_either():
    def handler(_):
        raise httpx.ConnectError(f"can't reach https://{TOKEN}@host")

    assert TOKEN not in post(handler).message


def test_an_unusable_proxy_is_refused_without_showing_its_password(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "gopher://bob:hunter22@proxy.example.com")
    with pytest.raises(RefusedError) as caught:
        make_client_factory(Destination("import", "https://api.mixpanel.com"), CREDENTIALS, PATIENCE)()
    assert "hunter22" not in caught.value.message + caught.value.remedy
    assert "proxy" in caught.value.message.lower()
    assert caught.value.__suppress_context__


def test_httpx_is_loaded_only_when_something_is_sent():
    root = Path(__file__).parents[2]
    code = "import sys, importer.delivery; print(*{'httpx', 'isal', 'truststore'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], check=True, cwd=root, capture_output=True, text=True)
    assert run.stdout.split() == []
