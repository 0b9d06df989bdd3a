"""The contract of retrievers: what they promise by their capabilities, checked against brute force.

::

    class TestMine(RetrieverContract):
        @pytest.fixture
        def retriever(self) -> Retriever:
            return Mine(probes=8)

        @pytest.fixture
        def spec(self) -> RetrieverSpec:
            return next(spec for spec in plugin.robusthash_retrievers() if spec.name == "mine")
"""

from robusthash.testing.contracts.retrievers.answers import Answers
from robusthash.testing.contracts.retrievers.codes import CodeSearch
from robusthash.testing.contracts.retrievers.descriptors import DescriptorSearch
from robusthash.testing.contracts.retrievers.lifetime import Lifetime

__all__ = ["RetrieverContract"]


class RetrieverContract(CodeSearch, DescriptorSearch, Answers, Lifetime):
    """What a retriever promises, in each space that it serves. Override the fixtures ``retriever`` and ``spec``."""
