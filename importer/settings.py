"""Credentials and destination of a run.

Credentials come from the environment, ``.env`` or a file, never from the value of a command-line option.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from importer.errors import RefusedError, UsageError
from importer.mixpanel.base_url import check_base_url
from importer.mixpanel.hosts import HOSTS
from importer.model import Credentials, CredentialsKind, Destination, Endpoint, Region

if TYPE_CHECKING:
    from dotenv.parser import Binding

TOKEN: Final = "MIXPANEL_PROJECT_TOKEN"  # noqa: S105 - the name of a variable
BASE_URL: Final = "MIXPANEL_BASE_URL"
MASK_SALT: Final = "MIXPANEL_MASK_SALT"
"""The variable that holds the salt of pseudonyms of masked values."""

_LEAST_SALT: Final = 8
"""Bytes that a salt must have at least: fewer are soon guessed."""

_KINDS: Final[Mapping[CredentialsKind, tuple[str, ...]]] = {
    "token": (TOKEN,),
    "service-account": (
        "MIXPANEL_SERVICE_ACCOUNT_USERNAME",
        "MIXPANEL_SERVICE_ACCOUNT_SECRET",
        "MIXPANEL_PROJECT_ID",
    ),
    "secret": ("MIXPANEL_API_SECRET",),
}
_NAMES: Final = frozenset(name for names in _KINDS.values() for name in names)
_QUOTES: Final = frozenset("\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb")
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
        return token_credentials(_read(token_file), f"--token-file {token_file}")
    for source, values in _variables(environ, dotenv):
        present = {name for names in _KINDS.values() for name in names if values.get(name, "").strip()}
        if present:
            return _choose(present, values, kind, source)
    why = _why_no_file(dotenv)
    raise RefusedError(
        f"no credentials: the environment has none, and {dotenv} {why}"
        if why
        else "no credentials: the environment and .env have none",
        f"Set {TOKEN} to the project's token (in Mixpanel: Settings → Project Settings → Access Keys),",
        "or rehearse without an account: --sandbox",
    )


def find_mask_salt(environ: Mapping[str, str] = os.environ, dotenv: Path = Path(".env")) -> bytes:
    """Return the salt of the pseudonyms of masked values: of the environment, else of ``.env``.

    Raises:
        UsageError: There is none, or it is too short. Its text is never part of an error.
        RefusedError: ``.env`` can't be read.
    """
    for where, values in _variables(environ, dotenv):
        text = values.get(MASK_SALT, "").strip()
        salt = text.encode("utf-8", "surrogateescape")
        if text and len(salt) < _LEAST_SALT:
            raise UsageError(
                f"{MASK_SALT} in {where} is too short: whoever guesses it finds whom a pseudonym stands for",
                "Take a long one and keep it, for example: openssl rand -hex 32",
            )
        if text:
            return salt
    raise UsageError(
        f'mask: "sha256" needs a salt, and {MASK_SALT} is not set',
        f"Set {MASK_SALT} to a long secret and keep it, for example: openssl rand -hex 32",
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
    first, *rest = (_clean(values[name], f"{name} in {source}") for name in _KINDS[chosen])
    return Credentials(chosen, first, *rest)


def token_credentials(token: str, where: str) -> Credentials:
    """Return the credentials of a project token.

    Args:
        token: As it was found; white space around it is left out.
        where: Where it was found, for errors, which never show the token.

    Raises:
        RefusedError: It is no token.
    """
    return Credentials("token", _clean(token, where))


def _clean(text: str, where: str) -> str:
    """Return a secret without the white space around it; its text is never part of an error."""
    secret = text.strip()
    wrong = _what_is_wrong(secret)
    if wrong:
        raise RefusedError(f"{where} {wrong}", "It is one word, as Mixpanel's project settings show it.")
    return secret


def _what_is_wrong(secret: str) -> str:
    """Return what is wrong with a secret, without any of it; an empty text if nothing is."""
    if not secret:
        return "is empty"
    first = secret.removeprefix("export ").partition("=")[0].strip()
    if first in _NAMES:  # a line of .env or of a shell
        return f"begins with {first}=, which is not part of it"
    if secret[0] in _QUOTES or secret[-1] in _QUOTES:
        return "has quotes around it, which are not part of it"
    if len(secret.splitlines()) > 1:
        return "holds several lines, where one word is expected"
    if any(map(str.isspace, secret)):
        return "holds blanks, where one word is expected"
    if not secret.isascii() or not secret.isprintable():
        return "holds other characters than letters, digits and signs of ASCII"
    return ""


def _read(path: Path) -> str:
    return _text(path, f"--token-file {path}", "Check the path.")


def _dotenv(path: Path) -> Mapping[str, str]:
    if not path.is_file():  # see `_why_no_file`
        return {}
    instead = f"set {TOKEN} in the environment instead."
    bindings = _parsed(_text(path, str(path), f"Mend it, or {instead}"))
    for line, binding in bindings:
        if binding.error:
            raise RefusedError(
                f"{path}: line {line} can't be read",
                f"Expected is NAME=value, with every quote closed. Mend it, or {instead}",
            )
    return {binding.key: binding.value for _, binding in bindings if binding.key and binding.value}


def _why_no_file(path: Path) -> str:
    """Return why a file of variables can't be one; an empty text if it is one, or nothing is there."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"can't be read: {error.strerror}" if path.is_symlink() else ""
    if stat.S_ISDIR(mode):  # usual: an environment of Python's
        return "is a folder"
    return "" if stat.S_ISREG(mode) else "is no file, but a pipe or a device"


