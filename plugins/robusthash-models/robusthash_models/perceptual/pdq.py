"""PDQ, the perceptual hash of Meta's ThreatExchange, as the package pdqhash computes it."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from robusthash.contracts import IMAGE, HashModel, Modality, ReadyModel
from robusthash.errors import MissingDependencyError, UsageError
from robusthash_models.perceptual.black_box import PerceptualHash

_BITS = 256
_SMALLEST = 5  #: pixels per side; the library returns only zero bits for a smaller image


@dataclass(frozen=True, kw_only=True)
class PDQ(ReadyModel):
    """16 x 16 low frequencies of the grey image, each compared with their median: 256 bits.

    The library resizes the image to 64 x 64 pixels. Its quality score, with which services discard images without
    structure, is not used: every image is hashed.
    """

    libraries = ("pdqhash",)

    def __post_init__(self) -> None:
        _library()

    @property
    def bits(self) -> int:  # noqa: D102 - as in the base class
        return _BITS

    def build(self, modalities: Mapping[str, Modality]) -> HashModel:  # noqa: D102 - as in the base class
        image_size = modalities[IMAGE].shape[1]
        if image_size < _SMALLEST:
            raise UsageError(
                f"PDQ cannot hash {image_size}x{image_size} images", hint=f"give --image-size {_SMALLEST} or more"
            )
        library = _library()

        def hash_image(image: np.ndarray) -> np.ndarray:
            return np.asarray(library.compute(image)[0])

        return PerceptualHash(hash_image, bits=_BITS, image_size=image_size)


def _library() -> Any:
    try:
        return importlib.import_module("pdqhash")
    except ImportError as error:
        raise MissingDependencyError(
            f"pdq needs the package pdqhash: {error}",
            hint="pip install 'robusthash-models[perceptual]'; without a wheel of pdqhash, this needs a C++ compiler",
        ) from error
