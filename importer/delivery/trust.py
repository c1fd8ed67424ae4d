"""Which servers are trusted: what this system trusts, or what variables of the environment name.

``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` mean what they mean to OpenSSL, and ``REQUESTS_CA_BUNDLE`` what it
means to requests. Companies set them where a proxy or a server has a certificate of the company's own.
"""

from __future__ import annotations

import errno
import os
import ssl
from pathlib import Path
from typing import Final

from importer.errors import RefusedError
from importer.text import escape_controls

_FILE: Final = "SSL_CERT_FILE"
_FOLDERS: Final = "SSL_CERT_DIR"
_BUNDLE: Final = "REQUESTS_CA_BUNDLE"


def tls_context() -> ssl.SSLContext:
    """Return a new TLS context for a client.

    Raises:
        RefusedError: A variable names what holds no certificates.
    """
    named = _named()
    if not named:
        import truststore  # noqa: PLC0415 - a run against this machine needs no certificates

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for variable, path in named.items():
        try:
            if variable == _FOLDERS:
                for folder in _folders(path):
                    context.load_verify_locations(capath=folder)
            elif path.is_dir() and variable == _BUNDLE:
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        except OSError as error:
            reason = "no certificates in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
            what = "folder" if variable == _FOLDERS else "file"
            raise RefusedError(
                f"{variable} names {_shown(path)}, which can't be used: {reason}",
                f"Let it name a {what} of certificates (PEM), or unset it: unset {variable}",
            ) from None
    if _FILE in named:
        context.set_default_verify_paths()  # OpenSSL's own folder of certificates holds beside the file
    return context


def _folders(named: Path) -> list[Path]:
    """Return the folders of a list of them, as OpenSSL takes it: those that are missing are passed over.

    Raises:
        OSError: None of them is a folder.
    """
    folders = [Path(each) for each in str(named).split(os.pathsep) if each]
    found = [folder for folder in folders if folder.is_dir()]
    if not found:
        missing = not any(folder.exists() for folder in folders)
        code = errno.ENOENT if missing else errno.ENOTDIR
        raise OSError(code, os.strerror(code))
    return found


def check_trust() -> None:
    """Check what the variables name, before a source is read.

    Raises:
        RefusedError: As `tls_context`.
    """
    if _named():
        tls_context()


def trusted_text() -> str:
    """Return which certificates are trusted, for people."""
    named = " and ".join(f"{variable} ({_shown(path)})" for variable, path in _named().items())
    if named:
        return f"trusted are the certificates of {named}"
    return f"trusted are the certificates of this system; {_FILE} or {_BUNDLE} would name a file of others"


def _shown(path: Path) -> str:
    return f"'{escape_controls(str(path))}'"


def _named() -> dict[str, Path]:
    return {name: Path(value) for name in (_FILE, _FOLDERS, _BUNDLE) if (value := os.environ.get(name, ""))}
