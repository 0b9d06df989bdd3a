"""An index in parts on a Ray cluster: the contract of every retriever, and what is told of a part that is gone."""

import pytest
import torch

from robusthash.contracts import Index, Retriever, Space
from robusthash.errors import OptionError, StorageError
from robusthash.retrieval import TorchRetriever
from robusthash.specs import RetrieverSpec
from robusthash.testing import RetrieverContract
from robusthash_ray.plugin import robusthash_retrievers
from robusthash_ray.retriever import RayFaiss

pytest.importorskip("faiss", reason="faiss is not installed")


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
class TestRayFaiss(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return RayFaiss(parts=2)

    @pytest.fixture
    def spec(self) -> RetrieverSpec:
        (spec,) = robusthash_retrievers()
        return spec


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_part_that_is_gone_is_told() -> None:
    codes, space = torch.randint(0, 256, (50, 4), dtype=torch.uint8), Space.hamming(32)
    with RayFaiss(parts=3).index(codes, space) as index, TorchRetriever().index(codes, space) as core:
        assert torch.equal(index.search(codes, 20).ids, core.search(codes, 20).ids)
        index._cluster.ray.kill(index._parts[1])  # type: ignore[attr-defined]  # of this index
        with pytest.raises(StorageError, match="a part of the index on the Ray cluster is gone"):
            searched(index, codes)


def searched(index: Index, codes: torch.Tensor) -> None:
    for _ in range(100):
        index.search(codes, 3)


def test_parts_are_counted_from_one() -> None:
    with pytest.raises(OptionError, match="parts=0"):
        RayFaiss(parts=0)
