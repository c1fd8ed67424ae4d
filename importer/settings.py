"""Credentials and destination of a run.

Credentials come from the environment, ``.env`` or a file, never from the value of a command-line option.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Final

from importer.errors import RefusedError
from importer.mixpanel.base_url import check_base_url
from importer.mixpanel.hosts import HOSTS
from importer.model import Credentials, CredentialsKind, Destination, Endpoint, Region

TOKEN: Final = "MIXPANEL_PROJECT_TOKEN"  # noqa: S105 - the name of a variable
BASE_URL: Final = "MIXPANEL_BASE_URL"
_KINDS: Final[Mapping[CredentialsKind, tuple[str, ...]]] = {
    "token": (TOKEN,),
    "service-account": (
        "MIXPANEL_SERVICE_ACCOUNT_USERNAME",
        "MIXPANEL_SERVICE_ACCOUNT_SECRET",
        "MIXPANEL_PROJECT_ID",
    ),
    "secret": ("MIXPANEL_API_SECRET",),
}
INSTEAD_OF_SECRET: Final = (
    f"Set {TOKEN} (the project token), or {', '.join(_KINDS['service-account'][:-1])} and"
    f" {_KINDS['service-account'][-1]} (a service account)"
)
"""What to set in place of an API secret."""

SANDBOX_CREDENTIALS: Final = Credentials("token", "sandbox")
"""The credentials of a run into the sandbox, which needs no account."""


def find_credentials(
    environ: Mapping[str, str],
    *,
    kind: CredentialsKind | None = None,
    token_file: Path | None = None,
    dotenv: Path = Path(".env"),
) -> Credentials:
    """Return the credentials to use.

    Args:
        environ: The process environment.
        kind: The kind to use where there are several.
        token_file: A file that holds a project token and nothing else; it comes first.
        dotenv: A file of variables; read only if the environment has none of them, so that the two never mix.

    Raises:
        RefusedError: There are none, some are incomplete, or there are two kinds and ``kind`` is None.
    """
    if token_file is not None:
        return Credentials("token", _clean(_read(token_file), str(token_file)))
    for source, values in _variables(environ, dotenv):
        present = {name for names in _KINDS.values() for name in names if values.get(name, "").strip()}
        if present:
            return _choose(present, values, kind, source)
    raise RefusedError(
        "no credentials: the environment and .env have none",
        f"Set {TOKEN} to the project's token (in Mixpanel: Settings → Project Settings → Access Keys),",
        "or rehearse without an account: --sandbox",
    )


def _variables(environ: Mapping[str, str], dotenv: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield where variables may be, and these: one that can't be read stops nothing that does without it."""
    yield "the environment", environ
    yield str(dotenv), _dotenv(dotenv)


def _choose(
    present: set[str], values: Mapping[str, str], kind: CredentialsKind | None, source: str
) -> Credentials:
    kinds = [each for each, names in _KINDS.items() if present.intersection(names)]
    if kind is not None:
        kinds = [kind]
    if len(kinds) > 1:
        raise RefusedError(
            f"{source} has credentials of {len(kinds)} kinds: {', '.join(kinds)}",
            f"Say which: --credentials {' or --credentials '.join(kinds)}",
        )
    chosen = kinds[0]
    missing = [name for name in _KINDS[chosen] if name not in present]
    if missing:
        raise RefusedError(
            f"{source} lacks {' and '.join(missing)} for credentials of the kind {chosen}",
            f"Set {' and '.join(missing)}.",
        )
    first, *rest = (_clean(values[name], name) for name in _KINDS[chosen])
    return Credentials(chosen, first, *rest)


def _clean(text: str, where: str) -> str:
    """Return a secret without the white space around it; its text is never part of an error."""
    secret = text.strip()
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise RefusedError(
            f"{where} does not hold one credential: expected one word of ASCII characters",
            "Copy it again from Mixpanel's project settings.",
        )
    return secret


def _read(path: Path) -> str:
    return _text(path, f"--token-file {path}", "Check the path.")


def _dotenv(path: Path) -> Mapping[str, str]:
    if not path.is_file():  # a folder of this name is usual: an environment of Python's
        return {}
    text = _text(path, str(path), f"Mend it, or set {TOKEN} in the environment instead.")
    from dotenv import dotenv_values  # noqa: PLC0415 - most runs have no .env

    return {
        name: value
        for name, value in dotenv_values(stream=StringIO(text), interpolate=False).items()
        if value
    }


def _text(path: Path, name: str, remedy: str) -> str:
    """Return the text of a file of credentials, of which no part may be in an error."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise RefusedError(f"{name}: can't be read: {error.strerror}", remedy) from None
    except UnicodeDecodeError:
        raise RefusedError(f"{name}: can't be read: it is not text in UTF-8", remedy) from None


def find_destination(
    environ: Mapping[str, str],
    *,
    endpoint: Endpoint = "import",
    region: Region | None = None,
    base_url: str | None = None,
) -> Destination:
    """Return where events go: ``--base-url``, else ``MIXPANEL_BASE_URL``, else the region's host.

    Every destination but the sandbox is made here, so that a base URL that can't be used is refused before a
    source is read.

    Raises:
        RefusedError: A region and another URL are both given, or the base URL can't be used.
    """
    url = base_url or environ.get(BASE_URL, "").strip()
    if url and region:
        origin = "--base-url" if base_url else BASE_URL
        raise RefusedError(f"--region {region} and {origin} both say where to send", "Leave one of them out.")
    url = url.rstrip("/") or HOSTS[region or "us"]
    check_base_url(url)
    return Destination(endpoint, url)
