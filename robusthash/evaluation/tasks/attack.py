"""Attacks the dataset's queries, and writes the adversarial images."""

from pathlib import Path

from robusthash.contracts import Progress
from robusthash.epsilon import Radius
from robusthash.evaluation.planning.names import AnyAttack
from robusthash.evaluation.planning.plan import plan
from robusthash.evaluation.planning.request import NO_DEFENSE, Request, RunSettings
from robusthash.evaluation.running.cells import prepare
from robusthash.evaluation.running.checking import check, check_fitted, known
from robusthash.evaluation.tasks.gallery import Picture, save_gallery
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Systems
from robusthash.host import PluginHost
from robusthash.specs import Norm


def attack_images(
    model: str,
    bits: int,
    attack: AnyAttack,
    setting: RunSettings,
    host: PluginHost,
    *,
    output: Path,
    defense: str = NO_DEFENSE,
    epsilon: Radius | Norm | None = None,
    progress: Progress,
) -> list[Picture]:
    """Writes adversarial images as PNGs, with a manifest.

    Args:
        model: registered name, or ``path/to/file.py:build``.
        bits: code length.
        attack: registered name, or the file of what an attack has learnt.
        setting: dataset, backbone, options.
        host: the plugins.
        output: folder of the PNGs and their manifest.
        defense: registered name, or ``none``.
        epsilon: radius, or the norm of the dataset's own; None is that in L-infinity.
        progress: called with (done, total, what).

    Returns:
        One entry per image, in the order of the queries.

    Raises:
        UsageError: a name or an option is wrong.
        CapabilityError: the attack needs something that is missing, or the queries are not images.
        PluginError: the attack failed.
        StorageError: a file cannot be written.
    """
    resources = Resources(setting, host, progress)
    epsilons = () if epsilon is None else (epsilon,)
    request = Request(
        models=(model,), attacks=(attack,), bits=(bits,), defenses=(defense,), epsilons=epsilons, setting=setting
    )
    check(request, resources)
    cell = plan(request, known(request, resources))[-1]
    check_fitted([cell], resources)
    systems = Systems(resources)
    try:
        return save_gallery(prepare(cell, systems, {}), output, progress)
    finally:
        systems.close()
