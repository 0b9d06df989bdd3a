"""Images of figures, in frames, and with heat over them."""

from typing import TYPE_CHECKING, Any

from robusthash.results.records.pictures import Pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEAT, _STRENGTH = "inferno", 0.55  #: lighter, not only of another colour, where it is hotter


def show(axes: "Axes", image: Pixels, *, frame: str | None = None) -> None:
    """Draws an image, each of its pixels a square, in a frame of some colour.

    Args:
        axes: to draw on.
        image: (h, w, 3) uint8.
        frame: colour; None is no frame.
    """
    axes.imshow(image, interpolation="nearest")
    _bare(axes, frame)


def show_heat(axes: "Axes", image: Pixels, heat: Pixels) -> None:
    """Draws an image in grey with a heat map over it, which is interpolated.

    Args:
        axes: to draw on.
        image: (h, w, 3) uint8.
        heat: (h', w') uint8.
    """
    height, width = image.shape[:2]
    place: Any = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(image.mean(2), cmap="gray", vmin=0, vmax=255, extent=place, interpolation="nearest")
    axes.imshow(heat, cmap=_HEAT, vmin=0, vmax=255, extent=place, interpolation="bilinear", alpha=_STRENGTH)
    _bare(axes, None)


def _bare(axes: "Axes", frame: str | None) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(frame is not None)
        if frame is not None:
            spine.set_edgecolor(frame)
            spine.set_linewidth(2)
