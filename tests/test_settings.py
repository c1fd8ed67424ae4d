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


# ── what was copied with it ──────────────────────────────────────────────────────────────────────

SECRET_WORD = "s3cr3t0123456789"
COPIED_WRONGLY = {
    "quotes": (f'"{SECRET_WORD}"', "has quotes around it"),
    "single quotes": (f"'{SECRET_WORD}'", "has quotes around it"),
    "quotes of a word processor": (f"\u201c{SECRET_WORD}\u201d", "has quotes around it"),
    "a quote at one end": (f'{SECRET_WORD}"', "has quotes around it"),
    "a blank": (f"{SECRET_WORD} {SECRET_WORD}", "holds blanks"),
    "a blank that is none": (f"{SECRET_WORD}\u00a0{SECRET_WORD}", "holds blanks"),
    "two lines": (f"{SECRET_WORD}\n{SECRET_WORD}", "holds several lines"),
    "its name": (f"MIXPANEL_PROJECT_TOKEN={SECRET_WORD}", "begins with MIXPANEL_PROJECT_TOKEN="),
    "a line of a shell": (f"export MIXPANEL_PROJECT_TOKEN = '{SECRET_WORD}'", "begins with MIXPANEL_PROJECT_TOKEN="),
    "the name of another": (f"MIXPANEL_API_SECRET={SECRET_WORD}", "begins with MIXPANEL_API_SECRET="),
    "a zero-width space": (f"{SECRET_WORD}\u200b", "holds other characters"),
    "a control character": (f"{SECRET_WORD[:4]}\x07{SECRET_WORD}", "holds other characters"),
}  # fmt: skip


@pytest.mark.parametrize("place", ["the environment", ".env", "--token-file"])
@pytest.mark.parametrize("name", list(COPIED_WRONGLY))
def test_what_is_wrong_with_a_token_is_said_by_name_without_any_of_it(
    name: str, place: str, tmp_path: Path
) -> None:
    text, what = COPIED_WRONGLY[name]
    environ, dotenv, token_file = {}, NOWHERE, None
    where = f"MIXPANEL_PROJECT_TOKEN in {place}"
    if place == "the environment":
        environ = {"MIXPANEL_PROJECT_TOKEN": text}
    elif place == ".env":
        dotenv = tmp_path / ".env"
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        dotenv.write_text(f'MIXPANEL_PROJECT_TOKEN="{escaped}"\n', "utf-8")
        where = f"MIXPANEL_PROJECT_TOKEN in {dotenv}"
    else:
        token_file = tmp_path / "token"
        token_file.write_text(text, "utf-8")
        where = f"--token-file {token_file}"
    with pytest.raises(RefusedError) as stopped:
        find_credentials(environ, token_file=token_file, dotenv=dotenv)
    assert f"{where} {what}" in stopped.value.message
    assert SECRET_WORD not in stopped.value.message + stopped.value.remedy
    assert stopped.value.exit_code == 4


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_token_file_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(RefusedError, match=r"token is empty"):
        find_credentials({}, token_file=file, dotenv=NOWHERE)


@pytest.mark.parametrize("text", [f"{SECRET_WORD}\n", f"  {SECRET_WORD}\r\n\r\n", f"\ufeff{SECRET_WORD}"])
def test_what_an_editor_adds_around_a_token_is_left_out(text: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(text, "utf-8", newline="")
    assert find_credentials({}, token_file=file, dotenv=NOWHERE).username == SECRET_WORD


def test_each_part_of_a_service_account_is_named() -> None:
    for name in ACCOUNT:
        with pytest.raises(RefusedError, match=f"^{name} in the environment has quotes"):
            find_credentials(ACCOUNT | {name: f"'{SECRET_WORD}'"}, dotenv=NOWHERE)


# ── a server that a file names ───────────────────────────────────────────────────────────────────


def test_a_dotenv_may_not_name_the_server(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("MIXPANEL_PROJECT_TOKEN=t\nMIXPANEL_BASE_URL=https://elsewhere.example\n")
    for region in (None, "eu"):
        with pytest.raises(RefusedError, match=r"\.env holds MIXPANEL_BASE_URL") as stopped:
            find_destination({}, region=region, dotenv=dotenv)
        assert stopped.value.exit_code == 4
    assert find_destination({BASE_URL: "https://x"}, dotenv=dotenv).base_url == "https://x"
    assert find_destination({}, base_url="https://x", dotenv=dotenv).base_url == "https://x"
    dotenv.write_text("MIXPANEL_BASE_URL=\n")
    assert find_destination({}, dotenv=dotenv).base_url == HOSTS["us"]


def test_a_dotenv_that_is_not_text_may_not_name_the_server_either(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"NAME=M\xfcller\nMIXPANEL_BASE_URL=https://elsewhere.example\n")
    with pytest.raises(RefusedError, match=r"\.env holds MIXPANEL_BASE_URL"):
        find_destination({}, dotenv=dotenv)
    dotenv.write_bytes(b"NAME=M\xfcller\n")
    assert find_destination({}, dotenv=dotenv).base_url == HOSTS["us"]
    assert find_destination({}, dotenv=tmp_path).base_url == HOSTS["us"]  # a folder
