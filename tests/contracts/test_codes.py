"""Codes: signs, packing, Hamming distances and votes, against slow references."""

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from robusthash.hashing import binarise, hamming, pack, sign, unpack, vote, words

codes = arrays("int8", array_shapes(min_dims=2, max_dims=2, max_side=70), elements=st.sampled_from([-1, 1])).map(
    torch.from_numpy
)


def test_the_sign_of_zero_is_plus_one() -> None:
    logits = torch.tensor([[-1.0, -0.0, 0.0, 1e-30, -1e-30]])
    assert sign(logits).tolist() == [[-1, 1, 1, 1, -1]]
    assert binarise(logits).tolist() == [[-1, 1, 1, 1, -1]]
    assert sign(logits.double()).dtype == torch.float64
    assert binarise(logits).dtype == torch.int8


def test_sign_carries_no_gradient() -> None:
    assert not sign(torch.ones(2, requires_grad=True)).requires_grad


@given(codes)
def test_packing_is_undone(codes: torch.Tensor) -> None:
    packed = pack(codes)
    assert packed.shape == (len(codes), -(-codes.shape[1] // 8))
    assert torch.equal(unpack(packed, codes.shape[1]), codes)


@given(codes)
def test_packed_bits_are_those_of_the_written_number(codes: torch.Tensor) -> None:
    for row, octets in zip(codes.tolist(), pack(codes).tolist(), strict=True):
        text = "".join("1" if bit > 0 else "0" for bit in row)
        padded = text.ljust(8 * len(octets), "0")
        assert octets == [int(padded[i : i + 8], 2) for i in range(0, len(padded), 8)]


@given(codes, st.integers(0, 2**32))
def test_hamming_counts_differing_bits(codes: torch.Tensor, seed: int) -> None:
    others = codes[torch.randperm(len(codes), generator=torch.Generator().manual_seed(seed))]
    expected = [
        sum(a != b for a, b in zip(*pair, strict=True)) for pair in zip(codes.tolist(), others.tolist(), strict=True)
    ]
    assert hamming(codes, others).tolist() == expected
    bits = codes.shape[1]
    assert torch.equal(hamming(codes, others), (bits - (codes.long() * others.long()).sum(1)) // 2)
    assert torch.equal(hamming(codes, codes[:1]), hamming(codes[:1].expand_as(codes), codes))


@given(codes)
def test_words_hold_the_same_bits(codes: torch.Tensor) -> None:
    counts = [sum(int(word).bit_count() for word in row) for row in words(pack(codes))]
    assert counts == (codes > 0).sum(1).tolist()


@given(arrays("int8", array_shapes(min_dims=3, max_dims=3, max_side=12), elements=st.sampled_from([-1, 1])))
def test_vote_minimises_the_summed_distance_bit_by_bit(array: object) -> None:
    voters = torch.as_tensor(array)
    anchor = vote(voters)
    cost = (anchor[:, None] != voters).sum(1)
    other = (-anchor[:, None] != voters).sum(1)
    assert (cost <= other).all()
    assert (anchor[cost == other] == 1).all()


def test_vote_of_the_paper_and_absent_voters() -> None:
    voters = torch.tensor([[[1, 1, -1], [1, -1, -1], [-1, 1, 1]]], dtype=torch.int8)
    assert vote(voters).tolist() == [[1, 1, -1]]
    absent = torch.cat([voters, torch.zeros(1, 6, 3, dtype=torch.int8)], dim=1)
    assert vote(absent).tolist() == [[1, 1, -1]]
    many = torch.full((1, 200, 1), -1, dtype=torch.int8)
    assert vote(many).tolist() == [[-1]]
