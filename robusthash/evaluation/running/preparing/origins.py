"""What a record says of where its victim, surrogate, data and metrics came from, so that it can be made again."""

from collections.abc import Iterable

from robusthash.contracts import IMAGE, RetrievalData
from robusthash.evaluation.victims.system import System
from robusthash.evaluation.victims.victim import Victim
from robusthash.results import ModelOrigin, Origins

_HARDENED, _SEED = "hardened", "seed"  #: in the report of a checkpoint that a defense has trained


def origins(system: System, surrogate: System, metrics: Iterable[str]) -> Origins:
    """The origins of a cell's record.

    Args:
        system: the victim with its database.
        surrogate: the system that the attack is crafted on; in a white-box evaluation, the victim's.
        metrics: names of the metrics that the record has.
    """
    resources = system.resources
    named, uses = resources.setting.dataset, resources.metric_uses
    return Origins(
        dataset=named.name if isinstance(named, RetrievalData) else resources.plugins.dataset(named).use.name,
        image_size=resources.setting.image_size,
        metrics={name: uses[name] for name in metrics},
        victim=_origin(system.victim),
        surrogate=None if surrogate.victim is system.victim else _origin(surrogate.victim),
    )


def _origin(victim: Victim) -> ModelOrigin | None:
    """How a victim was trained, as its checkpoint describes it; None if it has none."""
    description = victim.description
    if description is None:
        return None
    backbones = {IMAGE: description.backbone} | {name: one.backbone for name, one in description.towers.items()}
    hardened = None
    if description.defense is not None:
        told = description.report.get(_HARDENED)
        hardened = told.get(_SEED) if isinstance(told, dict) else None
        hardened = hardened if isinstance(hardened, int) else description.seed
    return ModelOrigin(
        weights=description.weights_digest,
        backbones=backbones,
        pretrained=description.pretrained,
        seed=description.seed,
        image_size=description.image_size,
        dataset_digest=description.dataset_digest,
        hardened=hardened,
    )
