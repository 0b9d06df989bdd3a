"""Randomness is a pure function of seed, purpose, query, restart and element."""

import random

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from robusthash.contracts import Randomness
from robusthash.contracts.randomness import isolated_randomness

STREAMS = Randomness(seed=7, purpose="test")


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=6))
def test_a_query_has_its_own_numbers_in_any_batch(ids: list[int]) -> None:
    together = STREAMS.uniform(torch.tensor(ids), (3, 2))
    order = torch.randperm(len(ids))
    assert torch.equal(STREAMS.uniform(torch.tensor(ids)[order], (3, 2)), together[order])
    for row, query in zip(together, ids, strict=True):
        assert torch.equal(STREAMS.uniform(torch.tensor([query]), (3, 2))[0], row)


def test_every_part_of_the_key_counts() -> None:
    ids = torch.tensor([1, 2])
    base = STREAMS.uniform(ids, (64,))
    others = [
        base.flip(0),
        STREAMS.uniform(ids, (64,), restart=1),
        Randomness(seed=8, purpose="test").uniform(ids, (64,)),
        Randomness(seed=7, purpose="tests").uniform(ids, (64,)),
    ]
    assert all((other != base).any(1).all() for other in others)


def test_keys_do_not_run_into_each_other() -> None:
    """Query 1, restart 23 is not query 12, restart 3."""
    one = STREAMS.uniform(torch.tensor([1]), (64,), restart=23)
    assert not torch.equal(one, STREAMS.uniform(torch.tensor([12]), (64,), restart=3))


def test_numbers_are_uniform_on_the_half_open_interval() -> None:
    numbers = STREAMS.uniform(torch.arange(20), (5001,))
    assert numbers.dtype == torch.float32
    assert numbers.min() >= 0
    assert numbers.max() < 1
    # Of 100,020 numbers each tenth holds 10,002 on average, with a standard deviation of 95.
    assert (numbers.histc(10, 0, 1) - 10002).abs().max() < 5 * 95
    assert abs(float(numbers.mean()) - 0.5) < 5 * 0.289 / 100020**0.5


def test_golden_numbers() -> None:
    """Stored results repeat only as long as these bits never change: BLAKE2b keys, Philox words, 24-bit fractions."""
    numbers = Randomness(seed=0, purpose="noise").uniform(torch.tensor([3]), (4,))
    assert (numbers * 2**24).to(torch.int64).tolist() == [[4595355, 9244876, 433206, 298194]]


def test_no_queries_no_numbers() -> None:
    assert STREAMS.uniform(torch.empty(0, dtype=torch.int64), (3, 2)).shape == (0, 3, 2)


def test_generators_repeat_and_differ_by_path() -> None:
    first, again, other = (STREAMS.generator(*path).integers(0, 2**60, 4) for path in ((1, 2), (1, 2), (2, 1)))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_global_draws_inside_repeat_and_leave_no_trace() -> None:
    def state() -> list[object]:
        return [torch.get_rng_state().tolist(), repr(np.random.get_state()), random.getstate()]  # noqa: NPY002 - tested

    before = state()
    draws = []
    for seed in (7, 7, 8):
        with isolated_randomness(Randomness(seed=seed, purpose="test"), torch.tensor([4, 5])):
            draws.append([torch.rand(8).tolist(), np.random.rand(8).tolist(), random.random()])  # noqa: NPY002, S311 - tested
    assert draws[0] == draws[1]
    assert all(one != other for one, other in zip(draws[0], draws[2], strict=True))
    assert state() == before


def test_what_breaks_inside_leaves_no_trace_either() -> None:
    def break_off() -> None:
        random.random()  # noqa: S311 - tested
        raise ZeroDivisionError

    before = random.getstate()
    with pytest.raises(ZeroDivisionError), isolated_randomness(STREAMS, torch.tensor([1])):
        break_off()
    assert random.getstate() == before
