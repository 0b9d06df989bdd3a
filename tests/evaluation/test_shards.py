"""Shards on disk: what an interrupted run has left is used if it is whole, and made again if it is not."""

from pathlib import Path

import numpy as np
import pytest

from robusthash.errors import InputError
from robusthash.evaluation.crafting.shards import ShardFolder, ShardResult
from robusthash.files.arrays import write_arrays
from robusthash.results import Cost, QueryArrays

RESULT = ShardResult(
    arrays=QueryArrays(codes={"clean": np.ones((2, 4), np.uint8)}, columns={"ids": np.arange(2)}),
    cost=Cost(forward=3, backward=2, seconds=0.5, queries=1),
    batch=2,
)


def test_a_shard_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    folder = ShardFolder(tmp_path / "cell", 3)
    folder.write(1, RESULT)
    assert folder.missing() == [0, 2]
    found = folder.read(1)
    assert (found.cost, found.batch) == (RESULT.cost, 2)
    assert np.array_equal(found.arrays.codes["clean"], RESULT.arrays.codes["clean"])
    folder.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive", "no cost", "cost of another shape", "another name"])
def test_a_shard_that_is_not_whole_is_missing(tmp_path: Path, content: bytes | str) -> None:
    folder, path = ShardFolder(tmp_path, 1), tmp_path / "00000.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        arrays = {"spent": np.zeros(2 if content == "cost of another shape" else 3), "batch": np.ones(1)}
        write_arrays(path, arrays if content == "no cost" else {**arrays, "seconds": np.array(["x"])})
    with pytest.raises(InputError, match=r"00000\.npz"):
        folder.read(0)
    assert folder.missing() == [0]
    assert not path.exists()
