import orjson
import pytest
from delivery_helpers import NOW, error, partly, taken
from hypothesis import given
from hypothesis import strategies as st

from importer.delivery.replies import (
    Lost,
    NoResponse,
    Refused,
    Response,
    Settled,
    Throttled,
    TooLarge,
    Unexplained,
    interpret,
    server_message,
)
from importer.model import Status, Verdict
from importer.text import MAX_LINE, one_line, quoted

IDS = ["a", "b", "c"]


def meaning_of(response, endpoint="import", ids=IDS):
    return interpret(response, endpoint, len(ids), iter(ids), NOW)


def bad_request(**body):
    return Response(400, orjson.dumps({"code": 400, **body}))


def meaning(status):
    """The table of the documentation, written down a second time."""
    if status in (408, 425) or status >= 500 or status < 300:
        return Lost  # a 2xx with this body accounts for nothing
    return {400: Unexplained, 413: TooLarge, 429: Throttled}.get(status, Refused)


@pytest.mark.parametrize("endpoint", ["import", "track"])
@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_its_meaning(status, endpoint):
    assert type(meaning_of(error(status), endpoint)) is meaning(status)


def test_the_counts_of_the_table_are_those_of_the_documentation():
    kinds = [type(meaning_of(error(status))) for status in range(100, 600)]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        Lost: 100 + 100 + 100 + 2,
        Refused: 100 + 100 - 5,
        Unexplained: 1,
        TooLarge: 1,
        Throttled: 1,
    }


@pytest.mark.parametrize("status", range(200, 300))
@pytest.mark.parametrize(
    ("endpoint", "body"), [("import", b'{"num_records_imported":3}'), ("track", b"1"), ("track", b"0")]
)
def test_no_2xx_but_200_says_what_became_of_events(status, endpoint, body):
    found = meaning_of(Response(status, body), endpoint)
    if status == 200:
        assert isinstance(found, Settled | Unexplained)
    else:
        assert isinstance(found, Lost)
        assert found.message.startswith(f"HTTP {status}, but Mixpanel answers 200: ")


@pytest.mark.parametrize("endpoint", ["import", "track"])
@pytest.mark.parametrize("status", range(100, 600))
def test_an_encoding_that_was_not_asked_for_changes_no_meaning_but_that_of_what_must_be_read(
    status, endpoint
):
    found = meaning_of(Response(status, b"", encoding="zstd"), endpoint)
    assert type(found) is (Lost if status == 400 else meaning(status))
    if isinstance(found, Lost):
        assert "an answer in the encoding 'zstd', which was not asked for" in found.message


# ── 200 ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_200_that_counts_every_event_means_imported():
    assert meaning_of(taken(3)) == Settled([Verdict(Status.IMPORTED, 200)] * 3)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"1",
        b"[]",
        b"null",
        b"<html>Welcome to the guest network</html>",
        b"\xff\xfe",
        b"[" * 2000,
        b'{"status":"OK"}',
        b'{"num_records_imported":2}',
        b'{"num_records_imported":4}',
        b'{"num_records_imported":"3"}',
        b'{"num_records_imported":null}',
        b'{"num_records_imported":3',
    ],
)
def test_a_200_that_does_not_account_for_every_event_is_a_lost_answer(body):
    found = meaning_of(Response(200, body))
    assert isinstance(found, Lost)
    assert found.status == 200


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"code": 400}, "its code is 400"),
        ({"code": "400"}, "its code is '400'"),
        ({"code": 0}, "its code is 0"),
        ({"code": True}, "its code is True"),
        ({"code": 202, "status": "OK"}, "its code is 202"),
        ({"failed_records": [{"index": 0, "message": "no"}]}, "it has failed_records: "),
        ({"failed_records": "all"}, "it has failed_records: 'all'"),
        ({"error": "some data points failed"}, "it has error: 'some data points failed'"),
        ({"status": "Bad Request"}, "its status is 'Bad Request'"),
        ({"status": 0}, "its status is 0"),
    ],
)
def test_a_200_that_contradicts_itself_is_a_lost_answer(fields, message):
    body = {"code": 200, "num_records_imported": 3, "status": "OK", **fields}
    found = meaning_of(Response(200, orjson.dumps(body)))
    assert isinstance(found, Lost)
    assert found.message.startswith(f"HTTP 200, but {message}")


