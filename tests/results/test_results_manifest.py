"""The manifest: exact, whole or not at all, and free of secrets."""

from __future__ import annotations

import json
import stat
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results_helpers import manifest, write_results

from importer.errors import ResultsError, StorageError
from importer.facts import NO_COLLISIONS, Collisions, ProfileSummary, SortedCounts, SourceAudit
from importer.model import Credentials, DeliverySettings, Fingerprint, Status
from importer.profile.summary import EMPTY_SUMMARY
from importer.reading import Dialect, Reading, same_marks
from importer.results.codec import encode
from importer.results.counts import Counts
from importer.results.manifest import (
    Manifest,
    credential_digest,
    manifest_text,
    read_manifest,
    relative_link,
    resolve_link,
    salt_for,
    write_manifest,
)
from importer.results.paths import manifest_path

any_text = st.text(st.characters(exclude_categories=()), max_size=12)  # as names of files may be
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
any_field = st.sampled_from(["event", "distinct_id", "time", "ip", "insert_id", "properties"])
any_type = st.sampled_from(["string", "integer", "number", "boolean", "json", "time", "skip"])
any_count = st.integers(0, 2**40)

any_path = st.text(st.characters(exclude_categories=(), exclude_characters="\0"), min_size=1, max_size=12)
COLUMNS_OF_ALL = ("event", "", "a b", "\udcff", "\0", "time")

any_dialect = st.builds(
    Dialect,
    format=st.sampled_from(["csv", "jsonl"]),
    compression=st.sampled_from(["", "gzip", "zstd", "bz2", "xz"]),
    encoding=st.sampled_from(["utf-8", "cp1252"]),
    delimiter=st.characters(exclude_categories=()),
    header=st.booleans(),
).filter(lambda dialect: same_marks(dialect) is None)
any_reading = st.builds(
    Reading,
    dialect=any_dialect,
    columns=st.just(COLUMNS_OF_ALL),
    fields=st.dictionaries(any_field, st.sampled_from(COLUMNS_OF_ALL)),
    names=st.dictionaries(any_text, any_text, max_size=3),
    types=st.dictionaries(any_text, any_type, max_size=3),
    constants=st.dictionaries(any_text, any_json, max_size=3),
    timezone=st.sampled_from(["", "Europe/Berlin"]),
    time_format=st.lists(any_text, max_size=3).map(tuple),
    local_epochs=st.booleans(),
    missing_time=st.none() | st.integers(),
    null=st.lists(any_text, max_size=3).map(tuple),
    insert_id=st.sampled_from(["content", "row"]),
    source_name=any_text,
    geoip=st.sampled_from(["off", "request"]),
    tag=any_text,
)
any_settings = st.builds(
    DeliverySettings,
    batch_size=st.integers(1, 2000),
    batch_bytes=any_count,
    concurrency=st.none() | any_count,
    max_retries=any_count,
    retry_wait=st.floats(0, 100),
    timeout=st.floats(0, 100),
)
any_instant = st.integers(-62_135_596_800 * 10**9, 253_402_300_800 * 10**9)


