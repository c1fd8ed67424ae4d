import pytest

from importer.errors import RefusedError
from importer.mixpanel.base_url import check_base_url, host_of, is_loopback


@pytest.mark.parametrize(
    "url",
    [
        "https://api.mixpanel.com",
        "https://api-eu.mixpanel.com/",
        "https://proxy.example.com:8443/mixpanel",
        "http://localhost:8080",
        "http://LOCALHOST",
        "http://127.0.0.1:1",
        "http://127.9.9.9",
        "http://[::1]:8080",
        "https://[2001:db8::1]",
    ],
)
def test_https_anywhere_and_http_to_this_machine_are_good(url):
    check_base_url(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://api.mixpanel.com", "plain http"),
        ("http://127.0.0.1.example.com", "plain http"),
        ("http://localhost.example.com", "plain http"),
        ("http://0.0.0.0", "plain http"),
        ("http://2130706433", "plain http"),
        ("api.mixpanel.com", "not an http"),
        ("ftp://api.mixpanel.com", "not an http"),
        ("https://", "not an http"),
        ("https://host:0", "not an http"),
        ("https://a..b", "not an http"),
        ("https://" + "a" * 64 + ".com", "not an http"),
        ("https://host:99999", "can't be read"),
        ("https://[::1", "can't be read"),
        ("", "empty"),
        ("https://api.mixpanel.com\n", "blanks"),
        ("https://api.mix panel.com", "blanks"),
        ("https://host/?a=1", "query"),
        ("https://host/#a", "fragment"),
        ("https://host/import", "endpoint"),
        ("https://host/track/", "endpoint"),
    ],
)
def test_anything_else_is_refused_with_a_remedy(url, words):
    with pytest.raises(RefusedError) as caught:
        check_base_url(url)
    assert words in caught.value.message
    assert caught.value.remedy


def test_credentials_in_the_url_are_refused_and_not_repeated():
    with pytest.raises(RefusedError) as caught:
        check_base_url("https://bob:hunter22@api.mixpanel.com")
    assert "hunter22" not in str(caught.value) + caught.value.remedy
    assert "bob" not in str(caught.value)


def test_a_long_url_is_cut_in_messages():
    with pytest.raises(RefusedError) as caught:
        check_base_url("ftp://" + "x" * 5000)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("host", ["example.com", "10.0.0.1", "", "::2"])
def test_other_hosts_are_not_this_machine(host):
    assert not is_loopback(host)


def test_the_host_is_named_with_its_port():
    assert host_of("http://127.0.0.1:8080") == "127.0.0.1:8080"
