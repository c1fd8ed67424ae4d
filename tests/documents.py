"""The commands of the README and of the pages in docs/, and a shell in which they are typed.

A document has its commands in fenced blocks. In ``console``, each begins behind ``$ `` and what it prints stands
below; a line ``…`` is any lines that are left out. In ``sh`` there is nothing but commands. A command that does
not end with 0 says so in a comment: ``# exit code 1``.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from command_server import CommandServer, command_server
from delivery_server import Connection, Request, Server, answer, read_request
from end_to_end_helpers import TIMEOUT

from importer.mixpanel.hosts import HOSTS
from importer.sandbox.server import Sandbox
from importer.sandbox.settings import SandboxSettings

ROOT = Path(__file__).resolve().parent.parent
GUIDES = ("reading", "sets", "mapping", "mapping-files", "delivery", "results", "exit-codes", "sandbox")
"""Pages of docs/ that show commands. The others are values.md, held by test_values.py, and decisions.md."""
PAGES = ("README.md", *(f"docs/{name}.md" for name in GUIDES))

TOKEN = "token-of-the-documents"
_BLOCK = re.compile(r"^(?:<!-- command: (\w+) -->\n)?```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"# exit code (\d+)$", re.MULTILINE)
_HEREDOC = re.compile(r"<<'(\w+)'")


class Typed(NamedTuple):
    """A command of a document.

    Attributes:
        command: As it is typed; perhaps of several lines.
        shown: What the document shows of its output; None if nothing is said of that.
        code: The exit code that the document says.
    """

    command: str
    shown: str | None
    code: int


class Printed(NamedTuple):
    """What a command printed, and its exit code."""

    output: str
    code: int


def all_pages() -> str:
    """Return the README and the pages as one text."""
    return "\n".join((ROOT / page).read_text("utf-8") for page in PAGES)


def blocks(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield mark, language and content of each fenced block; the mark says that `.ci/run` runs it."""
    yield from _BLOCK.findall(text)


def commands(text: str) -> list[Typed]:
    """Return the commands of a document, in order.

    Of one that `.ci/run` runs, because it installs, only what comes after the installation is among them.
    """
    found = []
    for mark, language, content in blocks(text):
        if mark:
            found += [_typed(part, None) for part in content.split(" && ") if "mixpanel-importer" in part]
        elif language == "sh":
            found += [_typed(command, None) for command in _split(content)]
        elif language == "console":
            for part in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
                lines = part.splitlines()
                size = next(n for n, line in enumerate(lines, 1) if not line.endswith("\\"))
                found.append(_typed("\n".join(lines[:size]), "\n".join(lines[size:])))
    return found


def _typed(command: str, shown: str | None) -> Typed:
    code = _CODE.search(command)
    return Typed(command.strip(), shown, int(code[1]) if code else 0)


def _split(content: str) -> Iterator[str]:
    """Yield the commands of a block of them: a line, or several where one goes on, or holds a document."""
    lines = iter(content.splitlines())
    for line in lines:
        command = line
        if heredoc := _HEREDOC.search(line):
            for more in lines:
                command += f"\n{more}"
                if more == heredoc[1]:
                    break
        while command.endswith("\\"):
            command += f"\n{next(lines)}"
        if command.strip() and not command.startswith("#"):
            yield command


# ── a shell ──────────────────────────────────────────────────────────────────────────────────────

_PROGRAM = """#!{python} -IS
import json, os, signal, socket, sys
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect({path!r})
    socket.send_fds(server, [request], [0, 1, 2])
    process = int(server.recv(64))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: os.kill(process, number))
    os._exit(int(server.recv(64)) & 255)
"""
"""`mixpanel-importer` within the shell: it has the command run by the command server."""


@contextmanager
def _program(folder: Path, server: CommandServer) -> Iterator[Path]:
    """Make a program in a folder that runs the importer with its words, streams and variables."""
    path, program = folder / "socket", folder / "mixpanel-importer"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen()
        program.write_text(_PROGRAM.format(python=sys.executable, path=str(path)))
        program.chmod(0o700)
        threading.Thread(target=_accept, args=(listener, server), daemon=True).start()
        yield program
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, server: CommandServer) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_run, args=(client, server), daemon=True).start()


