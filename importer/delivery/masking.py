"""Credentials that a server repeats are masked, however it writes them.

A server may repeat a secret as it is, in base64 with or without padding, as part of something longer in
base64, percent-encoded, escaped as in JSON, in other case, or cut off. So texts are compared without such
escapes and without case, and parts of a secret are masked as well as all of it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from importer.model import Credentials

MASK: Final = b"***"

MIN_WHOLE: Final = 6
"""To mask something shorter would garble ordinary text."""

PART: Final = 10
"""Bytes in a row that are masked though they are but part of a secret. Fewer could be found in the ids of
events by chance, and those must stay comparable."""

_CACHED_BYTES: Final = 1_000
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_ESCAPE: Final = re.compile(
    rb"%(?:25)*[0-9a-f]{2}|\\+(?:u00[0-9a-f]{2}|x[0-9a-f]{2}|[^ux])|[\r\n]+", re.IGNORECASE
)


class Masker:
    """Masks the credentials of a run in bytes that a server sent. Its repr contains none of them."""

    def __init__(self, credentials: Credentials) -> None:
        user, password = credentials.username.encode(), credentials.password.encode()
        # The name of a service account is made of ordinary words: parts of it stay.
        named = credentials.kind == "service-account"
        pair = user + b":" + password
        secrets = [secret for secret in (password, user) if len(secret) >= MIN_WHOLE]
        whole = {form for secret in secrets for form in _forms(secret)} | set(_in_base64(pair))
        parted = {form for secret in secrets if not (named and secret == user) for form in _forms(secret)}
        # A header that is put into base64 as a whole has its credentials in base64 twice.
        parted |= {*_in_base64(pair), *_in_base64(base64.b64encode(pair))}
        self._whole = sorted((form for form in whole if len(form) >= MIN_WHOLE), key=len, reverse=True)
        self._parts = frozenset(form[i : i + PART] for form in parted for i in range(len(form) - PART + 1))
        # Mixpanel's usual answers are all the same.
        self._mask_short = lru_cache(maxsize=16)(self._mask)

    def __repr__(self) -> str:
        return "Masker()"

    def __call__(self, text: bytes) -> bytes:
        """Return a text with each credential in it, and each longer part of one, as `MASK`."""
        return self._mask_short(text) if len(text) <= _CACHED_BYTES else self._mask(text)

    def _mask(self, text: bytes) -> bytes:
        plain, places = _without_escapes(text)
        pieces, end = [], 0
        for start, stop in _merged(self._found(plain)):
            while plain[stop : stop + 1] == b"=":  # padding
                stop += 1  # noqa: PLW2901
            first, last = (start, stop) if places is None else (places[start], places[stop])
            pieces += [text[end:first], MASK]
            end = last
        return b"".join((*pieces, text[end:])) if pieces else text

    def _found(self, plain: bytes) -> Iterator[tuple[int, int]]:
        """Yield where secrets stand in a text without escapes, in any order."""
        for form in self._whole:
            at = plain.find(form)
            while at >= 0:
                yield at, at + len(form)
                at = plain.find(form, at + 1)
        parts = self._parts
        if parts:
            for at in range(len(plain) - PART + 1):
                if plain[at : at + PART] in parts:
                    yield at, at + PART


def _forms(secret: bytes) -> Iterator[bytes]:
    """Yield how a secret may be written, in lower case and without escapes."""
    yield secret.lower()
    yield secret.hex().encode()
    yield from _in_base64(secret)


def _in_base64(secret: bytes) -> Iterator[bytes]:
    """Yield what base64 makes of a secret, by itself or in a longer text, in lower case and without padding.

    In a longer text, the first and the last character depend on what stands beside it; they are left out.
    """
    texts = [base64.b64encode(secret).rstrip(b"=")]
    for before in range(3):
        bits = (before + len(secret)) * 8
        texts.append(base64.b64encode(bytes(before) + secret)[-(-before * 8 // 6) : bits // 6])
    for text in texts:
        yield text.lower()
        yield text.lower().translate(_URL_SAFE)


def _without_escapes(text: bytes) -> tuple[bytes, list[int] | None]:
    """Return a text in lower case, escapes replaced by what they stand for.

    With it comes where each of its bytes, and its end, stand in the original; None if they stand there alike.
    """
    lower = text.lower()
    if not any(mark in lower for mark in (b"%", b"\\", b"\n", b"\r")):
        return lower, None
    plain, end = bytearray(), 0
    places: list[int] = []
    for found in _ESCAPE.finditer(lower):
        start = found.start()
        plain += lower[end:start]
        places += range(end, start)
        char = _meaning(found[0])
        plain += char
        places += [start] * len(char)
        end = found.end()
    plain += lower[end:]
    places += range(end, len(lower) + 1)
    return bytes(plain), places


def _meaning(escape: bytes) -> bytes:
    """Return the byte, in lower case, that an escape stands for; nothing for the end of a line."""
    if escape.startswith(b"%"):
        return unquote_to_bytes(b"%" + escape[-2:]).lower()
    body = escape.strip(b"\\\r\n")
    if len(body) > 1:
        return bytes([int(body[-2:], 16)]).lower()
    return b"" if body in (b"n", b"r") else body


def _merged(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield ranges in order, those that touch or overlap as one."""
    start = stop = -1
    for first, last in sorted(ranges):
        if first > stop:
            if stop > start:
                yield start, stop
            start = first
        stop = max(stop, last)
    if stop > start:
        yield start, stop
