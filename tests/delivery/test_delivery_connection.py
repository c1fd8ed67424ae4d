"""Answers read by one look are the answers that h11 reads, and a connection is used no longer than it lives."""

from __future__ import annotations

import socket
import time

import pytest
from delivery_helpers import CREDENTIALS, PATIENCE, batch
from delivery_server import Server, answer
from hypothesis import example, given
from hypothesis import strategies as st

from importer.delivery import connection
from importer.delivery.client import MAX_RESPONSE_BYTES, make_client_factory
from importer.delivery.connection import MAX_IDLE_SECONDS, ExchangeFailed, KeepAliveConnection, RawResponse
from importer.delivery.replies import NoResponse, Response
from importer.model import Destination

REQUEST = b"POST /import HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
PLAIN = answer(200, b'{"num_records_imported":2}', Date="Sun, 23 Nov 2025 13:00:00 GMT")


class Pieces:
    """A socket from which a server's bytes come piece by piece, and then its end, or nothing."""

    def __init__(self, pieces, *, ends=True, takes=10**9):
        self.pieces, self.ends, self.takes, self.sent = list(pieces), ends, takes, b""

    def send(self, data):
        if len(self.sent) >= self.takes:
            raise BrokenPipeError(32, "Broken pipe")
        part = bytes(data[: self.takes])
        self.sent += part
        return len(part)

    def recv(self, _most):
        if self.pieces:
            return self.pieces.pop(0)
        if self.ends:
            return b""
        raise TimeoutError("timed out")

    def settimeout(self, seconds):
        pass


def exchange(sock, max_body_bytes=MAX_RESPONSE_BYTES):
    return connection._Exchange(sock, PATIENCE, time.monotonic).run(REQUEST, max_body_bytes)


def read(pieces, *, ends=True, max_body_bytes=MAX_RESPONSE_BYTES):
    """What an exchange comes to: an answer, or what broke it."""
    try:
        return exchange(Pieces(pieces, ends=ends), max_body_bytes)
    except ExchangeFailed as broke:
        return broke.cause, str(broke)


def read_by_h11(pieces, *, ends=True, max_body_bytes=MAX_RESPONSE_BYTES):
    reader = connection._Exchange(Pieces(pieces, ends=ends), PATIENCE, time.monotonic)
    try:
        data = reader._read()
        if not data:
            return "protocol", connection._DISCONNECTED
        return reader._read_by_h11(data, max_body_bytes)
    except ExchangeFailed as broke:
        return broke.cause, str(broke)


def cut(data, places):
    places = sorted({place % (len(data) + 1) for place in places} - {0, len(data)})
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


# ── the same as h11 ──────────────────────────────────────────────────────────────────────────────

