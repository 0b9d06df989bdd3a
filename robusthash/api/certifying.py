"""Certifies smoothed models."""

from collections.abc import Iterable
from typing import Unpack

from robusthash.api import arguments
from robusthash.api.evaluating import Model
from robusthash.api.objects import AnyDataset
from robusthash.api.plugins import installed
from robusthash.api.settings import AnyPath, Options, Settings, make_settings
from robusthash.api.surroundings import frozen, reporting
from robusthash.contracts import Defense
from robusthash.evaluation import Certificate, Request
from robusthash.evaluation import certify as run
from robusthash.evaluation.planning.defaults import settled
from robusthash.specs import Direction, Vote


def certify(
    model: Model,
    *,
    dataset: AnyDataset = "auto",
    defense: str | Defense = "smoothed",
    bits: int = 32,
    radii: float | Iterable[float] = (),
    samples: int = 1000,
    confidence: float = 0.999,
    of: str = "deployed",
    direction: str | None = None,
    options: Options | None = None,
    results: AnyPath | None = None,
    progress: bool | None = None,
    **settings: Unpack[Settings],
) -> Certificate:
    """Bounds from below what retrieval a smoothed model keeps within L2 radii, as ``robusthash certify`` does.

    Args:
        model: a registered name, a checkpoint, ``path/to/file.py:build``, or a hash model.
        dataset: as for :func:`robusthash.evaluate`.
        defense: what smooths the model.
        bits: code length K, for a registered name; other models have their own.
        radii: L2 radii in [0, 1] pixels; none are eleven up to the largest that any bit can have.
        samples: noisy copies of each query.
        confidence: probability, for each query, that all its bounds hold; of a deployed vote, in each pass that it
            takes.
        of: the vote that is certified: ``deployed``, of as many copies as the model takes in a pass, or ``ideal``.
        direction: ``i2i``, ``i2t``, ``t2i`` or ``t2t``; None is the model's own.
        options: by plugin, then by field: ``{"smoothed": {"sigma": 0.5}}``.
        results: folder with stored attacks to compare with; None compares with none.
        progress: show progress bars; None shows them in a notebook and on a terminal.
        settings: other fields of :class:`~robusthash.evaluation.RunSettings`: ``queries``, ``seed``, ``device`` ...

    Returns:
        The certificate: ``bounds`` by radius, ``per_query``, ``clean``, ``abstained``, ``attacked`` ...

    Raises:
        UsageError: a name, a type or a value is wrong, or the defense does not vote over noise.
        DatasetError: the dataset cannot be read.
        MissingDependencyError: scipy is not installed.
    """
    victims = arguments.models(model)
    request = Request(
        models=victims,
        attacks=(),
        bits=(arguments.number(bits, "bits", least=1),),
        defenses=arguments.several(defense, "defense", (str, Defense)),
        directions=() if direction is None else (arguments.choice(direction, "direction", Direction),),
        setting=make_settings(certify, dataset, options, settings, *victims),
    )
    host = installed()
    request = settled(request, host)
    own = [one for one in victims if not isinstance(one, str)]
    with reporting(progress=progress) as report, frozen(*own):
        return run(
            request,
            host,
            radii=sorted({arguments.real(radius, "radius") for radius in arguments.listed(radii)}),
            samples=arguments.number(samples, "samples", least=1),
            confidence=arguments.real(confidence, "confidence"),
            of=arguments.choice(of, "of", Vote),
            results=None if results is None else arguments.path(results, "results"),
            progress=report,
        )
