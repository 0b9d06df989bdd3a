"""Seeded draws of items, the same on every machine and with every version of every library."""

import hashlib
from collections.abc import Iterable, Sequence


def shuffled(items: Iterable[int], key: str) -> list[int]:
    """The items in a pseudo-random order that depends only on them and the key.

    They are sorted by the SHA-256 of key and item, because the generators of numpy and torch may change between
    versions.

    >>> shuffled(range(5), "example")
    [2, 0, 4, 3, 1]
    """
    return sorted(items, key=lambda item: hashlib.sha256(f"{key}/{item}".encode()).digest())


def shares(sizes: Sequence[int], count: int) -> list[int]:
    """Numbers to take from groups of these sizes, in proportion, by largest remainder.

    >>> shares([10, 10, 10], 4), shares([90, 10], 10)
    ([2, 1, 1], [9, 1])

    Raises:
        ValueError: there are fewer than ``count``.
    """
    total = sum(sizes)
    if not 0 <= count <= total:
        raise ValueError(f"cannot take {count} of {total}")
    if total == 0:
        return [0] * len(sizes)
    taken = [size * count // total for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda group: (-(sizes[group] * count % total), group))
    for group in by_remainder[: count - sum(taken)]:
        taken[group] += 1
    return taken


def stratified(groups: Sequence[int], count: int, key: str) -> list[int]:
    """Positions of ``count`` items, in proportion to the size of each group, in ascending order.

    Args:
        groups: each item's group.
        count: number of items to draw.
        key: of the draw; a smaller draw with the same key is not always a subset of a larger one.

    Raises:
        ValueError: there are fewer than ``count``.
    """
    members: dict[int, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(group, []).append(position)
    ordered = [shuffled(members[group], key) for group in sorted(members)]
    taken = shares([len(group) for group in ordered], count)
    return sorted(position for group, size in zip(ordered, taken, strict=True) for position in group[:size])


def per_group(groups: Sequence[int], each: int, key: str) -> list[int]:
    """Positions of ``each`` items of every group, in ascending order.

    Args:
        groups: each item's group.
        each: number of items per group.
        key: of the draw; a smaller draw with the same key is a subset of a larger one.

    Raises:
        ValueError: a group has fewer.
    """
    members: dict[int, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(group, []).append(position)
    small = sorted(group for group, positions in members.items() if len(positions) < each)
    if small:
        raise ValueError(f"cannot take {each} of {len(members[small[0]])} items of group {small[0]}")
    return sorted(position for group in members.values() for position in shuffled(group, key)[:each])
