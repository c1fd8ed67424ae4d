"""What every test of the whole command needs: a folder, and a server that has forgotten the test before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end_helpers import TOKEN, Server, Shell, sandbox


@pytest.fixture(scope="session")
def one_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with sandbox(folder=tmp_path_factory.mktemp("sandbox")) as server:
        yield server


@pytest.fixture
def server(one_sandbox: Server) -> Server:
    """A sandbox in a process of its own, empty."""
    one_sandbox.reset()
    return one_sandbox


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    """An empty folder and an empty environment."""
    return Shell(tmp_path)


@pytest.fixture
def shell(bare: Shell, server: Server) -> Shell:
    """An empty folder; commands send to the sandbox, with a token."""
    return bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=server.url)
