"""What the sandbox answers, word for word as Mixpanel's reference shows it. Pure: JSON objects out.

The answers are those of "Import Events" and of the OpenAPI description; what neither of them shows (a body
that is no JSON, too many events) follows their form.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from importer.sandbox.verdicts import Failed


class SandboxAnswer(NamedTuple):
    """An answer of the API.

    Attributes:
        status: HTTP status.
        content: The body, as orjson writes it: a JSON value that may hold dataclasses.
    """

    status: int
    content: Any


def taken(count: int) -> SandboxAnswer:
    """Every event of the request was taken."""
    return SandboxAnswer(200, {"code": 200, "num_records_imported": count, "status": "OK"})


def partly_taken(count: int, failed: Sequence[Failed]) -> SandboxAnswer:
    """Some events were refused, the others taken."""
    return SandboxAnswer(
        400,
        {
            "code": 400,
            "error": "some data points in the request failed validation",
            "failed_records": list(failed),
            "num_records_imported": count,
            "status": "Bad Request",
        },
    )


def bad_request(error: str) -> SandboxAnswer:
    """Nothing was taken: the request itself is wrong."""
    return _refused(400, error)


def unauthorized() -> SandboxAnswer:
    """The credentials are missing or wrong."""
    return _refused(401, "Invalid credentials")


def too_large(limit: int) -> SandboxAnswer:
    """More bytes of uncompressed JSON than a request may have."""
    answer = _refused(413, f"request exceeds max limit of {limit} bytes")
    # Python's phrase for 413 differs from version to version, the documented one doesn't.
    return SandboxAnswer(413, {**answer.content, "status": "Request Entity Too Large"})


def rate_limited() -> SandboxAnswer:
    """More events in the last minute than the project may send."""
    return _refused(429, "Project exceeded rate limits. Please retry the request with exponential backoff.")


def tracked(accepted: int, error: str, *, verbose: bool) -> SandboxAnswer:
    """The answer of /track: 1 if at least one object was well formed, else 0.

    Args:
        accepted: How many were.
        error: Why one was not.
        verbose: True if the request asked for an object.
    """
    status = 1 if accepted else 0
    if not verbose:
        return SandboxAnswer(200, status)
    return SandboxAnswer(200, {"status": status, "error": "" if accepted else error})


def not_here(status: int) -> SandboxAnswer:
    """No such path (404) or not by this method (405)."""
    return _refused(status, HTTPStatus(status).phrase)


def _refused(code: int, error: str) -> SandboxAnswer:
    return SandboxAnswer(code, {"code": code, "error": error, "status": HTTPStatus(code).phrase})
