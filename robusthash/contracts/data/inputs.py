"""Inputs of models: images and texts, in memory or read a batch at a time."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from robusthash.boundary import breach, inherit
from robusthash.contracts.modality import Modality
from robusthash.errors import CapabilityError, DatasetError
from robusthash.pixels import from_levels

_CHUNK = 64  #: items that are read at a time


class Inputs(ABC):
    """The items of a split in one modality."""

    @property
    @abstractmethod
    def modality(self) -> Modality:
        """Shape and box of an item, and the words that its elements count."""

    @property
    def vocabulary(self) -> tuple[str, ...] | None:
        """The word that each element of a bag of words counts; None for other inputs.

        A model of texts works with the vocabulary that it was trained on alone.
        """
        return self.modality.vocabulary

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def inputs(self, indices: Sequence[int]) -> Tensor:
        r"""Items at some positions, in the order of these.

        Args:
            indices: n positions.

        Returns:
            (n, \*modality.shape) float32, in the box and on its levels.

        Raises:
            DatasetError: an item cannot be read; the message names it.
        """

    def written(self, indices: Sequence[int]) -> list[str]:
        """Texts at some positions as a person wrote them; of bags of words, by default these words.

        Args:
            indices: n positions.

        Raises:
            CapabilityError: the items are no texts of known words.
        """
        words = self.vocabulary
        if words is None:
            raise CapabilityError(f"these {self.modality.name}s have no words", hint="use texts with a vocabulary")
        low = self.modality.box.low
        return [
            " ".join(words[column] for column in row.nonzero().flatten().tolist()) for row in self.inputs(indices) > low
        ]

    def identity(self) -> bytes:
        """What identifies the inputs besides the items' ids; a part of the split's digest.

        By default SHA-256 of their content, for which each is read once: override it with something faster that changes
        whenever the content does.
        """
        sha = hashlib.sha256()
        for start in range(0, len(self), _CHUNK):
            part = self.inputs(range(start, min(start + _CHUNK, len(self))))
            sha.update(np.ascontiguousarray(part.numpy()).data)
        return sha.digest()

    def take(self, indices: Sequence[int]) -> "Inputs":
        """The items at some positions."""
        return Taken(self, list(indices))


def read_inputs(view: Inputs, indices: Sequence[int]) -> Tensor:
    """Reads items, and checks what is read.

    Args:
        view: the items.
        indices: n positions.

    Raises:
        ContractError: they are not float32 of the modality's shape.
        DatasetError: an item cannot be read.
    """
    return _checked(view, view.inputs(indices), (len(indices), *view.modality.shape), torch.float32)


def _checked(view: Inputs, found: object, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    if isinstance(found, Tensor) and found.shape == shape and found.dtype == dtype:
        return found
    told = f"{tuple(found.shape)} {found.dtype}" if isinstance(found, Tensor) else type(found).__name__
    raise breach(view, f"returned {told} for {shape[0]} items", hint=f"return {shape} {dtype}")


View = TypeVar("View", bound=Inputs)


class Taken(Inputs, Generic[View]):
    """A selection of other inputs.

    Args:
        whole: all items.
        indices: positions of the selected ones.
    """

    def __init__(self, whole: View, indices: list[int]) -> None:
        self.whole = whole
        self.indices = indices
        inherit(self, whole)

    @property
    def modality(self) -> Modality:  # noqa: D102 - as in the base class
        return self.whole.modality

    def __len__(self) -> int:
        return len(self.indices)

    def inputs(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        return self.whole.inputs(self.positions(indices))

    def positions(self, indices: Sequence[int]) -> list[int]:
        """Positions of selected items among all items."""
        return [self.indices[i] for i in indices]

    def written(self, indices: Sequence[int]) -> list[str]:  # noqa: D102 - as in the base class
        return self.whole.written(self.positions(indices))

    def identity(self) -> bytes:  # noqa: D102 - as in the base class
        return self.whole.identity()


class Images(Inputs):
    """Images of one size.

    Attributes:
        size: height and width, in pixels.
        resize: length of the shorter side that pictures have before they are cropped to the size, so that other ones
            can be read alike; None for images that are stored in their size: others are then read with the usual one.
        keeps: whether pictures that have the size already are taken as they are.
    """

    size: tuple[int, int]
    resize: int | None = None
    keeps: bool = False

    @property
    def modality(self) -> Modality:
        """RGB images of this size."""
        return Modality.image(*self.size)

    @abstractmethod
    def read(self, indices: Sequence[int]) -> Tensor:
        """Images at some positions, in the order of these.

        Args:
            indices: n positions.

        Returns:
            (n, 3, h, w) uint8.

        Raises:
            DatasetError: a file is missing or not an image; the message names it.
        """

    def inputs(self, indices: Sequence[int]) -> Tensor:
        """Images in pixel space: (n, 3, h, w) float32 in [0, 1], on the 8-bit grid."""
        return from_levels(read_pixels(self, indices))

    def take(self, indices: Sequence[int]) -> "Images":
        """The images at some positions."""
        return _TakenImages(self, list(indices))


def read_pixels(images: Images, indices: Sequence[int]) -> Tensor:
    """Reads images in 8 bits, and checks what is read.

    Args:
        images: the images.
        indices: n positions.

    Raises:
        ContractError: they are not (n, 3, h, w) uint8.
        DatasetError: a file is missing or not an image.
    """
    return _checked(images, images.read(indices), (len(indices), 3, *images.size), torch.uint8)


class _TakenImages(Taken[Images], Images):
    def __init__(self, whole: Images, indices: list[int]) -> None:
        super().__init__(whole, indices)
        self.size, self.resize, self.keeps = whole.size, whole.resize, whole.keeps

    def read(self, indices: Sequence[int]) -> Tensor:
        return self.whole.read(self.positions(indices))


class ArrayImages(Images):
    """Images held in memory.

    Args:
        array: (n, 3, h, w) uint8.

    Raises:
        DatasetError: another shape or dtype.
    """

    keeps = True

    def __init__(self, array: Tensor) -> None:
        if array.dtype != torch.uint8 or array.ndim != 4 or array.shape[1] != 3:
            raise DatasetError(f"images are {tuple(array.shape)} {array.dtype}", hint="pass (n, 3, h, w) uint8")
        self.array = array
        self.size = (array.shape[2], array.shape[3])

    def __len__(self) -> int:
        return len(self.array)

    def read(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        return self.array[torch.as_tensor(indices, dtype=torch.int64)]

    def identity(self) -> bytes:
        """SHA-256 of the pixels."""
        return hashlib.sha256(np.ascontiguousarray(self.array.numpy()).data).digest()


class ArrayTexts(Inputs):
    """Text features held in memory.

    Args:
        array: (n, d) float32, in the modality's box.
        modality: shape and box; None is continuous in [0, 1].
        vocabulary: the word of each column, if it is a bag of words.
        captions: the texts as people wrote them; None is the words of each bag.

    Raises:
        DatasetError: another shape or dtype, values outside the box or between its levels, fractions of tags, or more
            or fewer words than columns.
    """

    def __init__(
        self,
        array: Tensor,
        modality: Modality | None = None,
        vocabulary: Sequence[str] | None = None,
        captions: Sequence[str] | None = None,
    ) -> None:
        if array.dtype != torch.float32 or array.ndim != 2:
            raise DatasetError(f"text features are {tuple(array.shape)} {array.dtype}", hint="pass (n, d) float32")
        self._modality = modality or Modality.text(array.shape[1])
        box = self._modality.box
        if self._modality.shape != (array.shape[1],) or not torch.equal(box.nearest(array), array):
            raise DatasetError(
                f"text features of {array.shape[1]} dimensions do not fit {self._modality}",
                hint="scale them into the box, and declare levels only if they lie on them",
            )
        if vocabulary is not None and len(vocabulary) != array.shape[1]:
            raise DatasetError(
                f"{len(vocabulary)} words for text features of {array.shape[1]} dimensions", hint="one word a column"
            )
        if self._modality.tags and not bool(((array == box.low) | (array == box.high)).all()):
            raise DatasetError(
                f"text features have values between {box.low:g}, an absent tag, and {box.high:g}, one that is there",
                hint="scale them in the model, or leave out tags=True",
            )
        if captions is not None and len(captions) != len(array):
            raise DatasetError(f"{len(captions)} captions for {len(array)} texts", hint="one caption a text")
        self.captions = captions
        self.array = array
        if vocabulary is not None:
            self._modality = replace(self._modality, vocabulary=tuple(vocabulary))

    @property
    def modality(self) -> Modality:  # noqa: D102 - as in the base class
        return self._modality

    def __len__(self) -> int:
        return len(self.array)

    def inputs(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        return self.array[torch.as_tensor(indices, dtype=torch.int64)]

    def written(self, indices: Sequence[int]) -> list[str]:  # noqa: D102 - as in the base class
        return super().written(indices) if self.captions is None else [self.captions[index] for index in indices]

    def identity(self) -> bytes:
        """SHA-256 of the features, and of their words."""
        sha = hashlib.sha256(np.ascontiguousarray(self.array.numpy()).data)
        sha.update("\n".join(self.vocabulary or ()).encode())
        return sha.digest()
