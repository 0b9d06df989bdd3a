"""pHash, the perceptual hash from a discrete cosine transform, as the package ImageHash computes it."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from robusthash.contracts import IMAGE, HashModel, Modality, ReadyModel
from robusthash.errors import MissingDependencyError, OptionError
from robusthash_models.perceptual.black_box import PerceptualHash


@dataclass(frozen=True, kw_only=True)
class PHash(ReadyModel):
    """The low frequencies of the grey image, each compared with their median: ``hash_size ** 2`` bits.

    The image is converted to grey and resized to ``hash_size * highfreq_factor`` pixels per side; the first
    ``hash_size`` frequencies of its cosine transform in each direction are kept.
    """

    libraries = ("ImageHash",)

    hash_size: int = 8  #: frequencies in each direction; the code has hash_size^2 bits
    highfreq_factor: int = 4  #: side of the resized image, in units of hash_size

    def __post_init__(self) -> None:
        if self.hash_size < 2 or self.highfreq_factor < 1:
            raise OptionError(
                f"hash_size={self.hash_size}, highfreq_factor={self.highfreq_factor}", hint="use at least 2 and 1"
            )
        _library()

    @property
    def bits(self) -> int:  # noqa: D102 - as in the base class
        return self.hash_size**2

    def build(self, modalities: Mapping[str, Modality]) -> HashModel:  # noqa: D102 - as in the base class
        image_size = modalities[IMAGE].shape[1]
        library = _library()

        def hash_image(image: np.ndarray) -> np.ndarray:
            found = library.phash(Image.fromarray(image), self.hash_size, self.highfreq_factor)
            return np.asarray(found.hash).reshape(-1)

        return PerceptualHash(hash_image, bits=self.bits, image_size=image_size)


def _library() -> Any:
    try:
        return importlib.import_module("imagehash")
    except ImportError as error:
        raise MissingDependencyError(
            f"phash needs the package ImageHash: {error}", hint="pip install 'robusthash-models[perceptual]'"
        ) from error
