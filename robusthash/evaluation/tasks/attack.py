"""Attacks the dataset's queries, and writes the adversarial images, or the adversarial texts."""

from pathlib import Path

from robusthash.contracts import IMAGE, Progress
from robusthash.epsilon import Edits, Radius
from robusthash.evaluation.planning.names import AnyAttack
from robusthash.evaluation.planning.plan import plan
from robusthash.evaluation.planning.request import NO_DEFENSE, Request, RunSettings
from robusthash.evaluation.running.preparing.cells import prepare
from robusthash.evaluation.running.preparing.checking import check, check_fitted, known
from robusthash.evaluation.tasks.gallery import Picture, save_gallery
from robusthash.evaluation.tasks.texts import Text, save_texts
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Systems
from robusthash.host import PluginHost
from robusthash.specs import Direction, Norm


def attack_queries(
    model: str,
    bits: int,
    attack: AnyAttack,
    setting: RunSettings,
    host: PluginHost,
    *,
    output: Path,
    defense: str = NO_DEFENSE,
    epsilon: Radius | Norm | None = None,
    edits: Edits | None = None,
    direction: Direction | None = None,
    progress: Progress,
) -> list[Picture] | list[Text]:
    """Writes adversarial images as PNGs, with a manifest, or adversarial texts, into a manifest.

    Args:
        model: registered name, or ``path/to/file.py:build``.
        bits: code length.
        attack: registered name, or the file of what an attack has learnt.
        setting: dataset, backbone, options.
        host: the plugins.
        output: folder of the PNGs and their manifest.
        defense: registered name, or ``none``.
        epsilon: radius, or the norm of the dataset's own; None is that in L-infinity.
        edits: radius that counts the edits of texts, instead.
        direction: what searches for what; None is the model's usual one, of texts if there are edits.
        progress: called with (done, total, what).

    Returns:
        One entry per image, or per text, in the order of the queries.

    Raises:
        UsageError: a name or an option is wrong.
        CapabilityError: the attack needs something that is missing, or fractions of words are to be written.
        PluginError: the attack failed.
        StorageError: a file cannot be written.
    """
    resources = Resources(setting, host, progress)
    epsilons = () if epsilon is None else (epsilon,)
    request = Request(
        models=(model,),
        attacks=(attack,),
        bits=(bits,),
        defenses=(defense,),
        epsilons=epsilons,
        edits=() if edits is None else (edits,),
        directions=() if direction is None else (direction,),
        setting=setting,
    )
    check(request, resources)
    cells = plan(request, known(request, resources))
    cell = [one for one in cells if one.direction == cells[0].direction][-1]  # after the reference
    check_fitted([cell], resources)
    systems = Systems(resources)
    try:
        prepared = prepare(cell, systems, {})
        save = save_gallery if prepared.system.modality.name == IMAGE else save_texts
        return save(prepared, output, progress)
    finally:
        systems.close()
