"""Servers with a certificate of a company's own: trusted by variables, and named where they are not trusted."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from delivery_server import Server
from end_to_end_helpers import TOKEN, Shell, simple_csv, statuses

pytestmark = pytest.mark.slow

VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


class Authority(NamedTuple):
    """Who signed the certificate of a server, and who did not."""

    file: Path
    other: Path
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("authority")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    new = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    for line in (
        f"{new} -x509 -subj /CN=Ours -keyout ca.key -out ca.pem -days 2",
        f"{new} -x509 -subj /CN=Other -keyout other.key -out other.pem -days 2",
        f"{new} -subj /CN=localhost -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -out server.pem -days 2 -set_serial 7 -extfile names",
    ):
        subprocess.run([openssl, *line.split()], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return Authority(folder / "ca.pem", folder / "other.pem", context)


@pytest.fixture
def https(authority: Authority) -> Iterator[Server]:
    with Server(lambda request, connection: connection.take(request), authority.context) as server:
        yield server


@pytest.fixture
def secure(bare: Shell, https: Server) -> Shell:
    bare.write("events.csv", simple_csv(3))
    return bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=https.url)


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_file_of_certificates_is_trusted(secure: Shell, authority: Authority, variable: str) -> None:
    shell = secure.with_environ(**{variable: str(authority.file)})
    assert shell.type("run", "events.csv", "--yes").code == 0
    assert statuses(shell.results("events.results.csv")) == ["imported"] * 3
    tracked = shell.type("track", "Hi", "--endpoint", "import")
    assert (tracked.code, json.loads(tracked.out)["success"]) == (0, True)


def test_both_variables_add_up(secure: Shell, authority: Authority) -> None:
    shell = secure.with_environ(SSL_CERT_FILE=str(authority.file), REQUESTS_CA_BUNDLE=str(authority.other))
    assert shell.type("track", "Hi", "--endpoint", "import").code == 0


@pytest.fixture(scope="module")
def folder(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of certificates, as OpenSSL takes them."""
    folder = tmp_path_factory.mktemp("certificates")
    openssl = str(shutil.which("openssl"))
    asked = [openssl, "x509", "-hash", "-noout", "-in", authority.file]
    name = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    shutil.copy(authority.file, folder / f"{name}.0")
    return folder


@pytest.mark.parametrize("variable", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_a_folder_of_certificates_is_trusted(secure: Shell, folder: Path, variable: str) -> None:
    shell = secure.with_environ(**{variable: str(folder)})
    assert shell.type("track", "Hi", "--endpoint", "import").code == 0


def test_folders_of_certificates_hold_beside_a_file_and_one_that_is_missing(
    secure: Shell, authority: Authority, folder: Path
) -> None:
    for variable in VARIABLES:
        shell = secure.with_environ(**{variable: str(authority.other), "SSL_CERT_DIR": f"/nowhere:{folder}"})
        assert shell.type("track", "Hi", "--endpoint", "import").code == 0


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), ("a file", "Not a directory")])
def test_a_variable_that_names_no_folder_of_certificates_stops_before_anything_is_read(
    secure: Shell, https: Server, content: str | None, reason: str
) -> None:
    if content is not None:
        secure.write("certificates", content)
    shell = secure.with_environ(SSL_CERT_DIR="certificates")
    for words in (["run", "events.csv", "--yes"], ["track", "Hi"]):
        done = shell.type(*words)
        assert (done.code, done.out) == (4, "")
        assert f"SSL_CERT_DIR names 'certificates', which can't be used: {reason}" in done.err
        assert "Let it name a folder of certificates (PEM), or unset it: unset SSL_CERT_DIR" in done.err
    assert https.requests == []


def test_what_is_not_trusted_names_the_variables_that_help(secure: Shell, https: Server) -> None:
    ran = secure.type("run", "events.csv", "--yes")
    assert ran.code == 4
    tracked = secure.type("track", "Hi")
    assert tracked.code == 1
    for text in (ran.err, json.loads(tracked.out)["error"]):
        assert "certificate is not valid" in text
        assert all(variable in text for variable in VARIABLES)
    assert https.requests == []


@pytest.mark.parametrize("variable", VARIABLES)
def test_what_a_variable_does_not_name_is_not_trusted_and_it_is_named(
    secure: Shell, authority: Authority, https: Server, variable: str
) -> None:
    shell = secure.with_environ(**{variable: str(authority.other)})
    ran = shell.type("run", "events.csv", "--yes")
    assert ran.code == 4
    assert variable in ran.err
    assert str(authority.other)[-20:] in ran.err
    assert https.requests == []


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), ("not a certificate", "no certificates in PEM form")]
)
def test_a_variable_that_names_no_certificates_stops_before_anything_is_read(
    secure: Shell, variable: str, content: str | None, reason: str
) -> None:
    if content is not None:
        secure.write("ca.pem", content)
    shell = secure.with_environ(**{variable: "ca.pem"})
    for words in (["run", "events.csv", "--yes"], ["track", "Hi"]):
        done = shell.type(*words)
        assert (done.code, done.out) == (4, "")
        assert f"{variable} names 'ca.pem', which can't be used: {reason}" in done.err
        assert "Source" not in done.err
