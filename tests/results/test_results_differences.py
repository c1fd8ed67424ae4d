"""What stops a resume or an overwrite, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from results_helpers import manifest, outcome, write_results

from importer.errors import ResultsError
from importer.model import DeliverySettings, Fingerprint, Status
from importer.results.differences import check_overwrite, find_differences
from importer.results.paths import manifest_path
from importer.results.rows import CSV

BASE = manifest(credentials_kind="token", credential_salt="s", credential_digest="d1")


def reading(**changes):
    return replace(BASE, reading=replace(BASE.reading, **changes))


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (replace(BASE, kind="dry-run"), ["kind: was real, is dry-run"]),
        (replace(BASE, endpoint="track"), ["endpoint: was import, is track"]),
        (
            replace(BASE, base_url="http://127.0.0.1:8000"),
            ["host: was https://api.mixpanel.com, is http://127.0.0.1:8000"],
        ),
        (replace(BASE, credential_digest="d2"), ["credentials: another token than before"]),
        (replace(BASE, credentials_kind="secret"), ["kind of credentials: was token, is secret"]),
        (
            replace(BASE, fingerprint=Fingerprint(130, 1, "cd" * 16)),
            ["content of the source: was 120 bytes (abababababab…), is 130 bytes (cdcdcdcdcdcd…)"],
        ),
        (reading(timezone="UTC"), ["timezone: was none, is UTC"]),
        (reading(local_epochs=True), ["local epochs: was no, is yes"]),
        (reading(missing_time=5), ["missing time: was none, is 5"]),
        (reading(tag="a b"), ["tag: was none, is 'a b'"]),
        (reading(tag="\x1b[31m"), ["tag: was none, is '\\x1b[31m'"]),
        (reading(dialect=replace(BASE.reading.dialect, delimiter="\t")), [r"delimiter: was ,, is '\t'"]),
        (reading(columns=("time", "event")), ["columns: in another order"]),
        (reading(columns=("event", "when")), ["columns: without 'time', now with 'when'"]),
        (
            reading(columns=("event", "time", "a", "b", "c", "d", "e")),
            ["columns: now with 'a', 'b', 'c' and 2 more"],
        ),
        (reading(types={"age": "integer"}), ["type of column 'age': was none, is integer"]),
        (reading(fields={"event": "event"}), ["column of field 'time': was time, is none"]),
        (reading(constants={"x": "1"}), ["constant 'x': was none, is 1"]),
        (reading(names={"a": "b"}), ["name of column 'a': was none, is b"]),
        (
            replace(reading(timezone="UTC"), kind="sandbox"),
            ["kind: was real, is sandbox", "timezone: was none, is UTC"],
        ),
    ],
)
def test_a_difference_is_named(new, said):
    assert find_differences(BASE, new) == said


@pytest.mark.parametrize(
    "new",
    [
        BASE,
        replace(BASE, limit=10),
        replace(BASE, settings=DeliverySettings(batch_size=2000)),
        replace(BASE, importer_version="2.0"),
        replace(BASE, fingerprint=replace(BASE.fingerprint, mtime_ns=99)),
        replace(BASE, source="./events.csv"),
    ],
)
def test_what_changes_no_event_is_no_difference(new):
    assert find_differences(BASE, new) == []


def test_the_moment_for_missing_times_is_the_first_runs():
    assert find_differences(reading(missing_time=1), reading(missing_time=2)) == []


@pytest.mark.parametrize(("was", "now"), [(1, True), (1, 1.0), (0, False), (None, "")])
def test_constants_that_python_or_a_reader_takes_for_equal_differ(was, now):
    assert len(find_differences(reading(constants={"x": was}), reading(constants={"x": now}))) == 1


def test_the_order_of_keys_is_no_difference():
    one, other = {"x": {"a": 1, "b": 2}, "y": 1}, {"y": 1, "x": {"b": 2, "a": 1}}
    assert find_differences(reading(constants=one), reading(constants=other)) == []


def test_another_account_of_the_same_project_is_the_same_destination():
    old = replace(BASE, project_id="77")
    assert find_differences(old, replace(old, credential_digest="d2")) == []
    assert find_differences(old, replace(old, project_id="78")) == ["project: was 77, is 78"]


def test_a_long_value_is_shown_short():
    (line,) = find_differences(BASE, reading(constants={"x": "y" * 500}))
    assert len(line) < 120


# ── overwrite ────────────────────────────────────────────────────────────────────────────────────

OTHER = reading(timezone="UTC")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "r.csv"


def held(path, status=Status.IMPORTED, **changes):
    return write_results(
        path,
        [outcome(1, status)],
        **{
            "credentials_kind": "token",
            "credential_salt": "s",
            "credential_digest": "d1",
            **changes,
        },
    )


@pytest.mark.parametrize("status", [Status.IMPORTED, Status.ACCEPTED, Status.FAILED])
def test_records_that_may_have_landed_are_not_forgotten_under_another_reading(path, status):
    held(path, status)
    with pytest.raises(
        ResultsError, match=r"1 record of.*timezone: was none, is UTC.*would double"
    ) as caught:
        check_overwrite(path, OTHER)
    assert "--resume" in caught.value.remedy


def test_records_that_landed_are_not_forgotten_for_a_dry_run(path):
    held(path)
    with pytest.raises(ResultsError, match="kind: was real, is dry-run"):
        check_overwrite(path, replace(BASE, kind="dry-run"))


@pytest.mark.parametrize(
    "changes",
    [
        {"credential_salt": "t"},
        {"source": "moved.csv"},
        {"fingerprint": Fingerprint(1, 1, "00")},
        {"credentials_kind": "secret", "credential_digest": "d2"},
    ],
    ids=["a digest that can't be compared", "moved", "grown", "other credentials"],
)
def test_in_doubt_it_is_the_same_source_and_destination(path, changes):
    held(path, **changes)
    with pytest.raises(ResultsError, match="would double"):
        check_overwrite(path, OTHER)


@pytest.mark.parametrize(
    ("status", "changes", "new"),
    [
        (Status.IMPORTED, {}, BASE),
        (Status.REJECTED, {}, OTHER),
        (Status.INVALID, {}, OTHER),
        (Status.IMPORTED, {"kind": "sandbox"}, OTHER),
        (Status.VALID, {"kind": "dry-run"}, OTHER),
        (Status.IMPORTED, {"credential_digest": "d2"}, OTHER),
        (Status.IMPORTED, {"base_url": "https://api-eu.mixpanel.com"}, OTHER),
        (Status.IMPORTED, {"project_id": "1"}, replace(OTHER, project_id="2")),
        (Status.IMPORTED, {"source": "x.csv", "fingerprint": Fingerprint(1, 1, "00")}, OTHER),
    ],
    ids=["same reading", "rejected", "invalid", "rehearsal", "dry run", "token", "host", "project", "source"],
)
def test_what_can_not_double_may_be_replaced(path, status, changes, new):
    held(path, status, **changes)
    check_overwrite(path, new)


@pytest.mark.parametrize("content", [None, b"", CSV.header, CSV.header[:9]])
def test_a_file_that_holds_nothing_may_be_replaced(path, content):
    if content is not None:
        path.write_bytes(content)
    check_overwrite(path, OTHER)


def test_a_manifest_without_results_may_be_replaced(path):
    held(path)
    path.unlink()
    check_overwrite(path, OTHER)


def test_records_that_landed_by_a_run_that_nobody_knows_are_not_forgotten(path):
    held(path)
    manifest_path(path).unlink()
    with pytest.raises(ResultsError, match="is missing"):
        check_overwrite(path, BASE)


def test_a_file_that_is_not_ours_is_never_replaced(path):
    path.write_text("name,age\n")
    with pytest.raises(ResultsError, match="is not a results file"):
        check_overwrite(path, BASE)
