"""Packing codes: bits in bytes, whatever the device, the length, or the number of blocks; and in bounded memory."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from robusthash.hashing import codes as module
from robusthash.hashing import pack, unpack, words


@given(seed=st.integers(0, 1000), rows=st.integers(0, 9), bits=st.integers(1, 70))
def test_packing_is_reversed_by_unpacking(seed: int, rows: int, bits: int) -> None:
    codes = torch.from_numpy(np.random.default_rng(seed).integers(2, size=(rows, bits)).astype(np.int8) * 2 - 1)
    packed = pack(codes)
    assert packed.shape == (rows, -(-bits // 8))
    assert packed.dtype == torch.uint8
    back = unpack(packed, bits)
    assert back.dtype == torch.int8
    assert back.is_contiguous()
    assert torch.equal(back, codes)
    whole = words(packed)
    assert whole.view(np.uint8)[:, : packed.shape[1]].tolist() == packed.tolist()
    assert not whole.view(np.uint8)[:, packed.shape[1] :].any()


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_blocks_do_not_matter(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = torch.randint(0, 2, (7, 19)) * 2 - 1
    packed = pack(codes)
    monkeypatch.setattr(module, "_ROWS", rows)
    assert torch.equal(pack(codes), packed)
    assert torch.equal(unpack(packed, 19), codes)


@pytest.mark.parametrize("bits", [1, 8, 19, 64])
def test_other_devices_pack_the_same(bits: int) -> None:
    flags = torch.randint(0, 2, (5, bits)) > 0
    shifts = module._shifts(torch.device("cpu"))
    padded = torch.nn.functional.pad(flags.to(torch.uint8), (0, -bits % 8)).view(5, -1, 8)
    assert torch.equal((padded << shifts).sum(2, dtype=torch.uint8), module._octets(flags))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
@pytest.mark.parametrize("bits", [1, 8, 19, 64])
def test_a_gpu_packs_the_same(bits: int) -> None:
    codes = torch.randint(0, 2, (500, bits)) * 2 - 1
    packed = pack(codes)
    assert torch.equal(pack(codes.cuda()).cpu(), packed)
    assert torch.equal(unpack(packed.cuda(), bits).cpu(), codes)


def test_codes_of_whole_words_are_not_copied() -> None:
    packed = torch.zeros(4, 16, dtype=torch.uint8)
    assert np.shares_memory(words(packed), packed.numpy())


def test_packing_takes_a_few_bytes_an_item() -> None:
    codes = torch.ones(400_000, 64, dtype=torch.int8)
    tracemalloc.start()
    try:
        pack(codes)
        assert tracemalloc.get_traced_memory()[1] < 16 * module._ROWS  # of numpy; the whole takes 8 bytes an item
    finally:
        tracemalloc.stop()
