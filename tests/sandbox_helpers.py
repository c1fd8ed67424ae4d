"""A sandbox without a network: requests go straight to the application."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import orjson

from importer.sandbox.app import create_app
from importer.sandbox.settings import SandboxSettings
from importer.sandbox.store import Store

NOW = 1_717_200_000.0  # 2024-06-01, as in documented_rules
DAY = 86_400


def event(insert_id: str = "a1", name: str = "Sign up", **properties: Any) -> dict[str, Any]:
    """An event that is right, with what is given."""
    return {
        "event": name,
        "properties": {
            "time": 1_700_000_000_000,
            "distinct_id": "u1",
            "$insert_id": insert_id,
            **properties,
        },
    }


def basic(username: str = "token", password: str = "") -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


class Rehearsal:
    """A sandbox whose clock stands where the test puts it."""

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self.now = NOW
        self.store = Store()
        app = create_app(self.store, settings or SandboxSettings(), lambda: int(self.now * 1000))
        self._transport = httpx.ASGITransport(app)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def import_(
        self,
        body: Any,
        *,
        query: str = "?strict=1",
        authorization: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        """Post to /import: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = {
            "content-type": "application/json",
            "authorization": basic() if authorization is None else authorization,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.request("POST", f"/import{query}", content=content, headers=headers)

    def track(self, body: Any, *, query: str = "", **headers: str) -> httpx.Response:
        """Post to /track: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = {
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.request("POST", f"/track{query}", content=content, headers=headers)

    def landed(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for body in self.store.bodies()]
