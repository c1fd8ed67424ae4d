"""Over real sockets: what breaks off, drips, hangs, lies or listens in."""

import contextlib
import random
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
from delivery_helpers import (
    CREDENTIALS,
    NOW,
    PATIENCE,
    batch,
    event,
    many,
    no_senders,
    settings,
    wait_until,
)
from delivery_server import Server, answer

from importer.delivery.client import make_client_factory
from importer.delivery.connection import ANSWER_TIMEOUTS
from importer.delivery.engine import deliver
from importer.delivery.replies import NoResponse, Response
from importer.errors import DeliveryError, RefusedError
from importer.model import Destination, Status

BODIES = [event.body for event in batch(1, 2).events()]


@pytest.fixture(autouse=True)
def nothing_is_left_over():
    yield
    wait_until(no_senders, "the senders end")


def go(server, batches, endpoint="import", clock=None, **changes):
    return deliver(
        batches,
        Destination(endpoint, server.url, "sandbox"),
        CREDENTIALS,
        settings(**{"retry_wait": 0.002, "timeout": PATIENCE, **changes}),
        stop=threading.Event(),
        now=lambda: NOW,
        clock=clock,
    )


def take(request, connection):
    connection.take(request)


def statuses(delivered):
    return [verdict.status for each in delivered for verdict in each.verdicts]


def one(server, timeout=PATIENCE, endpoint="import"):
    """Post two events by one client; what came back."""
    client = make_client_factory(Destination(endpoint, server.url), CREDENTIALS, timeout)()
    try:
        return client.post(BODIES)
    finally:
        client.close()


def test_events_arrive_and_a_sender_keeps_its_connection():
    with Server(take) as server:
        out = list(go(server, many(30), concurrency=2))
    assert statuses(out) == [Status.IMPORTED] * 150
    assert sorted(n for request in server.requests for n in request.numbers()) == list(range(150))
    assert {request.target for request in server.requests} == {"/import?strict=1"}
    assert server.connections == 2


def test_track_takes_its_array():
    with Server(lambda _, connection: connection.reply(200, b"1")) as server:
        assert statuses(go(server, many(3), "track")) == [Status.ACCEPTED] * 15
    assert server.requests[0].events()[0]["properties"]["token"] == CREDENTIALS.username


def test_whatever_breaks_nothing_is_lost_and_every_event_is_taken():
    dice, lock, landed = random.Random(11), threading.Lock(), set()

    def break_something(request, connection):
        with lock:
            fault = dice.choice(
                ["none"] * 6 + ["reset before", "reset after", "cut", "html", "503", "late", "nothing"]
            )
        if fault == "reset before":
            connection.reset()
        if fault == "503":
            connection.reply(503, b"busy", Retry_After="0")
            return
        if fault == "html":
            connection.reply(200, b"<html>Log in to the guest network</html>")
            return
        landed.update(request.numbers())
        if fault == "reset after":
            connection.reset()
        elif fault == "cut":
            connection.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{")
            connection.leave()
        elif fault == "nothing":
            connection.leave()
        else:
            if fault == "late":
                time.sleep(0.005)
            connection.take(request)

    with Server(break_something) as server:
        out = list(go(server, many(150), max_retries=30, concurrency=6))
    assert statuses(out) == [Status.IMPORTED] * 750
    assert [each.batch.events()[0].row for each in out] == list(range(1, 751, 5))
    assert landed == set(range(750))


def test_a_large_answer_that_rejects_everything_is_read_whole():
    def reject(request, connection):
        sent = request.events()
        failed = ",".join(
            f'{{"index":{i},"insert_id":"{e["properties"]["$insert_id"]}","field":"f","message":"{"m" * 200}"}}'
            for i, e in enumerate(sent)
        )
        connection.reply(400, f'{{"code":400,"num_records_imported":0,"failed_records":[{failed}]}}'.encode())

    with Server(reject) as server:
        assert statuses(go(server, [batch(*range(2000))])) == [Status.REJECTED] * 2000


def test_an_answer_that_is_announced_as_a_gigabyte_is_given_up():
    def flood(_, connection):
        connection.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.sock.sendall(b" " * 1_000_000)

    with Server(flood) as server:
        reply = one(server)
    assert isinstance(reply, NoResponse)
    assert "8,000,000 bytes" in reply.message


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"\x00" * 200_000,
    ],
)
def test_what_is_no_http_is_a_lost_answer(sent):
    def speak(_, connection):
        connection.sock.sendall(sent)
        connection.leave()

    with Server(speak) as server:
        reply = one(server)
    assert isinstance(reply, NoResponse)
    assert not reply.permanent