BODY = b'{"code":200,"num_records_imported":2,"status":"OK"}'
STATUS_LINES = [
    *[b"HTTP/1.1 200 OK"] * 6, b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.0 200 OK", b"HTTP/1.1 400 Bad Request",
    b"HTTP/1.1 429 X", b"HTTP/1.1 204 No", b"HTTP/1.1 304 X", b"HTTP/1.1 201 X", b"HTTP/1.1 2000 X", b"HTTP/2 200 OK",
    b"http/1.1 200 ok", b" HTTP/1.1 200 OK", b"HTTP/1.1 200 \xc3\xbc", b"HTTP/1.1 200 a\x00b", b"HTTP/1.1 200OK",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", b"HTTP/1.1 101 X", b"SSH-2.0", b"", b"\x00\x01",
]  # fmt: skip
HEADERS = [
    *[b"Content-Length: 51"] * 12, b"content-length: 51", b"Content-Length:51", b"Content-Length:  51 ",
    b"Content-Length: 51, 51", b"Content-Length: 50", b"Content-Length: 52", b"Content-Length: 0", b"Content-Length: 051",
    b"Content-Length: 0000051", b"Content-Length: -1", b"Content-Length: +51", b"Content-Length: 5\xb2", b"Content-Length:",
    b"Content-Length: 999999", b"Content-Length: 1000000000", b"Content-Length : 51", b"X-Content-Length: 7",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"transfer-encoding:chunked", b"Content-Encoding: gzip",
    b"Content-Encoding: identity", b"Connection: keep-alive", b"connection: Keep-Alive", b"Connection: close",
    b"Connection: keep-alive, close", b"Connection: keep-alive\t", b"Keep-Alive: timeout=5", b"Date: Sun, 23 Nov 2025",
    b"Server: \xfc", b"X: \t y \t", b"X:", b"X", b": y", b" folded", b"X y: z", b"X: a\x00", b"X: a\x7f", b"X: a\rb", b"X: a\nb",
    b"Upgrade: h2c", b"Set-Cookie: a=b", b"X: content-length: 3", b"\xfc: x",
]  # fmt: skip
BODIES = [
    *[BODY] * 8, BODY[:-1], BODY + b"x", BODY + PLAIN, b"", b"33\r\n" + BODY + b"\r\n0\r\n\r\n",
    b"33\r\n" + BODY + b"\r\n0\r\n\r\nx", b"5\r\nabcde\r\n0\r\nA: b\r\n\r\n", b"zz\r\n", b"5\r\nabcde",
]  # fmt: skip
answers = st.builds(
    lambda status, headers, body: b"\r\n".join([status, *headers]) + b"\r\n\r\n" + body,
    st.sampled_from(STATUS_LINES),
    st.lists(st.sampled_from(HEADERS), max_size=4),
    st.sampled_from(BODIES),
)


@given(answers, st.lists(st.integers(0, 400), max_size=4), st.booleans())
@example(answer(200, BODY), [], False)
@example(answer(200, BODY, Connection="keep-alive"), [40, 100], False)
@example(answer(200, BODY) + PLAIN, [], False)
@example(answer(200, BODY, Connection="close"), [], True)
@example(b"HTTP/1.1 200 OK\r\n\r\n" + BODY, [], True)
@example(answer(201, BODY), [], True)
@example(answer(204, b""), [], True)
@example(answer(200, BODY, Transfer_Encoding="chunked"), [], True)
@example(answer(200, BODY, Content_Length="50"), [], True)
@example(answer(200, BODY, Content_Length="52"), [], True)
@example(answer(200, BODY, Content_Length="51"), [], False)
@example(answer(200, BODY).replace(b"1.1", b"1.0"), [], True)
@example(answer(200, BODY, Connection="keep-alive, close"), [], False)
def test_an_answer_is_what_h11_makes_of_it_however_it_arrives(data, places, ends):
    pieces = cut(data, places)
    found, expected = read(pieces, ends=ends), read_by_h11(pieces, ends=ends)
    if not isinstance(expected, RawResponse):
        assert found == expected
        return
    assert (found.status, b"".join(found.parts), found.reusable) == (
        expected.status,
        b"".join(expected.parts),
        expected.reusable,
    )
    if found.headers is None:
        assert found.status == 200
        assert not [value for name, value in expected.headers if name.lower() == b"content-encoding"]
    else:
        assert found.headers == expected.headers


@pytest.mark.parametrize(
    "extra", [{}, {"Connection": "keep-alive", "Keep_Alive": "timeout=5"}, {"Server": "x; y=1"}]
)
def test_the_usual_response_is_recognized_without_h11(extra):
    assert read([answer(200, BODY, **extra)], ends=False) == RawResponse(200, None, [BODY], reusable=True)


def test_head_and_body_may_arrive_separately():
    data = answer(200, BODY)
    end = data.index(b"{")
    assert read([data[:end], data[end : end + 5], data[end + 5 :]], ends=False).headers is None


def test_a_request_is_sent_whole_however_little_the_socket_takes_at_once():
    sock = Pieces([PLAIN])
    sock.send = lambda data, send=sock.send: send(data[:7])
    exchange(sock)
    assert sock.sent == REQUEST