def summary_of(instants, **counts):
    """A summary of some moments, in nanoseconds since the epoch."""
    first, last = (min(instants), max(instants)) if instants else (None, None)
    return ProfileSummary(
        first=first,
        last=last,
        quarters=SortedCounts(Counter(n // (900 * 10**9) for n in instants).items()),
        **counts,
    )


any_pairs = st.lists(st.tuples(any_count, any_count), max_size=3).map(tuple)
any_audit = st.builds(
    SourceAudit,
    facts=st.builds(
        summary_of,
        records=any_count,
        unreadable=any_count,
        other_names=any_count,
        no_time=any_count,
        no_zone=any_count,
        clock_changes=any_count,
        names=st.dictionaries(any_text, any_count, max_size=3),
        forms=st.dictionaries(any_text, any_count, max_size=3),
        instants=st.lists(any_instant, max_size=3),
    ),
    whole=st.booleans(),
    notes=st.none() | any_count,
    collisions=st.none() | st.builds(Collisions, *[any_count] * 4, any_pairs, any_pairs),
)
FACTS = encode(ProfileSummary(1, 0, {"a": 1}, 0, 0, 0, 0, {}, 0, 9, {1: 1}))
PAIR = {**encode(NO_COLLISIONS), "first": [[1]]}
any_manifest = st.builds(
    Manifest,
    kind=st.sampled_from(["real", "dry-run", "sandbox"]),
    source=any_path,
    fingerprint=st.builds(Fingerprint, size=any_count, mtime_ns=st.integers(), digest=any_text),
    reading=any_reading,
    endpoint=st.sampled_from(["import", "track"]),
    base_url=any_text.map("https://{}".format),
    importer_version=any_text,
    started=any_text,
    project_id=any_text,
    credentials_kind=st.sampled_from(["", "token", "service-account", "secret"]),
    credential_salt=any_text,
    credential_digest=any_text,
    settings=any_settings,
    limit=st.none() | any_count,
    ended=st.none() | any_text,
    parent=st.none() | any_path,
    statuses=st.none() | st.lists(st.sampled_from(Status), max_size=3).map(tuple),
    error_contains=st.none() | any_text,
    retried_by=st.none() | any_path,
    scope=st.none() | any_count,
    counts=st.builds(Counts, *[any_count] * 6),
    unattempted=st.none() | any_count,
    reconciled=st.none() | st.booleans(),
    exit_code=st.none() | st.integers(0, 130),
    audit=st.none() | any_audit,
)


@given(any_manifest)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
def test_a_manifest_is_read_back_exactly(tmp_path, written):
    path = tmp_path / "r.csv.run.json"
    write_manifest(path, written)
    found = read_manifest(path)
    assert found == written
    assert repr(found) == repr(written)  # 1, 1.0 and True are equal to Python


def test_a_manifest_is_ascii_json_with_its_version(tmp_path):
    text = manifest_text(manifest(source="caf\udce9.csv", base_url="\u202e"))
    assert text.isascii()
    assert json.loads(text)["manifest_version"] == 1


def test_a_manifest_is_private_and_leaves_no_draft(tmp_path):
    path = tmp_path / "r.csv.run.json"
    write_manifest(path, manifest())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_draft_that_a_crash_left_is_neither_read_nor_in_the_way(tmp_path):
    path = tmp_path / "r.csv.run.json"
    write_manifest(path, manifest(scope=1))
    draft = tmp_path / "r.csv.run.json.tmp"
    draft.write_text('{"manifest_ver')
    assert read_manifest(path).scope == 1
    write_manifest(path, manifest(scope=2))
    assert read_manifest(path).scope == 2
    assert not draft.exists()


def test_a_draft_that_is_a_link_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "r.csv.run.json.tmp").symlink_to(victim)
    write_manifest(tmp_path / "r.csv.run.json", manifest())
    assert victim.read_text() == "precious"


def test_a_manifest_that_can_not_be_written_is_a_clear_error_and_keeps_the_old_one(tmp_path):
    path = tmp_path / "r.csv.run.json"
    write_manifest(path, manifest(scope=1))
    (tmp_path / "r.csv.run.json.tmp").mkdir()
    with pytest.raises(StorageError, match=r"run\.json can't be written"):
        write_manifest(path, manifest(scope=2))
    assert read_manifest(path).scope == 1


def test_a_missing_manifest_is_a_clear_error(tmp_path):
    with pytest.raises(ResultsError, match="is missing: nothing says how") as caught:
        read_manifest(tmp_path / "r.csv.run.json")
    assert caught.value.remedy


def test_a_folder_in_place_of_a_manifest_is_a_clear_error(tmp_path):
    with pytest.raises(ResultsError, match="can't be read"):
        read_manifest(tmp_path)


def test_a_manifest_cut_at_any_byte_is_a_clear_error(tmp_path):
    path = tmp_path / "r.csv.run.json"
    whole = manifest_text(manifest()).rstrip().encode()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ResultsError, match="cut short or not JSON"):
            read_manifest(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"manifest_version": 2}, "newer mixpanel-importer"),
        ({"manifest_version": 0}, "manifest_version is 0, expected 1"),
        ({"manifest_version": "1"}, "manifest_version is '1', expected 1"),
        ({"colour": "red"}, "colour is not known"),
        ({"kind": "rehearsal"}, "kind is 'rehearsal', expected one of real, dry-run, sandbox"),
        ({"source": None}, "source is None, expected text"),
        ({"scope": "many"}, "scope is 'many', expected an integer"),
        ({"scope": True}, "scope is True, expected an integer"),
        ({"reconciled": 1}, "reconciled is 1, expected true or false"),
        ({"statuses": ["done"]}, r"statuses\[0\] is 'done', expected one of imported"),
        ({"statuses": "failed"}, "statuses is 'failed', expected a list"),
        ({"fingerprint": []}, r"fingerprint is \[\], expected an object"),
        ({"fingerprint": {"size": 1, "mtime_ns": 1}}, "fingerprint.digest is missing"),
        ({"settings": {"timeout": "x"}}, "settings.timeout is 'x', expected a number"),
        ({"settings": {"rate": 0}}, "settings.rate is 0, expected at least 1"),
        ({"audit": 7}, "audit is 7, expected an object"),
        ({"audit": {}}, "audit.facts is missing"),
        ({"audit": {"facts": {}, "whole": True}}, "audit.facts.clock_changes is missing"),
        ({"audit": {"facts": None, "whole": True}}, "audit.facts is None, expected an object"),
        ({"audit": {"facts": FACTS, "whole": 1}}, "audit.whole is 1, expected true or false"),
        (
            {"audit": {"facts": {**FACTS, "quarters": {"x": 1}}, "whole": True}},
            "a name is 'x', expected an int",
        ),
        ({"audit": {"facts": {**FACTS, "quarters": {"1": 2.0}}, "whole": True}}, "is 2.0, expected counts"),
        (
            {"audit": {"facts": {**FACTS, "quarters": {"1": "2,3"}}, "whole": True}},
            "is '2,3', expected counts",
        ),
        ({"audit": {"facts": {**FACTS, "quarters": {"1": -2}}, "whole": True}}, "is -2, expected counts"),
        ({"audit": {"facts": {**FACTS, "quarters": {"1": 2**64}}, "whole": True}}, "more than 64 bits"),
        (
            {"audit": {"facts": {**FACTS, "quarters": {"9223372036854775807": "1 2"}}, "whole": True}},
            "more than 64 bits",
        ),
        ({"audit": {"facts": {**FACTS, "first": "x"}, "whole": True}}, "audit.facts.first is 'x'"),
        ({"audit": {"facts": FACTS, "whole": True, "collisions": {}}}, "audit.collisions.events is missing"),
        (
            {"audit": {"facts": FACTS, "whole": True, "collisions": PAIR}},
            r"first\[0\] is \[1\], expected a list of 2",
        ),
    ],
)
def test_an_edited_manifest_is_a_clear_error(tmp_path, change, said):
    path = tmp_path / "r.csv.run.json"
    path.write_text(json.dumps({**json.loads(manifest_text(manifest())), **change}))
    with pytest.raises(ResultsError, match=said) as caught:
        read_manifest(path)
    assert caught.value.remedy


