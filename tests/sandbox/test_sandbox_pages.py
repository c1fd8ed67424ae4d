from __future__ import annotations

import orjson
import pytest
from sandbox_helpers import Rehearsal, event


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/sandbox/events", 200),
        ("GET", "/sandbox/counts", 200),
        ("GET", "/sandbox/requests", 200),
        ("POST", "/sandbox/reset", 200),
        ("POST", "/import", 401),
        ("POST", "/track", 200),
        ("GET", "/import", 405),
        ("GET", "/track", 405),
        ("GET", "/sandbox/reset", 405),
        ("POST", "/engage", 404),
        ("GET", "/elsewhere", 404),
    ],
)
def test_every_answer_says_that_it_is_the_sandboxs(sandbox: Rehearsal, method: str, path: str, status: int):
    answer = sandbox.request(method, path)
    assert answer.status_code == status
    assert answer.headers["x-sandbox"] == "mixpanel-importer"


def test_the_page_says_that_it_is_no_mixpanel_and_what_landed(sandbox: Rehearsal):
    sandbox.import_([event("a1", "<script>"), event("a2", "<script>"), event("a2", "<script>")])
    page = sandbox.get("/").text
    assert "This is not Mixpanel" in page
    assert "<b>2</b> events landed (3 with duplicates), in 1 requests" in page
    assert "<td>&lt;script&gt;<td>2023-11-14<td>2" in page
    assert "<script>" not in page


def test_the_page_stays_short(sandbox: Rehearsal):
    sandbox.import_([event("a1", f"event {n:03}") for n in range(203)])
    page = sandbox.get("/").text
    assert "event 199" in page
    assert "event 200" not in page
    assert "3 more lines" in page


def test_events_are_shown_as_lines_once_each(sandbox: Rehearsal):
    sandbox.import_([event(f"a{n}") for n in range(450)])
    sandbox.import_([event("a7", again=True)])
    lines = sandbox.get("/sandbox/events").content.splitlines()
    landed = [orjson.loads(line)["properties"] for line in lines]
    assert len(landed) == 450
    assert [properties for properties in landed if "again" in properties] == [landed[-1]]
    assert landed[-1]["$insert_id"] == "a7"


def test_counts_are_by_event_and_utc_day(sandbox: Rehearsal):
    sandbox.import_(
        [
            event("a1", "b", time=1_704_067_199_999),
            event("a2", "b", time=1_704_067_200_000),
            event("a3", "a", time=1_704_067_200),
            event("a3", "a", time=1_704_067_200),
        ]
    )
    assert sandbox.get("/sandbox/counts").json() == {
        "count": 3,
        "raw_count": 4,
        "counts": [
            {"event": "a", "day": "2024-01-01", "count": 1},
            {"event": "b", "day": "2023-12-31", "count": 1},
            {"event": "b", "day": "2024-01-01", "count": 1},
        ],
    }


def test_requests_are_counted_and_looking_is_not(sandbox: Rehearsal):
    batch = [event("a1"), event("a2", time=0)]
    sandbox.import_(batch)
    sandbox.import_([event("a1")])
    sandbox.import_([event("a1")], authorization="")
    sandbox.get("/sandbox/counts")
    assert sandbox.get("/sandbox/requests").json() == {
        "requests": 3,
        "max_events": 2,
        "max_bytes": len(orjson.dumps(batch)),
        "statuses": {"200": 1, "400": 1, "401": 1},
        "faults": {},
    }


def test_a_reset_forgets_everything(sandbox: Rehearsal):
    sandbox.import_([event("a1")])
    sandbox.request("POST", "/sandbox/reset")
    assert sandbox.get("/sandbox/counts").json()["raw_count"] == 0
    assert sandbox.get("/sandbox/requests").json()["requests"] == 0