def test_a_port_where_nobody_listens_stops_the_run():
    with Server(take) as server:
        pass
    with pytest.raises(DeliveryError, match=r"no connection: .*refused"):
        list(go(server, many(3), max_retries=1))


def test_silence_is_a_lost_answer_after_the_time_out():
    with Server(lambda _, connection: connection.hang()) as server:
        reply = one(server, timeout=0.05)
    assert isinstance(reply, NoResponse)
    assert "no answer in time" in reply.message


OK = answer(200, b'{"num_records_imported":5}' + b" " * 10_000)
NEVER_WHOLE = {
    "a byte now and then": lambda connection: connection.drip(OK, 0.01),
    "a head, and then a byte now and then": lambda connection: (
        connection.sock.sendall(OK[: OK.index(b"{")]),
        connection.drip(OK[OK.index(b"{") :], 0.01),
    ),
    "100 Continue for ever": lambda connection: connection.drip(
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000, 0.002
    ),
    "100 Continue at once for ever": lambda connection: [
        connection.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 10) for _ in range(10**9)
    ],
    "a chunk now and then": lambda connection: (
        connection.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        connection.drip(b"1\r\n \r\n" * 2_000, 0.005),
    ),
}


@pytest.mark.parametrize("form", NEVER_WHOLE)
@pytest.mark.parametrize("before", [0, 1], ids=["first request", "later request"])
def test_an_answer_that_is_never_whole_is_broken_off_and_sent_again(form, before):
    def handle(request, connection):
        if len(server.requests) == before + 1:
            NEVER_WHOLE[form](connection)
        else:
            connection.take(request)

    timeout = 0.1
    with Server(handle) as server:
        start = time.monotonic()
        out = list(go(server, many(2), timeout=timeout, concurrency=1))
        took = time.monotonic() - start
    assert statuses(out) == [Status.IMPORTED] * 10
    assert len(server.requests) == 3
    assert took > ANSWER_TIMEOUTS * timeout
    again = server.requests[before]
    assert again in server.requests[before + 1 :]


def test_what_was_too_slow_is_said():
    with Server(lambda _, connection: connection.drip(OK, 0.01)) as server:
        reply = one(server, timeout=0.1)
    assert reply.message == reply.cause == "no answer in time: it took more than 0.2 s in all"


def test_an_answer_that_is_slow_within_its_time_counts():
    def handle(request, connection):
        connection.drip(answer(200, b'{"num_records_imported":2}'), 0.001)

    with Server(handle) as server:
        assert one(server) == Response(200, b'{"num_records_imported":2}')


