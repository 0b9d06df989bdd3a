"""One split of another library's dataset: its items, and what it says of its classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robusthash.api import arguments
from robusthash.boundary import IN_MEMORY, Whose, foreign
from robusthash.errors import UsageError

_IMAGES, _LABELS = ("image", "img", "picture"), ("label", "labels", "class", "target")


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A split.

    Attributes:
        name: that it is passed under.
        items: pairs of picture and label, or mappings of names to them, by position.

    Raises:
        UsageError: it has no length, no positions, or no items.
    """

    name: str
    items: Any

    def __post_init__(self) -> None:
        if not (hasattr(self.items, "__getitem__") and hasattr(self.items, "__len__")):
            raise UsageError(
                f"{self.name} is {arguments.told(self.items)}",
                hint="pass a dataset with a length, whose items are read by position; not a stream or a loader",
            )
        if not len(self):
            raise UsageError(f"{self.name} has no items", hint="pass at least one")

    def __len__(self) -> int:
        return len(self.items)

    def item(self, index: int) -> tuple[Any, Any]:
        """Picture and label of an item.

        Raises:
            UsageError: it has another form.
            PluginError: the dataset failed.
        """
        with foreign(Whose(what=f"dataset {self.name!r}", owner=IN_MEMORY), f"return item {index}"):
            found = self.items[index]
        if isinstance(found, Mapping):
            return found[self._key(found, _IMAGES)], found[self._key(found, _LABELS)]
        if isinstance(found, tuple | list) and len(found) == 2:
            return found[0], found[1]
        raise UsageError(
            f"item {index} of {self.name} is {arguments.told(found)}",
            hint="each item is a pair of picture and label, or a mapping with the keys image and label",
        )

    def place(self, index: int) -> str:
        """An item, for errors."""
        return f"item {index} of {self.name}"

    @property
    def kind(self) -> str:
        """What the dataset is called: by its own name, or that of its class."""
        known = getattr(getattr(self.items, "info", None), "dataset_name", None)
        return known if isinstance(known, str) and known else type(self.items).__name__

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes; None if the dataset does not say them."""
        feature = self._feature()
        if feature is not None:
            names = getattr(getattr(feature, "feature", feature), "names", None)
        else:
            whole = self.items
            while not hasattr(whole, "classes") and hasattr(whole, "dataset"):  # some items of another one
                whole = whole.dataset
            names = getattr(whole, "classes", None)
        plain = isinstance(names, Sequence) and not isinstance(names, str)
        return tuple(map(str, names)) if plain and names else None

    @property
    def lists_numbers(self) -> bool:
        """Whether the label of an item is a list of class numbers, as the dataset says: not zeros and ones."""
        return hasattr(self._feature(), "feature")

    def _feature(self) -> Any:
        features = getattr(self.items, "features", None)
        return features[self._key(features, _LABELS)] if isinstance(features, Mapping) else None

    def _key(self, found: Mapping[str, Any], usual: Sequence[str]) -> str:
        keys = [key for key in found if str(key).lower() in usual]
        if len(keys) != 1:
            raise UsageError(
                f"items of {self.name} have the keys {', '.join(map(str, found))}, and {len(keys)} of them can be the "
                f"{usual[0]}",
                hint=f"rename one: dataset.rename_column(name, {usual[0]!r})",
            )
        return keys[0]


def class_numbers(value: Any, part: Part, index: int) -> "tuple[int | str, ...]":
    """The classes of an item: numbers, or names.

    Args:
        value: its label: a number, a name, a row of zeros and ones, or a list of numbers if the dataset says so.
        part: that it is of.
        index: its position.

    Raises:
        UsageError: it is something else, such as boxes.
    """
    plain = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(plain, str) or (isinstance(plain, int) and not isinstance(plain, bool)):
        return (plain,)
    if isinstance(plain, Sequence) and all(isinstance(one, int | float | str) for one in plain):
        if part.lists_numbers or any(isinstance(one, str) for one in plain):
            return tuple(plain)
        if len(plain) > 1 and set(plain) <= {0, 1}:
            return tuple(np.flatnonzero(plain).tolist())
    raise UsageError(
        f"the label of {part.place(index)} is {arguments.told(value)}",
        hint="a label is a class number, a name, or a row of zeros and ones",
    )