def test_an_answer_that_comes_before_the_request_was_taken_counts_and_ends_the_connection():
    early = Pieces([answer(413, b"too much")], takes=10)
    found = exchange(early)
    assert (found.status, found.parts, found.reusable) == (413, [b"too much"], False)
    assert not exchange(Pieces([PLAIN], takes=10)).reusable


def test_of_an_answer_that_is_too_long_no_more_is_read():
    sock = Pieces([b"HTTP/1.1 400 X\r\nContent-Length: 1000000\r\n\r\n", *[b"x" * 100] * 10_000], ends=False)
    found = exchange(sock, 1000)
    assert not found.reusable
    assert 1000 < sum(map(len, found.parts)) <= 1200
    assert len(sock.pieces) > 9_900


# ── keep-alive ────────────────────────────────────────────────────────────────────────────────────────


class Stream:
    def __init__(self, sock):
        self.sock, self.closed, self.readable = sock, False, False

    def get_extra_info(self, info):
        return {"socket": self.sock, "is_readable": self.readable, "ssl_object": None}[info]

    def close(self):
        self.closed = True


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def keep_alive(now):
    return KeepAliveConnection(PATIENCE, lambda: now[0])


def test_it_is_not_open_before_it_has_a_connection(keep_alive):
    assert not keep_alive.is_open()


def test_a_connection_is_used_again_as_long_as_its_answers_are_whole(keep_alive):
    stream = Stream(Pieces([PLAIN, PLAIN, answer(400, b"{}")], ends=False))
    keep_alive.keep(stream)
    for status in (200, 200, 400):
        assert keep_alive.is_open()
        assert keep_alive.exchange(REQUEST, 1000).status == status
    assert keep_alive.is_open()
    assert not stream.closed


@pytest.mark.parametrize(
    "data",
    [answer(200, BODY, Connection="close"), answer(200, BODY) + b"x", b"HTTP/1.0 200 OK\r\n\r\n" + BODY],
)
def test_a_connection_that_carries_no_further_request_is_closed(keep_alive, data):
    stream = Stream(Pieces([data]))
    keep_alive.keep(stream)
    assert b"".join(keep_alive.exchange(REQUEST, 1000).parts) == BODY
    assert stream.closed
    assert not keep_alive.is_open()