def test_a_request_that_is_taken_too_slowly_is_broken_off():
    """A server that reads on, but so little at once that its request would take for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        left = threading.Event()

        def sip():
            sock, _ = listener.accept()
            with sock:
                while not left.wait(0.002):
                    sock.recv(1_024)

        server = threading.Thread(target=sip)
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = make_client_factory(Destination("track", url), CREDENTIALS, 0.05)()
        reply = client.post([event(1, size=20_000_000).body])
        client.close()
        left.set()
        server.join(PATIENCE)
    assert isinstance(reply, NoResponse)
    assert reply.message.startswith("the request could not be written in time")


def first_passes_others_hang(request, connection):
    if request.numbers()[0] == 0:
        connection.take(request)
    else:
        connection.hang()


def test_closing_aborts_requests_that_hang():
    with Server(first_passes_others_hang) as server:
        generator = go(server, many(1000), timeout=PATIENCE)
        assert statuses([next(generator)]) == [Status.IMPORTED] * 5
        assert server.hanging.acquire(timeout=PATIENCE)
        generator.close()
        wait_until(no_senders, "the senders end")
        assert server.left.acquire(timeout=PATIENCE)


def test_after_a_stop_a_request_that_hangs_gets_one_time_out():
    stop = threading.Event()
    with Server(first_passes_others_hang) as server:
        destination = Destination("import", server.url)
        out = deliver(many(50), destination, CREDENTIALS, settings(timeout=0.5), stop=stop)
        assert statuses([next(out)]) == [Status.IMPORTED] * 5
        assert server.hanging.acquire(timeout=PATIENCE)
        stop.set()
        assert list(out) == []


def hangs_after(passed):
    """A handler that takes so many requests and then hangs."""

    def handler(request, connection):
        if passed:
            passed.pop()
            connection.take(request)
        else:
            connection.hang()

    return handler


FIRST_OR_LATER = pytest.mark.parametrize("before", [0, 3], ids=["first request", "later request"])


def hang_and_abort(server, before):
    """Post, and abort what hangs; what came back of it."""
    client = make_client_factory(Destination("import", server.url), CREDENTIALS, PATIENCE)()
    for _ in range(before):
        assert client.post(BODIES).status == 200
    replies = []
    poster = threading.Thread(target=lambda: replies.append(client.post(BODIES)))
    poster.start()
    assert server.hanging.acquire(timeout=PATIENCE)
    client.abort()
    poster.join(PATIENCE)
    client.close()
    return replies[0]


@FIRST_OR_LATER
def test_a_client_that_is_aborted_while_it_hangs_returns_at_once(before):
    with Server(hangs_after([1] * before)) as server:
        assert isinstance(hang_and_abort(server, before), NoResponse)
        assert server.left.acquire(timeout=PATIENCE)
    assert server.connections == 1


@FIRST_OR_LATER
def test_an_aborted_client_sends_nothing_more(before):
    with Server(take) as server:
        client = make_client_factory(Destination("import", server.url), CREDENTIALS, PATIENCE)()
        for _ in range(before):
            assert client.post(BODIES).status == 200
        client.abort()
        assert isinstance(client.post(BODIES), NoResponse)
        assert isinstance(client.post(BODIES), NoResponse)
        client.close()
    assert len(server.requests) == before


def test_a_redirect_is_refused_and_not_followed():
    with (
        Server(lambda _, connection: connection.reply(302, b"", Location="/elsewhere")) as server,
        pytest.raises(RefusedError, match="redirects to /elsewhere"),
    ):
        list(go(server, many(1)))
    assert [request.target for request in server.requests] == ["/import?strict=1"]


# ── proxies ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def proxied(monkeypatch):
    def through(url):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("HTTPS_PROXY", url)
        monkeypatch.setenv("ALL_PROXY", url)

    return through


def test_this_machine_is_never_reached_through_a_proxy(proxied):
    with Server(take) as server, Server(take) as proxy:
        proxied(proxy.url)
        assert statuses(go(server, many(2))) == [Status.IMPORTED] * 10
    assert proxy.requests == []


def test_other_machines_are_reached_through_the_proxy_of_the_environment(proxied):
    def refuse(_, connection):
        connection.reply(407, b"")

    with Server(refuse) as proxy:
        proxied(proxy.url)
        client = make_client_factory(
            Destination("import", "https://api.mixpanel.invalid"), CREDENTIALS, PATIENCE
        )()
        reply = client.post(BODIES)
        client.close()
    assert [(r.method, r.target) for r in proxy.requests] == [("CONNECT", "api.mixpanel.invalid:443")]
    assert reply.permanent
    assert "407" in reply.message


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += [
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:api.mixpanel.invalid",
        "-keyout",
        str(key),
        "-out",
        str(cert),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return key, cert


def tls(certificate):
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def test_a_certificate_that_this_system_does_not_trust_stops_the_run(certificate):
    with (
        Server(take, tls(certificate)) as server,
        pytest.raises(RefusedError, match="certificate is not valid") as caught,
    ):
        list(go(server, many(3)))
    assert caught.value.exit_code == 4
    assert server.requests == []


def test_a_certificate_that_this_system_trusts_is_good(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    with Server(take, tls(certificate)) as server:
        assert statuses(go(server, many(3))) == [Status.IMPORTED] * 15


@FIRST_OR_LATER
def test_a_hanging_tls_connection_is_broken_off_at_once_too(certificate, monkeypatch, before):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    with Server(hangs_after([1] * before), tls(certificate)) as server:
        assert isinstance(hang_and_abort(server, before), NoResponse)
    assert server.connections == 1


def test_later_requests_are_spoken_within_tls(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    big = [event(1, size=3_000_000).body]
    with Server(take, tls(certificate)) as server:
        client = make_client_factory(Destination("track", server.url), CREDENTIALS, PATIENCE)()
        statuses = [client.post(bodies).status for bodies in (BODIES, BODIES, big, BODIES)]
        client.close()
    assert statuses == [200] * 4
    assert server.connections == 1
    assert [len(request.events()) for request in server.requests] == [2, 2, 1, 2]
    assert len(server.requests[2].body) > 3_000_000


class Within:
    """The server's end of TLS within TLS."""

    def __init__(self, outer, context):
        self._outer, self._in, self._out = outer, ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._do(self._tls.do_handshake)

    def _do(self, step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._outer.sendall(self._out.read())
                self._in.write(self._outer.recv(65_536) or self._in.write_eof() or b"")
            finally:
                self._outer.sendall(self._out.read())

    def recv(self, most=65_536):
        return self._do(lambda: self._tls.read(most))

    def sendall(self, *records):
        """Send records of the inner TLS within one of the outer."""
        self._do(lambda: [self._tls.write(record) for record in records])


def test_behind_a_proxy_that_is_reached_by_tls_requests_are_spoken_within_both(
    certificate, proxied, monkeypatch
):
    """What httpx calls the socket is the proxy's there: nothing may be written to it past httpx."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    heads, seen = [], []

    def serve(listener):
        sock, _ = listener.accept()
        with tls(certificate).wrap_socket(sock, server_side=True) as outer:
            heads.append(outer.recv(65_536))
            outer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            inner = Within(outer, tls(certificate))
            for _ in range(3):
                request = b""
                while b"\r\n\r\n[" not in request or not request.endswith(b"]"):
                    request += inner.recv()
                seen.append(request)
                inner.sendall(answer(200, b"1"))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        proxied(f"https://127.0.0.1:{listener.getsockname()[1]}")
        client = make_client_factory(
            Destination("track", "https://api.mixpanel.invalid"), CREDENTIALS, PATIENCE
        )()
        replies = [client.post(BODIES) for _ in range(3)]
        client.close()
        server.join(PATIENCE)
    assert [reply.status for reply in replies] == [200] * 3
    assert [head.split(b"\r\n")[0] for head in heads] == [b"CONNECT api.mixpanel.invalid:443 HTTP/1.1"]
    assert [request.split(b"\r\n")[0] for request in seen] == [b"POST /track HTTP/1.1"] * 3


def test_plain_http_where_tls_is_expected_is_a_network_error_not_a_refusal():
    def greet(listener):
        sock, _ = listener.accept()
        with sock:
            sock.recv(4096)
            sock.sendall(answer(400, b"plain"))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=greet, args=(listener,))
        server.start()
        port = listener.getsockname()[1]
        client = make_client_factory(
            Destination("import", f"https://127.0.0.1:{port}"), CREDENTIALS, PATIENCE
        )()
        reply = client.post(BODIES)
        client.close()
        server.join(PATIENCE)
    assert isinstance(reply, NoResponse)
    assert "no connection: [SSL" in reply.message
    assert not reply.permanent


# ── bytes that are left over ─────────────────────────────────────────────────────────────────────


class Proxy:
    """A proxy that answers CONNECT, and then speaks as Mixpanel itself, over TLS or over TLS within TLS.

    To each request it says the records of `said(n)`, n from 1, as the n-th one on its connection.
    """

    def __init__(self, certificate, said, *, by_tls, connect=b"HTTP/1.1 200 OK\r\n\r\n"):
        self._certificate, self._said, self._by_tls, self._connect = certificate, said, by_tls, connect
        self.requests, self.tunnels = [], 0

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if self._by_tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(sock,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, sock):
        with contextlib.suppress(OSError):
            if self._by_tls:
                sock = tls(self._certificate).wrap_socket(sock, server_side=True)
            with sock:
                assert sock.recv(65_536).startswith(b"CONNECT ")
                self.tunnels += 1
                for i in range(len(self._connect)):
                    time.sleep(0.005 if len(self._connect) > 100 else 0)
                    sock.sendall(self._connect[i : i + 1])
                if self._by_tls:
                    self._answer(Within(sock, tls(self._certificate)))
                else:
                    with tls(self._certificate).wrap_socket(sock, server_side=True) as inner:
                        self._answer(inner)

    def _answer(self, inner):
        request, n = b"", 0
        while more := inner.recv(65_536):
            request += more
            if b"\r\n\r\n[" in request and request.endswith(b"]"):
                n += 1
                self.requests.append(request)
                inner.sendall(*self._said(n))
                request = b""


@pytest.fixture
def through(certificate, proxied, monkeypatch):
    """Post to Mixpanel several times by one client, through a proxy; the replies, and the proxy."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))

    def post(count, said, *, by_tls, timeout=PATIENCE, **more):
        with Proxy(certificate, said, by_tls=by_tls, **more) as proxy:
            proxied(proxy.url)
            destination = Destination("track", "https://api.mixpanel.invalid")
            client = make_client_factory(destination, CREDENTIALS, timeout)()
            replies = [client.post(BODIES) for _ in range(count)]
            client.close()
        return replies, proxy

    return post


BY_TLS = pytest.mark.parametrize("by_tls", [False, True], ids=["plain proxy", "proxy by TLS"])


@BY_TLS
def test_through_a_proxy_a_sender_keeps_its_connection(through, by_tls):
    replies, proxy = through(4, lambda _: [answer(200, b"1")], by_tls=by_tls)
    assert replies == [Response(200, b"1")] * 4
    assert proxy.tunnels == 1
    assert len({request.split(b"\r\n\r\n")[0] for request in proxy.requests}) == 1


BOTH = answer(200, b"0") + answer(200, b"1")


@pytest.mark.parametrize(
    ("by_tls", "said"),
    [
        (False, [BOTH]),
        (True, [BOTH]),
        (True, [answer(200, b"0"), answer(200, b"1")]),
    ],
    ids=["plain proxy", "proxy by TLS", "proxy by TLS, in two records"],
)
def test_through_a_proxy_what_follows_an_answer_is_not_taken_for_the_next_one(through, by_tls, said):
    """Each request is answered by a 0 and, unasked, by a 1: an answer of 1 would be false."""
    replies, proxy = through(4, lambda _: said, by_tls=by_tls)
    assert replies == [Response(200, b"0")] * 4
    assert proxy.tunnels == 4
    assert len(proxy.requests) == 4


@pytest.mark.parametrize(
    "slow",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"\x16\x03\x03\x40\x00" + bytes(16_000),  # a record of TLS, without end
    ],
    ids=["CONNECT", "the handshake behind it"],
)
@BY_TLS
def test_a_connection_that_opens_byte_by_byte_is_given_up(through, slow, by_tls):
    start = time.monotonic()
    (reply,), _ = through(1, lambda _: [], by_tls=by_tls, connect=slow, timeout=0.2)
    assert isinstance(reply, NoResponse)
    assert not reply.permanent
    assert time.monotonic() - start < 10


@FIRST_OR_LATER
def test_without_a_proxy_what_follows_an_answer_is_not_taken_for_the_next_one(before):
    """From the first answer on, whoever read it."""

    def handle(request, connection):
        if len(server.requests) > before:
            connection.sock.sendall(BOTH)
        else:
            connection.reply(200, b"1")

    with Server(handle) as server:
        client = make_client_factory(Destination("track", server.url), CREDENTIALS, PATIENCE)()
        bodies = [client.post(BODIES).body for _ in range(before + 4)]
        client.close()
    assert bodies == [b"1"] * before + [b"0"] * 4
