"""The responses of the sandbox's API, with the texts of Mixpanel's reference.

They are those of "Import Events" and of the OpenAPI description. For what neither of them describes (a body
that is not JSON, too many events), the response has the same form.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from importer.sandbox.validation import FailedRecord


class ApiResponse(NamedTuple):
    """A response of the API.

    Attributes:
        status: HTTP status.
        content: The body before orjson encodes it: a JSON value that may contain dataclasses.
    """

    status: int
    content: object


def imported(count: int) -> ApiResponse:
    """Return the response if every event was imported."""
    return ApiResponse(200, {"code": 200, "num_records_imported": count, "status": "OK"})


def partly_imported(count: int, failed: Sequence[FailedRecord]) -> ApiResponse:
    """Return the response if some events failed and the others were imported."""
    return ApiResponse(
        400,
        {
            "code": 400,
            "error": "some data points in the request failed validation",
            "failed_records": list(failed),
            "num_records_imported": count,
            "status": "Bad Request",
        },
    )


def bad_request(error: str) -> ApiResponse:
    """Return the response if nothing was imported because the request itself is invalid."""
    return _error(400, error)


def unauthorized() -> ApiResponse:
    """Return the response if credentials are missing or wrong."""
    return _error(401, "Invalid credentials")


def too_large(limit: int) -> ApiResponse:
    """Return the response if a request has more than ``limit`` bytes of uncompressed JSON."""
    # The phrase of the documentation; Python's own differs between versions.
    return _error(413, f"request exceeds max limit of {limit} bytes", "Request Entity Too Large")


def rate_limited() -> ApiResponse:
    """Return the response if the project sent too many events in the last minute."""
    return _error(429, "Project exceeded rate limits. Please retry the request with exponential backoff.")


def failed(status: int) -> ApiResponse:
    """Return the response if the server fails (500, 503), or throttles (429)."""
    return rate_limited() if status == HTTPStatus.TOO_MANY_REQUESTS else _error(status, "a fault on purpose")


def foreign(reason: str) -> ApiResponse:
    """Return the response to a request that a page of somebody else's may have made."""
    return _error(403, reason)


def tracked(accepted: int, error: str, *, verbose: bool) -> ApiResponse:
    """Return the response of /track: 1 if at least one object was well formed, else 0.

    Args:
        accepted: Number of well-formed objects.
        error: Why one was not well formed.
        verbose: True if the request asked for an object.
    """
    status = 1 if accepted else 0
    if not verbose:
        return ApiResponse(200, status)
    return ApiResponse(200, {"status": status, "error": "" if accepted else error})


def not_found(status: int) -> ApiResponse:
    """Return the response if there is no such path (404) or method (405)."""
    return _error(status, HTTPStatus(status).phrase)


def _error(code: int, error: str, phrase: str = "") -> ApiResponse:
    return ApiResponse(code, {"code": code, "error": error, "status": phrase or HTTPStatus(code).phrase})