@pytest.mark.parametrize("pieces", [[], [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"], [b"\x00"]])
def test_a_connection_that_broke_is_closed(keep_alive, pieces):
    stream = Stream(Pieces(pieces))
    keep_alive.keep(stream)
    with pytest.raises(ExchangeFailed):
        keep_alive.exchange(REQUEST, 1000)
    assert stream.closed
    assert not keep_alive.is_open()


def test_a_connection_that_can_be_read_while_idle_is_not_used(keep_alive):
    stream = Stream(Pieces([]))
    keep_alive.keep(stream)
    stream.readable = True
    assert not keep_alive.is_open()
    assert stream.closed


def test_a_connection_that_was_idle_for_too_long_is_not_used(keep_alive, now):
    stream = Stream(Pieces([PLAIN]))
    keep_alive.keep(stream)
    now[0] += MAX_IDLE_SECONDS
    assert keep_alive.is_open()
    now[0] += 0.01
    assert not keep_alive.is_open()
    assert stream.closed


def test_the_idle_time_starts_again_after_each_response(keep_alive, now):
    keep_alive.keep(Stream(Pieces([PLAIN, PLAIN])))
    now[0] += MAX_IDLE_SECONDS
    keep_alive.exchange(REQUEST, 1000)
    now[0] += MAX_IDLE_SECONDS
    assert keep_alive.is_open()


# ── over real sockets, after the first request ───────────────────────────────────────────────────

TWO = [event.body for event in batch(1, 2).events()]
TAKEN = Response(200, b'{"code":200,"num_records_imported":2,"status":"OK"}')


def later(handler, *, count=2, timeout=PATIENCE, tls=None):
    """Post several times by one client, the first time with success; the later replies, and the server."""

    def handle(request, connection):
        if len(server.requests) == 1:
            connection.take(request)
        else:
            handler(request, connection)

    with Server(handle, tls) as server:
        client = make_client_factory(Destination("import", server.url), CREDENTIALS, timeout)()
        replies = [client.post(TWO) for _ in range(count)]
        client.close()
    assert replies[0] == TAKEN
    return replies[1:], server


def take(request, connection):
    connection.take(request)


def say(data):
    def handler(_, connection):
        connection.sock.sendall(data)

    return handler


def test_later_requests_are_the_same_as_the_first_on_the_same_connection():
    replies, server = later(take, count=4)
    assert replies == [TAKEN] * 3
    assert server.connections == 1
    first, *others = server.requests
    assert others == [first] * 3


def test_headers_of_a_later_answer_are_read():
    headers = {
        "Retry_After": "7",
        "Date": "Fri, 15 Jan 2027 08:00:00 GMT",
        "Location": f"/{CREDENTIALS.username}",
    }
    (reply,), _ = later(lambda _, connection: connection.reply(429, b"slow down", **headers))
    assert reply == Response(429, b"slow down", "7", "Fri, 15 Jan 2027 08:00:00 GMT", "/***")


def test_credentials_in_a_later_answer_are_masked():
    (reply,), _ = later(lambda _, connection: connection.reply(200, CREDENTIALS.username.encode()))
    assert reply == Response(200, b"***")


def test_a_later_answer_in_chunks_is_read():
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n3;x=y\r\n[1]\r\n0\r\n\r\n"
    replies, server = later(say(chunks), count=3)
    assert [reply.body for reply in replies] == [b"{}[1]"] * 2
    assert server.connections == 1


def test_a_server_that_closes_after_an_answer_is_connected_to_again():
    def close(request, connection):
        connection.reply(200, b"{}", Connection="close")
        connection.leave()

    replies, server = later(close, count=4)
    assert replies == [Response(200, b"{}")] * 3
    assert (
        server.connections == 3
    )  # what follows on a new connection is its first, and is answered by `close`, too


def test_a_server_that_closes_an_idle_connection_without_a_word_is_connected_to_again():
    with Server(take) as server:
        client = make_client_factory(Destination("import", server.url), CREDENTIALS, PATIENCE)()
        assert client.post(TWO) == client.post(TWO) == TAKEN
        for sock in server._sockets:
            sock.shutdown(socket.SHUT_RDWR)
        assert client.post(TWO) == client.post(TWO) == TAKEN
        client.close()
    assert server.connections == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Server disconnected without sending a response"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the server broke off or does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "received 1 bytes, expected 9"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "illegal chunk header"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n", "bad Content-Length"),
        (b"\x00" * 200_000, "illegal"),
    ],
)
def test_what_is_no_http_is_a_lost_answer_later_too(data, message):
    def speak(_, connection):
        connection.sock.sendall(data)
        connection.leave()

    (reply,), _ = later(speak)
    assert isinstance(reply, NoResponse)
    assert message in reply.message
    assert not reply.permanent


def test_after_a_lost_answer_the_next_request_has_a_new_connection():
    def once(request, connection):
        if len(faults) == 0:
            faults.append(1)
            connection.reset()
        connection.take(request)

    faults = []
    replies, server = later(once, count=4)
    assert isinstance(replies[0], NoResponse)
    assert replies[1:] == [TAKEN] * 2
    assert server.connections == 2


def test_silence_is_a_lost_answer_after_the_time_out_later_too():
    (reply,), _ = later(lambda _, connection: connection.hang(), timeout=1.0)
    assert isinstance(reply, NoResponse)
    assert reply.message == "no answer in time: timed out"


def test_a_later_answer_of_a_gigabyte_is_given_up():
    def flood(_, connection):
        connection.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.sock.sendall(b" " * 1_000_000)

    (reply,), _ = later(flood)
    assert isinstance(reply, NoResponse)
    assert "8,000,000 bytes" in reply.message
