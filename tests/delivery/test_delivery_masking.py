"""Credentials that a server repeats are masked, however it writes them."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import orjson
import pytest
from delivery_helpers import CREDENTIALS, PATIENCE, TOKEN, batch
from delivery_server import Server

from importer.delivery.client import make_client_factory
from importer.delivery.masking import PART, Masker
from importer.delivery.replies import Response, interpret
from importer.model import Credentials, Destination

SERVICE = Credentials(
    "service-account", "importer.1a2b.mp-service-account", "s3cr3t+/~%&é?-s3cr3t-4711", "12"
)
KINDS = {"token": CREDENTIALS, "service account": SERVICE, "API secret": Credentials("secret", "0f" * 16)}


def pair(credentials):
    return base64.b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()


def secret(credentials):
    return credentials.password or credentials.username


FORMS = {
    "as it is": secret,
    "in upper case": lambda credentials: secret(credentials).upper(),
    "the header": lambda credentials: f"Authorization: Basic {pair(credentials)}",
    "the header without padding": lambda credentials: f"Basic {pair(credentials).rstrip('=')}",
    "the header cut off": lambda credentials: pair(credentials)[:20],
    "the end of the header": lambda credentials: pair(credentials)[-20:],
    "the middle of a secret": lambda credentials: secret(credentials)[3:20],
    "the header percent-encoded": lambda credentials: quote(pair(credentials), safe=""),
    "percent-encoded": lambda credentials: quote(secret(credentials), safe=""),
    "percent-encoded in lower case": lambda credentials: quote(secret(credentials), safe="").lower(),
    "percent-encoded twice": lambda credentials: quote(quote(secret(credentials), safe=""), safe=""),
    "percent-encoded altogether": lambda credentials: "".join(
        f"%{byte:02X}" for byte in secret(credentials).encode()
    ),
    "escaped as JSON": lambda credentials: json.dumps(secret(credentials)).replace("/", "\\/"),
    "escaped as JSON altogether": lambda credentials: "".join(
        f"\\u{ord(c):04x}" for c in secret(credentials)
    ),
    "in base64 by itself": lambda credentials: base64.b64encode(secret(credentials).encode()).decode(),
    "in base64 for URLs": lambda credentials: (
        base64.urlsafe_b64encode(secret(credentials).encode()).decode().rstrip("=")
    ),
    **{
        f"in base64 of more, {i} ahead": lambda credentials, i=i: base64.b64encode(
            b"x" * i + f"who is {secret(credentials)}?".encode()
        ).decode()
        for i in range(3)
    },
    **{
        f"the header in base64 of more, {i} ahead": lambda credentials, i=i: base64.b64encode(
            b"x" * i + f"Authorization: Basic {pair(credentials)}".encode()
        ).decode()
        for i in range(3)
    },
    "in base64 broken into lines": lambda credentials: base64.encodebytes(
        b"x" * 50 + secret(credentials).encode()
    ).decode(),
    "in hexadecimal": lambda credentials: secret(credentials).encode().hex(),
}


def leaks(text, credentials):
    """Whether a text shows ten characters in a row of a form of a secret."""
    return any(
        form(credentials)[i : i + PART] in text
        for name, form in FORMS.items()
        if "more" not in name and "lines" not in name and "altogether" not in name and name != "the header"
        for i in range(len(form(credentials)) - PART + 1)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("around", ["{}", "before {} after", '{{"error":"no: {}"}}', "https://x/?a={}&b=c"])
def test_a_secret_is_masked_in_every_form(kind, form, around):
    credentials = KINDS[kind]
    text = around.format(FORMS[form](credentials))
    masked = Masker(credentials)(text.encode()).decode(errors="replace")
    assert "***" in masked
    assert not leaks(masked, credentials)
    before, _, after = around.partition("{}")
    assert masked.startswith(before.replace("{{", "{"))
    assert masked.endswith(after.replace("}}", "}"))


def test_the_name_of_a_service_account_is_masked_as_a_whole_alone():
    mask = Masker(SERVICE)
    assert mask(f"{SERVICE.username} is none".encode()) == b"*** is none"
    assert mask(b"your service-account is none") == b"your service-account is none"


def test_padding_goes_with_what_it_pads():
    assert Masker(CREDENTIALS)(f"Basic {pair(CREDENTIALS)}, twice".encode()) == b"Basic ***, twice"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b'{"code":200,"num_records_imported":50,"status":"OK"}',
        b"100% of it: \\u1234 \\ \\n\n\xff%zz%",
        TOKEN[: PART - 1].encode(),
    ],
)
def test_what_holds_no_secret_stays_byte_for_byte(text):
    assert Masker(CREDENTIALS)(text) == text


def test_short_credentials_garble_no_text():
    assert Masker(Credentials("token", "any"))(b"any token: no company") == b"any token: no company"


def test_every_secret_of_a_long_text_is_masked():
    found = Masker(CREDENTIALS)(b" and ".join([b"x" * 1000, TOKEN.encode(), b"y" * 1000, TOKEN.encode()]))
    assert found.split(b" and ")[1::2] == [b"***", b"***"]


def test_the_repr_shows_nothing():
    assert TOKEN not in repr(Masker(CREDENTIALS))


def test_ids_of_failed_records_stay_comparable():
    ids = [f"{n:032x}" for n in range(3)]
    records = [{"index": n, "insert_id": ids[n], "message": "no"} for n in range(3)]
    body = orjson.dumps({"code": 400, "num_records_imported": 0, "failed_records": records})
    found = interpret(Response(400, Masker(CREDENTIALS)(body)), "import", 3, ids, 0)
    assert [verdict.status.value for verdict in found.verdicts] == ["rejected"] * 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("header", ["Location", "Retry_After", "Date", "Content_Encoding", "Set_Cookie"])
def test_a_secret_in_a_header_is_masked(form, header):
    value = "".join(FORMS[form](CREDENTIALS).split("\n"))

    def refuse(_, connection):
        connection.reply(302, b"", **{header: f"/?a={value}"})

    with Server(refuse) as server:
        client = make_client_factory(Destination("import", server.url), CREDENTIALS, PATIENCE)()
        reply = client.post([event.body for event in batch(1).events()])
        client.close()
    assert reply.status == 302
    assert not leaks(repr(reply), CREDENTIALS)


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_in_what_is_no_http_is_masked(form):
    def speak(_, connection):
        connection.sock.sendall(b"HTTP/1.1 200 OK\r\n" + FORMS[form](CREDENTIALS).encode() + b"\r\n\r\n")
        connection.leave()

    with Server(speak) as server:
        client = make_client_factory(Destination("import", server.url), CREDENTIALS, PATIENCE)()
        reply = client.post([event.body for event in batch(1).events()])
        client.close()
    assert not leaks(repr(reply), CREDENTIALS)
