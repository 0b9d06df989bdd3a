"""The fixtures of the contract of retrievers, and the spaces that it is tried in."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from robusthash.contracts import Distance, Index, Retriever, Space
from robusthash.specs import RetrieverSpec
from robusthash.testing.contracts.objects import PluginObjectContract

LENGTHS = (12, 16, 32, 48, 64, 100, 128)  #: code lengths tried, with and without padding
DIMENSIONS = (1, 3, 64)  #: of the descriptors tried
VECTOR_SPACES = tuple(
    Space(distance=distance, size=size) for distance in (Distance.COSINE, Distance.L2) for size in DIMENSIONS
)
SPACES = (*map(Space.hamming, LENGTHS), *VECTOR_SPACES)  #: those that a retriever does not serve are skipped
FEW_SPACES = (Space.hamming(16), Space(distance=Distance.COSINE, size=16), Space(distance=Distance.L2, size=16))


class RetrieverFixtures(PluginObjectContract):
    """Fixtures of the contract of retrievers."""

    @pytest.fixture
    def retriever(self) -> Retriever:
        """The retriever under test; a subclass overrides this."""
        pytest.skip("override the fixture `retriever` in a subclass")

    @pytest.fixture(autouse=True)
    def _closed(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Closes the indexes that a test makes: those on a server hold a connection."""
        with ExitStack() as opened:

            def index(self: Retriever, *arguments: Any, **named: Any) -> Index:
                return opened.enter_context(made(self, *arguments, **named))

            made = Retriever.index
            monkeypatch.setattr(Retriever, "index", index)
            yield

    @pytest.fixture
    def plugin_object(self, retriever: Retriever) -> object:
        """The retriever."""
        return retriever

    @pytest.fixture
    def spec(self) -> RetrieverSpec | None:
        """The retriever's spec; a subclass overrides this."""
        return None


def served(retriever: Retriever, space: Space) -> Space:
    """The same space; the test is skipped where the retriever does not serve it."""
    if space.distance not in retriever.capabilities.distances:
        pytest.skip(f"{type(retriever).__name__} does not serve {space.distance}")
    return space
