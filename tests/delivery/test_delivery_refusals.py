import pytest

from importer.delivery.refusals import refused_error
from importer.delivery.replies import Refused
from importer.model import Destination


@pytest.mark.parametrize(
    ("status", "kind", "message", "remedy"),
    [
        (401, "token", "401: Nope (sent with the project token)", "the region"),
        (403, "secret", "403: Nope (sent with the project's API secret)", "the region"),
        (401, "service-account", "the service account", "project id"),
        (301, "token", "301", "not followed"),
        (407, "token", "407", "HTTPS_PROXY"),
        (404, "token", "404", "--base-url"),
        (None, "token", "No connection to api.mixpanel.com: Nope", "certificates"),
    ],
)
def test_a_refusal_says_who_refused_what_and_what_to_check(status, kind, message, remedy):
    error = refused_error(Refused(status, "Nope"), Destination("import", "https://api.mixpanel.com"), kind)
    assert message in error.message
    assert remedy in error.remedy
    assert error.exit_code == 4
