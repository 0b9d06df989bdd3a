"""One Ray cluster for all tests of a session: each start takes a quarter of a minute."""

from collections.abc import Iterator

import pytest

pytest.importorskip("ray")


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    """Runs that start meanwhile share it."""
    from robusthash_ray.cluster import connected

    with connected(None):
        yield
