"""Pages of somebody else's in a browser can neither read what landed nor change it."""

from __future__ import annotations

import httpx
import pytest
from sandbox_helpers import Rehearsal, event

from importer.sandbox.access import foreign_reason
from importer.sandbox.server import Sandbox
from importer.sandbox.settings import SandboxSettings

OUR_HOSTS = ["127.0.0.1:8090", "127.0.0.1", "localhost", "LOCALHOST:80", "[::1]:8090", "192.168.1.7:8090", "sandbox.localhost:1"]  # fmt: skip
THEIR_HOSTS = ["", "evil.example", "evil.example:8090", "localhost.evil.example", "127.0.0.1.evil.example:8090",
               "evil.example.", "127.0.0.1@evil.example", "sandbox:8090", "[::1", "0x7f.1", "evil.example:80:90"]  # fmt: skip
READ = ["/", "/sandbox/events", "/sandbox/counts", "/sandbox/requests"]


@pytest.mark.parametrize("host", OUR_HOSTS)
def test_this_machine_is_asked_under_its_own_names(host: str):
    assert foreign_reason(host, None, "127.0.0.1") == ""
    assert foreign_reason(host, f"http://{host}", "127.0.0.1") == ""


@pytest.mark.parametrize("host", THEIR_HOSTS)
def test_under_any_other_name_it_is_not(host: str):
    assert foreign_reason(host, None, "127.0.0.1") != ""
    assert foreign_reason(host, f"http://{host}", "127.0.0.1") != ""


@pytest.mark.parametrize("host", ["rehearsal.example:8090", "REHEARSAL.example", "mixpanel:8090", "10.0.0.1"])
def test_listening_to_other_machines_it_has_the_name_that_was_typed_and_those_of_containers(host: str):
    assert foreign_reason(host, None, "rehearsal.example") == ""
    assert foreign_reason("evil.example", None, "rehearsal.example") != ""
    assert foreign_reason("mixpanel:8090", None, "0.0.0.0") == ""


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://evil.example", "https://127.0.0.1", "http://127.0.0.1:81", "http://localhost",
     "http://127.0.0.1.evil.example"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/import?strict=1", "/track", "/sandbox/reset"])
def test_a_page_elsewhere_changes_nothing(sandbox: Rehearsal, origin: str, path: str):
    sandbox.import_([event("a1")])
    answer = sandbox.request("POST", path, json=[event("a2")], headers={"origin": origin})
    assert answer.status_code == 403
    assert answer.json()["error"] == "the sandbox takes nothing from the pages of others"
    assert [each["properties"]["$insert_id"] for each in sandbox.landed()] == ["a1"]


@pytest.mark.parametrize("path", READ)
def test_a_name_that_was_made_to_point_here_shows_nothing(sandbox: Rehearsal, path: str):
    sandbox.import_([event("a1", name="Secret purchase")])
    answer = sandbox.request("GET", path, headers={"host": "evil.example:8090"})
    assert answer.status_code == 403
    assert "Secret purchase" not in answer.text


@pytest.mark.parametrize("path", READ)
def test_no_page_may_embed_what_is_shown(sandbox: Rehearsal, path: str):
    answer = sandbox.get(path)
    assert answer.status_code == 200
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers


def test_its_own_page_may_wipe_it(sandbox: Rehearsal):
    sandbox.import_([event("a1")])
    answer = sandbox.request("POST", "/sandbox/reset", headers={"origin": "http://127.0.0.1"})
    assert answer.status_code == 200
    assert sandbox.landed() == []


def test_over_a_real_connection_too():
    with Sandbox(SandboxSettings()) as sandbox:
        assert httpx.get(sandbox.url).status_code == 200
        assert httpx.get(sandbox.url, headers={"host": "evil.example"}).status_code == 403
        assert httpx.post(f"{sandbox.url}/sandbox/reset", headers={"origin": "null"}).status_code == 403
        port = sandbox.url.rpartition(":")[2]
        assert (
            httpx.get(f"http://localhost:{port}/", headers={"host": f"localhost:{port}"}).status_code == 200
        )