@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_that_counts_twice_is_a_lost_answer(status):
    counts = b'"num_records_imported":1,"num_records_imported":3'
    failed = b',"failed_records":[{"index":0}]' if status == 400 else b""
    found = meaning_of(Response(status, b"{%s%s}" % (counts, failed)))
    assert found == Lost(status, f'HTTP {status}, but it has "num_records_imported" twice')


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"code": 200},
        {"failed_records": []},
        {"failed_records": None},
        {"error": ""},
        {"error": None, "status": "ok"},
        {"more": {"code": 400}},
    ],
)
def test_what_a_200_leaves_out_or_says_empty_contradicts_nothing(fields):
    body = orjson.dumps({"num_records_imported": 3, **fields})
    assert meaning_of(Response(200, body)) == Settled([Verdict(Status.IMPORTED, 200)] * 3)


def test_true_is_not_the_number_one():
    assert isinstance(meaning_of(Response(200, b'{"num_records_imported":true}'), ids=["a"]), Lost)


# ── 400 ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_400_with_failed_records_rejects_those_and_imports_the_rest():
    verdicts = meaning_of(partly(3, {1: "must be a number"}, IDS)).verdicts
    assert [v.status for v in verdicts] == [Status.IMPORTED, Status.REJECTED, Status.IMPORTED]
    assert verdicts[1] == Verdict(Status.REJECTED, 400, "properties.time: must be a number")
    assert verdicts[0].status_code == 400


def test_the_field_is_not_named_twice():
    record = {"index": 0, "field": "properties.time", "message": "'properties.time' is invalid"}
    found = meaning_of(bad_request(num_records_imported=2, failed_records=[record]))
    assert found.verdicts[0].error == "'properties.time' is invalid"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, "refused by Mixpanel without a reason"),
        ({"field": "event"}, "event was refused"),
        ({"message": "a\nb\x1b[31m"}, r"a b\x1b[31m"),
        ({"message": 7}, "7"),
        ({"message": "x" * 400}, "x" * 299 + "…"),
    ],
)
def test_a_reason_is_always_one_short_line(record, message):
    found = meaning_of(bad_request(num_records_imported=2, failed_records=[{"index": 0, **record}]))
    assert found.verdicts[0].error == message


@pytest.mark.parametrize("key", ["insert_id", "$insert_id"])
def test_the_id_of_a_failed_record_is_checked_under_either_key(key):
    right = bad_request(num_records_imported=2, failed_records=[{"index": 1, key: "b"}])
    wrong = bad_request(num_records_imported=2, failed_records=[{"index": 1, key: "a"}])
    assert isinstance(meaning_of(right), Settled)
    assert isinstance(meaning_of(wrong), Lost)


def test_an_event_that_failed_for_two_reasons_counts_once():
    twice = [{"index": 0, "message": "first"}, {"index": 0, "message": "second"}]
    found = meaning_of(bad_request(num_records_imported=2, failed_records=twice))
    assert found.verdicts[0].error == "first"


def test_an_index_written_as_a_float_is_an_index():
    assert isinstance(
        meaning_of(bad_request(num_records_imported=2, failed_records=[{"index": 1.0}])), Settled
    )


@pytest.mark.parametrize("index", [-1, 3, 1.5, "1", None, True, [0]])
def test_an_index_that_was_not_sent_is_a_lost_answer(index):
    assert isinstance(
        meaning_of(bad_request(num_records_imported=2, failed_records=[{"index": index}])), Lost
    )


@pytest.mark.parametrize(
    "body",
    [
        {"num_records_imported": 3, "failed_records": [{"index": 0}]},
        {"num_records_imported": 1, "failed_records": [{"index": 0}]},
        {"failed_records": [{"index": 0}]},
        {"num_records_imported": "2", "failed_records": [{"index": 0}]},
        {"num_records_imported": 2, "failed_records": []},
        {"num_records_imported": 3},
        {"num_records_imported": 2, "failed_records": "all"},
        {"num_records_imported": 2, "failed_records": {"index": 0}},
        {"num_records_imported": 2, "failed_records": ["first"]},
    ],
)
def test_a_400_that_does_not_account_for_every_event_is_a_lost_answer(body):
    found = meaning_of(bad_request(**body))
    assert isinstance(found, Lost)
    assert found.status == 400


