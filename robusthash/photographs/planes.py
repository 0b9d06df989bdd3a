"""What a file's pixels are made of, and how a change of three 8-bit planes is put into them."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from robusthash.photographs.decoding import grey_of_16_bits, rgb_levels
from robusthash.photographs.orientation import upright

__all__ = ["Planes"]

#: What becomes of some of Pillow's modes.
_BECOMES = {
    "1": "black and white becomes 8-bit grey",
    "P": "its palette becomes full colour",
    "PA": "its palette becomes full colour",
    **{mode: f"{mode} becomes RGB, without its colour profile" for mode in ("CMYK", "LAB", "HSV")},
    "YCbCr": "YCbCr becomes RGB",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Planes:
    """A photograph's planes, as it is delivered: grey or colour, 8 or 16 bits, with or without an alpha channel."""

    rgb: np.ndarray  #: (h, w, 3) uint8, as models are shown it
    grey: bool  #: whether the file has one plane of grey in place of three of colour
    deep: np.ndarray | None = None  #: (h, w) uint16, the full depth of 16-bit grey
    alpha: np.ndarray | None = None  #: (h, w) uint8
    notes: tuple[str, ...] = ()  #: what becomes of them that is not what they were

    @classmethod
    def of(cls, image: Image.Image) -> "Planes":
        """The planes of an image, as they are stored.

        Args:
            image: opened, of any mode that :func:`rgb_levels` reads; it is decoded here.

        Raises:
            ValueError: the pixels have no known range.
            Exception: another of ``decoding.BROKEN``.
        """
        rgb, deep = rgb_levels(image), grey_of_16_bits(image)
        palette = image.mode in {"P", "PA"}
        keyed = "transparency" in image.info and not palette
        notes = [note for mode, note in _BECOMES.items() if image.mode == mode]
        if deep is not None and keyed:
            alpha = np.where(deep == image.info["transparency"], 0, 255).astype(np.uint8)
            deep = None  # no format stores 16-bit grey beside 8 bits of alpha
            notes.append("16-bit grey with a transparent level becomes 8-bit grey with an alpha channel")
        elif "transparency" in image.info or image.getbands()[-1] in {"A", "a"}:
            alpha = np.array(image.convert("RGBA").getchannel("A"))
            if keyed:
                notes.append("its transparent colour becomes an alpha channel")
        else:
            alpha = None
        grey = image.mode in {"1", "L", "LA"} or image.mode.startswith("I")
        return cls(rgb=rgb, grey=grey, deep=deep, alpha=alpha, notes=tuple(notes))

    def upright(self, orientation: int) -> "Planes":
        """The planes as a viewer shows them.

        Args:
            orientation: of these, from 1 to 8.
        """

        def turned(plane: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(upright(plane, orientation))

        return replace(
            self,
            rgb=turned(self.rgb),
            deep=None if self.deep is None else turned(self.deep),
            alpha=None if self.alpha is None else turned(self.alpha),
        )

    def with_rgb(self, rgb: np.ndarray) -> np.ndarray:
        """The planes of the file with other colours; alpha and the low bits of 16-bit grey are kept.

        The change of a grey picture is the mean of its three planes' changes, rounded: the nearest grey, and never
        further from the original than the largest of them. 16-bit grey moves by 256 for each level, so that who reads
        the upper 8 bits reads exactly the level, and the lower 8 bits stay.

        Args:
            rgb: (h, w, 3) uint8.

        Returns:
            (h, w) uint8 or uint16 for grey, else (h, w, channels) uint8.
        """
        if not self.grey:
            return rgb if self.alpha is None else np.dstack([rgb, self.alpha])
        level: np.ndarray = ((rgb.sum(axis=2, dtype=np.int64) + 1) // 3).astype(np.uint8)
        if self.deep is not None:
            deep: np.ndarray = (level.astype(np.uint16) << 8) | (self.deep & 0xFF)
            return deep
        return level if self.alpha is None else np.dstack([level, self.alpha])