def test_an_unknown_type_of_a_column_names_the_column(tmp_path):
    document = json.loads(manifest_text(manifest()))
    document["reading"]["types"] = {"zip code": "postcode"}
    path = tmp_path / "r.csv.run.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ResultsError, match=r"reading\.types\.'zip code' is 'postcode'"):
        read_manifest(path)


@pytest.mark.parametrize("content", ["[]", "null", "{}", '"x"', "[" * 100_000])
def test_other_json_is_no_manifest(tmp_path, content):
    path = tmp_path / "r.csv.run.json"
    path.write_text(content)
    with pytest.raises(ResultsError, match="is not the manifest of a run"):
        read_manifest(path)


def test_a_missing_key_with_a_default_takes_it(tmp_path):
    document = json.loads(manifest_text(manifest()))
    del document["audit"]
    path = tmp_path / "r.csv.run.json"
    path.write_text(json.dumps(document))
    assert read_manifest(path) == manifest()


# ── lineage ──────────────────────────────────────────────────────────────────────────────────────


def test_a_link_survives_a_move_of_both_files(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    target = relative_link(old / "r.csv", old / "r.retry-1.csv")
    old.rename(new)
    assert target == "r.retry-1.csv"
    assert resolve_link(new / "r.csv", target) == new / "r.retry-1.csv"


@pytest.mark.parametrize(("form", "null"), [("csv", ("NULL",)), ("jsonl", ())])
def test_words_for_no_value_of_an_older_importer_meant_nothing_in_json_lines(tmp_path, form, null):
    reading = Reading(Dialect(form), ("event", "time"), {"event": "event", "time": "time"}, null=("NULL",))
    path = manifest_path(tmp_path / "r.csv")
    write_manifest(path, manifest(reading=reading, reader_version=2))
    assert read_manifest(path).reading.null == ("NULL",)
    document = json.loads(path.read_bytes())
    del document["reader_version"]
    path.write_text(json.dumps(document), "ascii")
    assert read_manifest(path).reading.null == null


def test_times_over_years_take_little_room(tmp_path):
    quarters = SortedCounts((number, 1 + number % 7) for number in range(1_900_000, 2_005_000))
    facts = replace(
        EMPTY_SUMMARY, first=1_900_000 * 900 * 10**9, last=2_004_999 * 900 * 10**9, quarters=quarters
    )
    path = manifest_path(tmp_path / "r.csv")
    write_manifest(path, manifest(audit=SourceAudit(facts, whole=True)))
    assert path.stat().st_size < 300_000
    audit = read_manifest(path).audit
    assert audit is not None
    assert audit.facts.quarters == quarters


@pytest.mark.parametrize(
    "older", [{"7": 1, "200": 2, "8": 3}, {"200": 2, "7": "1 3"}, {"7": "1 3 0 0", "200": "2"}]
)
def test_counts_by_time_are_read_in_each_form_and_order(tmp_path, older):
    path = manifest_path(tmp_path / "r.csv")
    facts = replace(EMPTY_SUMMARY, first=0, last=0, quarters=SortedCounts([(0, 1)]))
    write_manifest(path, manifest(audit=SourceAudit(facts, whole=True)))
    document = json.loads(path.read_bytes())
    document["audit"]["facts"]["quarters"] = older
    path.write_text(json.dumps(document), "ascii")
    audit = read_manifest(path).audit
    assert audit is not None
    assert list(audit.facts.quarters.items()) == [(7, 1), (8, 3), (200, 2)]


def test_a_link_to_another_folder_leads_there(tmp_path):
    target = relative_link(tmp_path / "a" / "r.csv", tmp_path / "b" / "c.csv")
    assert resolve_link(tmp_path / "a" / "r.csv", target) == tmp_path / "b" / "c.csv"


# ── credentials ──────────────────────────────────────────────────────────────────────────────────


TOKEN = Credentials("token", "0123456789abcdef0123456789abcdef")


def test_a_digest_knows_a_credential_again_and_no_other():
    other = Credentials("token", "f" * 32)
    assert credential_digest("aa", TOKEN) == credential_digest("aa", TOKEN)
    assert credential_digest("aa", TOKEN) != credential_digest("aa", other)
    assert credential_digest("aa", TOKEN) != credential_digest("aa", Credentials("secret", TOKEN.username))
    assert credential_digest("aa", TOKEN) != credential_digest("bb", TOKEN)


def test_a_new_password_of_a_service_account_is_the_same_destination():
    old, new = (Credentials("service-account", "robot", password, "77") for password in ("a", "b"))
    assert credential_digest("aa", old) == credential_digest("aa", new)


def test_no_manifest_holds_a_credential():
    account = Credentials("service-account", "robot.user", "pass-phrase", "77")
    for each in (TOKEN, account):
        text = manifest_text(manifest(credential_salt="aa", credential_digest=credential_digest("aa", each)))
        assert each.username not in text
        assert not each.password or each.password not in text


def test_a_salt_is_that_of_the_results_that_are_there(tmp_path):
    path = write_results(tmp_path / "r.csv", [], credential_salt="old")
    assert salt_for(path, fresh=lambda: "new") == "old"


@pytest.mark.parametrize("beside", [None, "{", manifest_text(manifest())])
def test_a_salt_is_new_where_there_is_none(tmp_path, beside):
    path = tmp_path / "r.csv"
    if beside is not None:
        manifest_path(path).write_text(beside)
    assert salt_for(path, fresh=lambda: "new") == "new"
    assert salt_for(path) != salt_for(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_have_is_never_written(value):
    with pytest.raises(ValueError, match="no number of JSON"):
        manifest_text(manifest(reading=replace(manifest().reading, constants={"x": [value]})))


@pytest.mark.parametrize("text", ["plain", "", "ü", "\x7f", "\x1b", "\u2028", "\udcff", '"\\'])
def test_a_manifest_is_laid_out_in_one_way_and_in_ascii_whatever_it_holds(text):
    facts = ProfileSummary(1, 0, {text: 1}, 0, 0, 0, 0, {}, 0, 9, {1: 2, 3: 4})
    made = manifest(source=text, audit=SourceAudit(facts, whole=True))
    document = json.loads(manifest_text(made))
    assert manifest_text(made) == json.dumps(document, indent=2) + "\n"
    assert document["source"] == text