def test_a_400_whose_code_is_another_is_a_lost_answer():
    record = {"index": 0, "message": "'time' is invalid"}
    found = meaning_of(bad_request(code=200, num_records_imported=2, failed_records=[record]))
    assert found == Lost(400, "HTTP 400, but its code is 200")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad Request</html>",
        b"[]",
        b'{"error":"no"}',
        b'{"code":"invalid_request","error":"no"}',
        b'{"failed_records":[],"num_records_imported":0}',
    ],
)
def test_a_400_that_names_no_event_is_unexplained(body):
    found = meaning_of(Response(400, body))
    assert isinstance(found, Unexplained)
    assert not found.from_mixpanel
    assert found.message


# ── /track ───────────────────────────────────────────────────────────────────────────────────────


def test_track_says_one_or_zero():
    assert meaning_of(Response(200, b"1\n"), "track") == Settled([Verdict(Status.ACCEPTED, 200)] * 3)
    assert meaning_of(Response(200, b"0"), "track") == Unexplained(
        200, "Mixpanel returned error: 0", from_mixpanel=True
    )


@pytest.mark.parametrize("body", [b"", b"2", b"10", b"ok", b'{"num_records_imported":3}', b"<html>"])
def test_anything_else_from_track_is_a_lost_answer(body):
    assert isinstance(meaning_of(Response(200, body), "track"), Lost)


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────


def test_a_413_may_name_its_limit():
    assert meaning_of(error(413, "request exceeds max limit of 2097152 bytes")).limit == 2_097_152
    assert meaning_of(error(413, "too large")).limit is None
    assert meaning_of(error(413, "max limit of 0 bytes")).limit is None


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_passed_on(status):
    assert meaning_of(error(status, retry_after="7")).retry_after == 7
    assert meaning_of(error(status)).retry_after is None


def test_no_answer_is_a_lost_one_unless_trying_again_cannot_help():
    assert meaning_of(NoResponse("no connection")) == Lost(None, "no connection")
    assert meaning_of(NoResponse("no certificate", permanent=True)) == Refused(None, "no certificate")


def test_the_message_of_a_server_is_found_under_each_key():
    assert server_message(error(401, "Invalid credentials")) == "Invalid credentials"
    assert server_message(Response(401, b'{"message":"who?"}')) == "who?"
    assert server_message(Response(404, b"<h1>\n Not here\x07 </h1>")) == r"<h1> Not here\x07 </h1>"
    assert server_message(Response(404, b"")) == "Not Found"
    assert server_message(Response(499, b"")) == "no words"
    assert server_message(Response(302, b"", location="https://a/b\r\nx")) == "it redirects to https://a/b x"


def test_messages_are_escaped_and_bounded():
    assert one_line("a\u202eb\x00") == r"a\u202eb\x00"
    assert len(one_line("x" * 10_000_000)) == MAX_LINE
    assert len(one_line("\x00" * 10_000)) == MAX_LINE
    assert len(quoted("x" * 100)) == 60
    assert quoted({"a": "x" * 500}).startswith("{'a': 'xxx")


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["code", "error", "num_records_imported", "failed_records", "index", "insert_id", "field"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.integers(100, 599), st.one_of(st.binary(max_size=50), JSONS), st.sampled_from(["import", "track"]))
def test_no_answer_raises_and_nothing_is_taken_without_being_accounted_for(status, body, endpoint):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    found = meaning_of(Response(status, raw), endpoint)
    if isinstance(found, Settled):
        assert len(found.verdicts) == 3
        imported = sum(v.status.success for v in found.verdicts)
        if endpoint == "import":
            assert body["num_records_imported"] == imported
            assert status == 400 or (200 <= status < 300 and imported == 3)


def test_an_answer_nested_a_thousand_deep_is_only_lost():
    deep = b'{"num_records_imported":' + b"[" * 900 + b"]" * 900 + b"}"
    assert isinstance(meaning_of(Response(200, deep)), Lost)
    assert isinstance(meaning_of(Response(400, deep)), Lost)
    assert meaning_of(Response(500, deep.replace(b"num_records_imported", b"error"))).message.startswith(
        "HTTP 500"
    )
