"""Draws are fixed, balanced and nested."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robusthash_datasets.drawing.draws import per_group, shares, shuffled, stratified

GROUPS = st.lists(st.integers(0, 5), min_size=1, max_size=60)


@given(st.sets(st.integers(0, 10**6), max_size=50), st.text(max_size=5))
def test_a_shuffle_keeps_the_items_and_forgets_their_order(items: set[int], key: str) -> None:
    found = shuffled(items, key)
    assert sorted(found) == sorted(items)
    assert shuffled(sorted(items, reverse=True), key) == found


def test_a_shuffle_depends_on_the_key() -> None:
    assert shuffled(range(50), "a") != shuffled(range(50), "b")


def test_every_place_is_as_likely() -> None:
    first = [shuffled(range(4), f"key {i}")[0] for i in range(2000)]
    assert all(430 < first.count(item) < 570 for item in range(4))


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8), st.data())
def test_shares_add_up_and_are_nearly_proportional(sizes: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, sum(sizes)))
    taken = shares(sizes, count)
    assert sum(taken) == count
    for size, part in zip(sizes, taken, strict=True):
        assert 0 <= part <= size
        assert abs(part - size * count / max(1, sum(sizes))) < 1


@given(GROUPS, st.data())
def test_a_stratified_draw_takes_each_groups_share(groups: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(groups)))
    drawn = stratified(groups, count, "key")
    assert drawn == sorted(set(drawn))
    assert len(drawn) == count
    for group in set(groups):
        part = sum(groups[position] == group for position in drawn)
        assert abs(part - groups.count(group) * count / len(groups)) < 1


def test_a_smaller_draw_of_each_group_is_part_of_a_larger_one() -> None:
    groups = [0, 1] * 20
    assert set(per_group(groups, 3, "key")) < set(per_group(groups, 7, "key"))


def test_too_many_are_refused() -> None:
    with pytest.raises(ValueError, match="3 of 1 items of group 1"):
        per_group([0, 0, 0, 1], 3, "key")
    with pytest.raises(ValueError, match="5 of 4"):
        stratified([0, 0, 0, 1], 5, "key")
