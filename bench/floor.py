"""The floor: what it costs to do nothing but send a file that is ready to be sent.

    python bench/floor.py FILE URL --batch-size 2000 --times 4

Takes lines of JSON as they stand, compresses them and writes them to a socket. Nothing is parsed, checked,
remembered or retried, and no result is written; an importer that does all of that can come near, not below.
"""

from __future__ import annotations

import argparse
import socket
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from isal.igzip import compress

_HEAD = (
    b"POST /import?strict=1 HTTP/1.1\r\nHost: %b\r\nAuthorization: Basic Zmxvb3I6\r\n"
    b"Content-Type: application/x-ndjson\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
)


def send(path: Path, url: str, batch_size: int, times: int) -> int:
    """Send a file so many times and return the number of requests."""
    parts = urlsplit(url)
    host = parts.netloc.encode()
    requests = 0
    with (
        path.open("rb", buffering=1 << 20) as file,
        socket.create_connection((parts.hostname or "", parts.port or 80)) as connection,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while body := b"".join(islice(file, batch_size)) or _again(file, times := times - 1, batch_size):
            packed = compress(body, 1, mtime=0)
            connection.sendall(_HEAD % (host, len(packed)) + packed)
            answer = connection.recv(65_536)
            while b"}" not in answer:
                more = connection.recv(65_536)
                if not more:
                    raise SystemExit("the server broke off")
                answer += more
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(answer[:200].decode(errors="replace"))
            requests += 1
    return requests


def _again(file: BinaryIO, times: int, batch_size: int) -> bytes:
    """Return the first batch of the file once more; nothing if it was sent often enough."""
    if times < 1:
        return b""
    file.seek(0)
    return b"".join(islice(file, batch_size))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("url")
    parser.add_argument("--batch-size", type=int, default=2_000)
    parser.add_argument("--times", type=int, default=1, help="that the file is sent")
    given = parser.parse_args()
    send(given.file, given.url, given.batch_size, given.times)


if __name__ == "__main__":
    main()
