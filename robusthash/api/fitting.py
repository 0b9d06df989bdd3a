"""Fits attacks that learn."""

from pathlib import Path
from typing import Unpack

from robusthash.api import arguments
from robusthash.api.attacking import BoundAttack
from robusthash.api.checkpoint import Checkpoint
from robusthash.api.objects import AnyDataset
from robusthash.api.plugins import installed
from robusthash.api.settings import AnyPath, Options, Settings, make_settings
from robusthash.api.surroundings import frozen, reporting
from robusthash.contracts import Attack, CrossModalHashModel, Defense, HashModel
from robusthash.epsilon import Radius
from robusthash.evaluation import fit_attack
from robusthash.evaluation.planning.defaults import settled
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.evaluation.planning.training import fitting_request
from robusthash.specs import Direction


def fit(
    attack: str | Attack | BoundAttack,
    model: str | Path | Checkpoint | HashModel | CrossModalHashModel,
    *,
    dataset: AnyDataset = "auto",
    defense: str | Defense = "none",
    bits: int = 32,
    epsilon: float | str | Radius | None = None,
    direction: str | None = None,
    output: AnyPath | None = None,
    samples: AnyPath | None = None,
    options: Options | None = None,
    progress: bool | None = None,
    **settings: Unpack[Settings],
) -> FittedAttack:
    """Lets an attack learn on a model, or takes what it has learnt from the cache.

    Args:
        attack: registered name of an attack that learns, such as ``prosgan``, or an attack.
        model: registered name, which is trained first, a checkpoint, ``path/to/file.py:build``, or a hash model.
        dataset: whose train split it learns from: a registered name, a dataset, its splits, or parts of another
            library's by name; ``auto`` is digits, or
            what the model suggests.
        defense: of the model.
        bits: code length K, for a registered name.
        epsilon: radius: a number is a share of the box, in L-infinity; a string is ``8/255`` or ``l2:0.5``; None is the
            dataset's.
        direction: what searches for what: ``i2i``, ``i2t``, ``t2i`` or ``t2t``; None is the dataset's first.
        output: where the file goes; None is the cache.
        samples: folder of pictures of what it makes of a few train images meanwhile; None keeps none.
        options: by plugin, then by field: ``{"prosgan": {"steps": 500}}``.
        progress: show progress bars; None shows them in a notebook and on a terminal.
        settings: other fields of :class:`~robusthash.evaluation.RunSettings`: ``seed``, ``device``, ``precision`` ...

    Returns:
        What it has learnt: it stands wherever an attack does, and is not learnt again.

    Raises:
        UsageError: a name, a type or a value is wrong, or the attack learns nothing.
        TrainingError: the learning diverged.
    """
    found = arguments.one(attack, "attack", (str, Attack, BoundAttack))
    victim = arguments.model(model)
    request = fitting_request(
        found.attack if isinstance(found, BoundAttack) else found,
        victim,
        arguments.number(bits, "bits", least=1),
        make_settings(fit, dataset, options, settings, victim),
        defense=arguments.one(defense, "defense", (str, Defense)),
        epsilon=None if epsilon is None else arguments.radius(epsilon),
        direction=None if direction is None else arguments.choice(direction, "direction", Direction),
    )
    host = installed()
    request = settled(request, host)
    file, pictures = (
        None if path is None else arguments.path(path, name)
        for path, name in ((output, "output"), (samples, "samples"))
    )
    own = [] if isinstance(victim, str) else [victim]
    with reporting(progress=progress) as report, frozen(*own):
        return fit_attack(request, host, output=file, samples=pictures, progress=report)
