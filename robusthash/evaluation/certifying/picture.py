"""A certificate as a figure: what retrieval is certain to keep within each radius, and what attacks have left of it."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from robusthash.evaluation.certifying.certificate import Attacked, Certificate
from robusthash.results.figures.canvas import COLOURS, GREY, canvas, literal

_SIZE = (7.0, 4.2)  #: in inches
_TITLE, _LABEL = 200, 60
_MARKERS = "os^Dv<>Pp*"


def save_picture(found: Certificate, path: Path) -> None:
    """Draws the certified curve, the clean value, and the stored attacks on the same model.

    The curve has steps: a bound at a radius is one at all smaller radii, and says nothing of larger ones.

    Args:
        found: the certificate.
        path: of the file; its suffix gives the format: ``.svg``, ``.png`` or ``.pdf``.

    Raises:
        OptionError: the suffix is no supported format.
        MissingDependencyError: matplotlib is not installed.
        StorageError: the file cannot be written.
    """
    with canvas(path, *_SIZE) as figure:
        axes = figure.subplots()
        bounds = list(found.bounds.values())
        radii, bounds = [0.0, *found.bounds], [bounds[0], *bounds]
        axes.step(radii, bounds, where="pre", color=COLOURS[0], label="certified: at least")
        axes.fill_between(radii, bounds, 0, step="pre", color=COLOURS[0], alpha=0.15, linewidth=0)
        axes.axhline(found.clean, linestyle=":", color=GREY, label="clean")
        for (name, points), marker, colour in zip(_by_attack(found), cycle(_MARKERS), cycle(COLOURS[1:]), strict=False):
            at = [(one.radius, one.value) for one in points]
            axes.plot(
                *zip(*at, strict=True), "--", marker=marker, markersize=4, color=colour, label=literal(name, _LABEL)
            )
        title = f"{found.model['name']}, {found.model['size']} bit, {found.defense['name']}: {found.what}"
        axes.set_title(literal(title, _TITLE), fontsize="small")
        axes.set_xlabel("L2 radius, in [0, 1] pixels")
        axes.set_ylabel("MAP")
        axes.set_xlim(0, None)
        axes.set_ylim(0, 1.02)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="small")


def _by_attack(found: Certificate) -> Iterator[tuple[str, list[Attacked]]]:
    for name in dict.fromkeys(one.attack for one in found.attacked):
        yield name, [one for one in found.attacked if one.attack == name]