def _run(client: socket.socket, server: CommandServer) -> None:
    with client:
        request, streams, _, _ = socket.recv_fds(client, 1 << 20, 3)
        words, folder, environ = json.loads(request)
        try:
            code = server.run(
                words, Path(folder), environ, streams, TIMEOUT, lambda pid: client.send(b"%d" % pid)
            )
        finally:
            for stream in streams:
                os.close(stream)
        with suppress(OSError):
            client.send(b"%d" % code)


def run(typed: Sequence[str], folder: Path, **environ: str) -> list[Printed]:
    """Type commands into one shell and return what each printed, on standard output and standard error.

    Args:
        typed: The commands. One that is put into the background is waited for until it has printed something.
        folder: The working directory.
        environ: Variables of the shell.
    """
    own = folder.with_name(f"{folder.name}.shell")
    own.mkdir()
    lines = ["trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]
    for number, command in enumerate(typed):
        lines += [f"exec >{own}/{number} 2>&1", command, f"echo $? >{own}/{number}.code"]
        if command.endswith("&"):
            lines.append(f"until [ -s {own}/{number} ]; do sleep 0.02; done")
    (own / "script").write_text("\n".join(lines) + "\n", "utf-8")
    with _program(own, command_server()) as program:
        variables = {
            "PATH": os.pathsep.join((str(own), str(Path(sys.executable).parent), os.environ["PATH"])),
            "HOME": str(folder), "LANG": "C.UTF-8", "HTTPS_PROXY": "http://127.0.0.1:9", **environ,
        }  # fmt: skip
        _add_environment(folder, program)
        subprocess.run(
            ["bash", own / "script"], cwd=folder, env=variables, timeout=TIMEOUT, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    return [
        Printed((own / str(number)).read_text("utf-8"), int((own / f"{number}.code").read_text()))
        for number in range(len(typed))
    ]


def _add_environment(folder: Path, program: Path) -> None:
    """Put the program where the README's first command installs it."""
    installed = folder / ".venv/bin"
    installed.mkdir(parents=True)
    (installed / "activate").touch()
    (installed / program.name).symlink_to(program)


# ── Mixpanel ─────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def mixpanel(folder: Path) -> Iterator[dict[str, str]]:
    """Be Mixpanel's hosts, and yield the variables that lead commands here by a proxy.

    The project of `TOKEN` is in the US, and those of all other tokens are elsewhere.
    """
    openssl = shutil.which("openssl")
    assert openssl is not None, "openssl makes the certificate of the hosts"
    hosts = [url.removeprefix("https://") for url in HOSTS.values()]
    words = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=tests"
        " -keyout key.pem -out certificate.pem"
    )
    names = f"subjectAltName={','.join(f'DNS:{host}' for host in hosts)}"
    subprocess.run([openssl, *words.split(), "-addext", names], cwd=folder, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    with Sandbox(SandboxSettings(token=TOKEN)) as us, Sandbox(SandboxSettings()) as elsewhere:
        ports = {f"{host}:443": (us if host == hosts[0] else elsewhere).url for host in hosts}

        def tunnel(request: Request, connection: Connection) -> None:
            connection.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            behind = http.client.HTTPConnection(ports[request.target].removeprefix("http://"))
            with (
                closing(behind),
                tls.wrap_socket(connection.sock, server_side=True) as sock,
                sock.makefile("rb") as reader,
            ):
                while (inner := read_request(reader)) is not None:
                    headers = {name: text for name, text in inner.headers.items() if name != "host"}
                    behind.request(inner.method, inner.target, inner.body, headers)
                    reply = behind.getresponse()
                    sock.sendall(answer(reply.status, reply.read()))
            connection.leave()

        with Server(tunnel) as proxy:
            yield {
                "HTTPS_PROXY": proxy.url,
                "SSL_CERT_FILE": str(folder / "certificate.pem"),
                "MIXPANEL_PROJECT_TOKEN": TOKEN,
            }
