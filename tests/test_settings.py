from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import RefusedError
from importer.mixpanel.hosts import HOSTS
from importer.model import Credentials
from importer.settings import BASE_URL, find_credentials, find_destination

TOKEN = {"MIXPANEL_PROJECT_TOKEN": " tok123 \n"}
ACCOUNT = {
    "MIXPANEL_SERVICE_ACCOUNT_USERNAME": "robot",
    "MIXPANEL_SERVICE_ACCOUNT_SECRET": "hush",
    "MIXPANEL_PROJECT_ID": "4711",
}
SECRET = {"MIXPANEL_API_SECRET": "legacy"}
NOWHERE = Path("/nowhere/.env")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (TOKEN, Credentials("token", "tok123")),
        (ACCOUNT, Credentials("service-account", "robot", "hush", "4711")),
        (SECRET, Credentials("secret", "legacy")),
    ],
)
def test_each_kind_of_credentials_is_found_in_the_environment(
    environ: dict[str, str], expected: Credentials
) -> None:
    assert find_credentials(environ, dotenv=NOWHERE) == expected


def test_two_kinds_stop_until_one_is_chosen() -> None:
    with pytest.raises(RefusedError, match="2 kinds: token, secret") as stopped:
        find_credentials(TOKEN | SECRET, dotenv=NOWHERE)
    assert "--credentials token or --credentials secret" in stopped.value.remedy
    assert find_credentials(TOKEN | SECRET, kind="secret", dotenv=NOWHERE).username == "legacy"


def test_an_incomplete_service_account_names_what_is_missing() -> None:
    with pytest.raises(RefusedError, match="lacks MIXPANEL_PROJECT_ID for"):
        find_credentials({k: v for k, v in ACCOUNT.items() if "ID" not in k}, dotenv=NOWHERE)


def test_no_credentials_at_all_is_refused_with_what_to_set() -> None:
    with pytest.raises(RefusedError) as stopped:
        find_credentials({"MIXPANEL_PROJECT_TOKEN": "  "}, dotenv=NOWHERE)
    assert stopped.value.exit_code == 4
    assert "MIXPANEL_PROJECT_TOKEN" in stopped.value.remedy


def test_dotenv_serves_where_the_environment_has_none(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("MIXPANEL_PROJECT_TOKEN='from $file'\n")
    with pytest.raises(RefusedError, match=r"\.env|TOKEN"):  # a token has no blank in it
        find_credentials({}, dotenv=dotenv)
    dotenv.write_text("MIXPANEL_PROJECT_TOKEN=from-file\nMIXPANEL_API_SECRET=\n")
    assert find_credentials({}, dotenv=dotenv).username == "from-file"


def test_the_environment_wins_whole_and_sets_are_never_mixed(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("MIXPANEL_PROJECT_ID=4711\nMIXPANEL_PROJECT_TOKEN=other\n")
    assert find_credentials(SECRET, dotenv=dotenv) == Credentials("secret", "legacy")
    partial = {k: v for k, v in ACCOUNT.items() if "ID" not in k}
    with pytest.raises(RefusedError, match="the environment lacks MIXPANEL_PROJECT_ID"):
        find_credentials(partial, dotenv=dotenv)


def test_a_token_file_comes_first_and_its_text_is_in_no_error(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc\n")
    assert find_credentials(SECRET, token_file=file, dotenv=NOWHERE).username == "abc"
    file.write_text("two words-of-a-secret\n")
    with pytest.raises(RefusedError) as stopped:
        find_credentials({}, token_file=file, dotenv=NOWHERE)
    assert "words" not in stopped.value.message + stopped.value.remedy
    with pytest.raises(RefusedError, match="can't be read"):
        find_credentials({}, token_file=tmp_path / "absent", dotenv=NOWHERE)


def test_the_repr_of_credentials_contains_no_secret() -> None:
    shown = repr(find_credentials(ACCOUNT, dotenv=NOWHERE))
    assert "hush" not in shown
    assert "robot" not in shown


def test_the_region_names_mixpanels_hosts() -> None:
    assert find_destination({}).base_url == HOSTS["us"] == "https://api.mixpanel.com"
    assert find_destination({}, region="eu").base_url == "https://api-eu.mixpanel.com"
    assert find_destination({}, region="in").base_url == "https://api-in.mixpanel.com"


def test_a_base_url_comes_from_the_option_then_the_environment() -> None:
    environ = {BASE_URL: "http://127.0.0.1:1/"}
    assert find_destination(environ).base_url == "http://127.0.0.1:1"
    assert find_destination(environ, base_url="https://x").base_url == "https://x"
    with pytest.raises(RefusedError, match="both say where to send"):
        find_destination(environ, region="eu")


def test_a_base_url_that_can_not_be_used_is_refused_where_the_destination_is_made():
    with pytest.raises(RefusedError, match="plain http"):
        find_destination({}, base_url="http://api.mixpanel.com")
    with pytest.raises(RefusedError, match="ends with the endpoint"):
        find_destination({BASE_URL: "https://api.mixpanel.com/import/"})