def _names_server(path: Path) -> bool:
    """Return whether a file of variables names a server; one that can't be read stops nothing."""
    try:
        text = path.read_text("utf-8-sig", "replace") if path.is_file() else ""
    except OSError:
        return False
    return any(
        BASE_URL in binding.original.string if binding.error else binding.key == BASE_URL and binding.value
        for _, binding in _parsed(text)
    )


def _parsed(text: str) -> list[tuple[int, Binding]]:
    """Return the lines of a file of variables, each with its number."""
    from dotenv.parser import parse_stream  # noqa: PLC0415 - most runs have no .env

    found = []
    for binding in parse_stream(StringIO(text)):
        whole = binding.original.string
        blank = whole[: len(whole) - len(whole.lstrip())]  # lines ahead of it
        found.append((binding.original.line + blank.count("\n"), binding))
    return found


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
    dotenv: Path = Path(".env"),
) -> Destination:
    """Return where events go: ``--base-url``, else ``MIXPANEL_BASE_URL``, else the region's host.

    Every destination but the sandbox is made here, so that a base URL that can't be used is refused before a
    source is read.

    Args:
        environ: The process environment.
        endpoint: ``import`` or ``track``.
        region: Where the project's data lives; None for the default.
        base_url: Another server; None for what the environment says.
        dotenv: A file of variables. It may not name a server: it may lie among the data, where others write,
            and must not send a token elsewhere.

    Raises:
        RefusedError: A region and another URL are both there, the base URL can't be used, or ``dotenv`` names
            one where neither the option nor the environment does.
    """
    url = base_url or environ.get(BASE_URL, "").strip()
    if not url and _names_server(dotenv):
        raise RefusedError(
            f"{dotenv} holds {BASE_URL}, which is not read from a file: it would send the token elsewhere",
            f"Take it out. Another server is named by --base-url, or by {BASE_URL} in the environment.",
        )
    if url and region:
        origin = "--base-url" if base_url else BASE_URL
        raise RefusedError(f"--region {region} and {origin} both say where to send", "Leave one of them out.")
    url = url.rstrip("/") or HOSTS[region or "us"]
    try:
        check_base_url(url)
    except RefusedError as error:
        if base_url:
            raise
        raise RefusedError(
            f"{BASE_URL} can't be used: {error.message[0].lower()}{error.message[1:]}",
            *(step.replace("--base-url ", f"{BASE_URL}=") for step in error.steps),
            f"Without it, events go to Mixpanel: unset {BASE_URL}",
        ) from None
    return Destination(endpoint, url)
