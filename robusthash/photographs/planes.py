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
    "LAB": "LAB becomes RGB, without its colour profile",
    "YCbCr": "YCbCr becomes RGB",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Planes:
    """A photograph's planes, as it is delivered: grey, colours or inks, 8 or 16 bits, with or without alpha."""

    rgb: np.ndarray  #: (h, w, 3) uint8, as models are shown it
    grey: bool  #: whether the file has one plane of grey in place of three of colour
    deep: np.ndarray | None = None  #: (h, w) uint16, the full depth of 16-bit grey
    inks: np.ndarray | None = None  #: (h, w, 4) uint8, cyan, magenta, yellow and black
    alpha: np.ndarray | None = None  #: (h, w) uint8
    notes: tuple[str, ...] = ()  #: what becomes of them that is not what they were

    @classmethod
    def of(cls, image: Image.Image, *, inks: bool) -> "Planes":
        """The planes of an image, as they are stored.

        Args:
            image: opened, of any mode that :func:`rgb_levels` reads; it is decoded here.
            inks: whether CMYK can be delivered.

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
        cmyk = np.array(image) if image.mode == "CMYK" and inks else None
        if image.mode == "CMYK" and not inks:
            notes.append("CMYK becomes RGB, without its colour profile")
        return cls(rgb=rgb, grey=grey, deep=deep, inks=cmyk, alpha=alpha, notes=tuple(notes))

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
            inks=None if self.inks is None else turned(self.inks),
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
            (h, w) uint8 or uint16 for grey, else (h, w, channels) uint8: four channels are CMYK if the file has inks.
        """
        if self.inks is not None:
            return _inked(self.inks, self.rgb, rgb)
        if not self.grey:
            return rgb if self.alpha is None else np.dstack([rgb, self.alpha])
        level: np.ndarray = ((rgb.sum(axis=2, dtype=np.int64) + 1) // 3).astype(np.uint8)
        if self.deep is not None:
            deep: np.ndarray = (level.astype(np.uint16) << 8) | (self.deep & 0xFF)
            return deep
        return level if self.alpha is None else np.dstack([level, self.alpha])


def _inked(inks: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """CMYK whose colours, as Pillow converts them, are others: as little of the black is taken away as they need.

    Pillow's red is ``(255 - cyan) * (255 - black) / 255``, and so on.

    Args:
        inks: (h, w, 4) uint8.
        before: (h, w, 3) uint8, their colours.
        after: (h, w, 3) uint8, the new ones.
    """
    light = np.maximum(255 - inks[..., 3], after.max(axis=2))[..., None]
    share = np.divide(after, light, out=np.zeros(after.shape), where=light > 0)
    changed = np.dstack([255 - np.rint(255 * share), 255 - light]).astype(np.uint8)
    # Several inks are one colour: what does not change keeps its own.
    return np.where((before == after).all(axis=2, keepdims=True), inks, changed)
