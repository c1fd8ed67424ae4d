import pytest
from delivery_helpers import NOW

from importer.delivery.backoff import MAX_RETRY_AFTER, backoff, retry_after

DATE = "Fri, 15 Jan 2027 08:00:00 GMT"  # NOW


@pytest.mark.parametrize(
    ("attempt", "wait"), [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 60), (7, 60), (10_000, 60)]
)
def test_waits_double_from_two_seconds_to_sixty(attempt, wait):
    assert backoff(attempt, 2.0, 0.0) == wait + 1
    assert backoff(attempt, 2.0, 1.0) == wait + 5


def test_jitter_and_cap_are_in_proportion_to_the_first_wait():
    assert backoff(1, 0.02, 0.5) == pytest.approx(0.02 + 0.03)
    assert backoff(9, 0.02, 0.0) == pytest.approx(0.6 + 0.01)
    assert backoff(9, 0.0, 1.0) == 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 120 ", 120),
        ("Fri, 15 Jan 2027 08:00:09 GMT", 9),
        ("Friday, 15-Jan-27 08:00:09 GMT", 9),
        ("Fri Jan 15 08:00:09 2027", 9),
        ("Fri, 15 Jan 2027 08:00:09 -0000", 9),
        ("86400", MAX_RETRY_AFTER),
        ("9" * 5000, MAX_RETRY_AFTER),
        ("Fri, 15 Jan 2077 08:00:00 GMT", MAX_RETRY_AFTER),
        ("", None),
        ("0", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("Fri, 15 Jan 2027 07:00:00 GMT", None),
        ("Fri, 45 Jan 2027 08:00:00 GMT", None),
        ("Fri, 15 Jan 99999 08:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(value, seconds):
    assert retry_after(value, "", NOW) == seconds


def test_a_date_is_measured_by_the_server_s_own_clock():
    assert retry_after("Fri, 15 Jan 2027 08:00:09 GMT", DATE, NOW + 3_600_000) == 9
    assert retry_after("Fri, 15 Jan 2027 08:00:09 GMT", "garbage", NOW) == 9
