from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from sandbox_helpers import event

from importer.errors import SourceError, UsageError
from importer.sandbox.server import Sandbox, serve
from importer.sandbox.settings import SandboxSettings

ROOT = Path(__file__).parents[2]


def test_it_answers_as_soon_as_it_is_entered_and_leaves_nothing_behind():
    before = threading.active_count()
    with Sandbox(SandboxSettings()) as sandbox, httpx.Client(base_url=sandbox.url) as client:
        assert client.post("/import?strict=1", json=[event()], auth=("t", "")).status_code == 200
        assert client.get("/").headers["x-sandbox"] == "mixpanel-importer"
        assert sandbox.store.count() == 1
    assert threading.active_count() == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(sandbox.url)


def test_several_run_side_by_side():
    with Sandbox(SandboxSettings()) as one, Sandbox(SandboxSettings()) as other:
        httpx.post(one.url + "/import?strict=1", json=[event()], auth=("t", ""))
        assert (one.store.count(), other.store.count()) == (1, 0)


def test_it_leaves_signals_alone_beside_a_run():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Sandbox(SandboxSettings()):
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_it_stops_while_a_client_keeps_its_connection():
    def seconds_to_stop() -> float:
        with httpx.Client(timeout=60) as client:
            with Sandbox(SandboxSettings()) as sandbox:
                client.get(sandbox.url)
                started = time.monotonic()
            return time.monotonic() - started

    # On a busy machine one try may take longer; to wait for the connection would take 2 seconds each time.
    assert any(seconds_to_stop() < 1.5 for _ in range(5))


def test_a_body_somewhat_too_large_is_heard_out_so_that_the_answer_arrives():
    with Sandbox(SandboxSettings()) as sandbox:
        answer = httpx.post(sandbox.url + "/import", content=b" " * 10_000_000, auth=("t", ""))
        assert answer.status_code == 413


def test_a_port_in_use_is_a_clear_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"can't listen on 127.0.0.1, port {port}"):
            Sandbox(SandboxSettings(port=port))


def test_a_port_lost_between_binding_and_listening_is_a_clear_error():
    sandbox = Sandbox(SandboxSettings())
    with socket.socket() as rival:
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        rival.bind(("127.0.0.1", int(sandbox.url.rpartition(":")[2])))
        rival.listen()
        with pytest.raises(UsageError, match="can't listen on"), sandbox:
            pass


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), ("127.0.0.1", 70_000)])
def test_an_address_that_is_none_is_a_clear_error(host: str, port: int):
    with pytest.raises(UsageError, match="can't listen on"):
        Sandbox(SandboxSettings(host=host, port=port))


def test_a_store_that_cannot_be_used_is_a_clear_error(tmp_path: Path):
    with pytest.raises(SourceError):
        Sandbox(SandboxSettings(db=tmp_path))


def test_serving_ends_when_the_event_is_set():
    stop, urls = threading.Event(), []

    def ready(url: str) -> None:
        urls.append(url)
        assert httpx.get(url).status_code == 200
        stop.set()

    before = signal.getsignal(signal.SIGINT)
    serve(SandboxSettings(), ready, stop)
    assert len(urls) == 1
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_ends_cleanly_on_a_signal_and_keeps_its_file(tmp_path: Path, number: int):
    db = tmp_path / "landed.db"
    code = (
        "import sys, pathlib\n"
        "from importer.sandbox.server import serve\n"
        "from importer.sandbox.settings import SandboxSettings\n"
        "serve(SandboxSettings(db=pathlib.Path(sys.argv[1])), lambda url: print(url, flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(db)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        httpx.post(url + "/import?strict=1", json=[event()], auth=("t", ""))
        process.send_signal(number)
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0
    with Sandbox(SandboxSettings(db=db)) as sandbox:
        assert sandbox.store.count() == 1


def test_settings_are_cheap_to_import():
    code = "import sys, importer.sandbox.settings; print(*{'uvicorn', 'starlette', 'importer.sandbox.store'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.strip() == ""
