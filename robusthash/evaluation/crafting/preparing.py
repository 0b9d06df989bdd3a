"""From a cell's attack and its systems to a job: what the attack may know, and whether it may have what it needs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robusthash.contracts import Attack, Budget, HashModel, LearningContext, Randomness, Surrogate, Threat
from robusthash.errors import CapabilityError
from robusthash.evaluation.crafting.job import Compute, Job, Knowledge
from robusthash.evaluation.crafting.learning import Learnt, learnt
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.victims.plugins import Chosen
from robusthash.evaluation.victims.queries import Queries
from robusthash.evaluation.victims.system import System
from robusthash.specs import Capability, Goal


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """Where an attack takes place.

    Attributes:
        system: the victim and what it searches.
        surrogate: the system that the attack is crafted on: the victim's own in a white-box evaluation.
        queries: what is attacked.
        epsilon: radius as a share of the box.
        versions: of what computes, for what is cached.
    """

    system: System
    surrogate: System
    queries: Queries
    epsilon: float
    versions: Mapping[str, str]

    @property
    def transferred(self) -> bool:
        """Whether the attack does not know the victim."""
        return self.surrogate.victim is not self.system.victim

    @property
    def threat(self) -> Threat:
        """How far the attack may go."""
        return Threat.on(self.surrogate.modality, self.epsilon)


def make_job(chosen: Chosen[Attack], scene: Scene, shared: Mapping[str, Path]) -> Job:
    """An attack made ready, with the members of an ensemble.

    Args:
        chosen: the attack.
        scene: where it takes place.
        shared: by attack, this one or a member, the folder of outcomes that other cells need too.

    Raises:
        CapabilityError: the attack needs what this dataset, this model or this threat does not give.
    """
    check(chosen, scene)
    system, surrogate, queries = scene.system, scene.surrogate, scene.queries
    resources, attack = system.resources, chosen.plugin
    members = tuple(make_job(member, scene, shared) for member in resources.plugins.members(attack))
    return Job(
        attack=attack,
        victim=system.query_model,
        surrogate=surrogate.query_model,
        inputs=queries.split.view(system.modality.name),
        ids=queries.ids,
        threat=scene.threat,
        random=Randomness(seed=resources.setting.seed, purpose=chosen.full_name),
        knowledge=_knowledge(chosen, scene),
        compute=Compute(
            device=resources.device,
            precision=resources.setting.precision,
            compiled=surrogate.compiled,
            batches=resources.batches,
        ),
        members=members,
        judge=Scale.of(system, queries, targeted=False) if members else None,
        shared=shared.get(chosen.use.name),
    )


def check(chosen: Chosen[Attack], scene: Scene) -> None:
    """Refuses what the attack needs and may not have.

    Raises:
        CapabilityError: it is not there, or a transfer attack does not know it.
    """
    check_model(chosen, scene.surrogate.query_model, scene.surrogate.victim.use.name)
    attack, name = chosen.plugin, chosen.use.name
    wants_labels = attack.goal is Goal.TARGETED or Capability.ANCHORS in attack.needs
    if wants_labels and not scene.queries.database_labels.any():
        raise CapabilityError(f"attack {name!r} needs labels, and the database has none")
    if Capability.LABELS in attack.needs and not scene.queries.labels.any():
        raise CapabilityError(
            f"attack {name!r} needs the queries' labels, and they have none", hint="use rnm, hag or hinge"
        )
    if scene.transferred:
        _check_transfer(chosen, scene)


def check_model(chosen: Chosen[Attack], model: HashModel, shown: str) -> None:
    """Refuses a model that the attack is not made for.

    Args:
        chosen: the attack.
        model: what it is to be crafted on.
        shown: the model's name, for the error.

    Raises:
        CapabilityError: the attack does not work on such outputs, or such inputs.
    """
    attack, name, distance, modality = chosen.plugin, chosen.use.name, model.space.distance, model.modality.name
    if distance not in attack.distances:
        raise CapabilityError(
            f"attack {name!r} works on {' and '.join(sorted(attack.distances))} distance, and "
            f"{shown} is compared by {distance}",
            hint="robusthash plugins show NAME says what an attack works on; descriptors: strongest/descriptors",
        )
    if attack.modalities is not None and modality not in attack.modalities:
        raise CapabilityError(
            f"attack {name!r} perturbs {' and '.join(sorted(attack.modalities))}s, and the queries are {modality}s",
            hint="choose another --direction or another attack",
        )


def known_to(attack: Attack) -> frozenset[str]:
    """Which fields of :class:`Knowledge` an attack is given: what it needs, and nothing else."""
    needs = attack.needs
    given = {
        "labels": Capability.LABELS in needs,
        "targets": attack.goal is Goal.TARGETED,
        "anchors": Capability.ANCHORS in needs,
        "bank": Capability.CODE_BANK in needs,
        "index": Capability.QUERIES in needs,
        "learnt": type(attack).fit is not Attack.fit,
    }
    return frozenset(name for name, needed in given.items() if needed)


def _check_transfer(chosen: Chosen[Attack], scene: Scene) -> None:
    attack, name = chosen.plugin, chosen.use.name
    members = scene.system.resources.plugins.members(attack)
    if members:
        raise CapabilityError(
            f"{name!r} is judged on the victim, which a transfer attack does not know",
            hint=f"name its members one by one: {', '.join(member.use.name for member in members)}",
        )
    if Capability.LABELS in attack.needs:
        raise CapabilityError(
            f"attack {name!r} needs the queries' labels, which a transfer attack does not know",
            hint=f"let it flee the query's own code: -o {name}.aim=away",
        )


def _knowledge(chosen: Chosen[Attack], scene: Scene) -> Knowledge:
    system, surrogate, queries, known = scene.system, scene.surrogate, scene.queries, known_to(chosen.plugin)
    return Knowledge(
        labels=queries.labels if "labels" in known else None,
        targets=queries.targets.labels if "targets" in known else None,
        anchors=queries.targets.anchor_codes(surrogate.database.codes) if "anchors" in known else None,
        bank=surrogate.bank if "bank" in known else None,
        index=system.database.index if "index" in known else None,
        learnt=_learnt(chosen, scene) if "learnt" in known else None,
    )


def _learnt(chosen: Chosen[Attack], scene: Scene) -> Learnt | None:
    """What the attack learns on its surrogate, from the cache if it did so before."""
    surrogate, resources = scene.surrogate, scene.surrogate.resources
    train = resources.data.train
    context = LearningContext(
        surrogate=Surrogate(surrogate.query_model, Budget()),
        threat=scene.threat,
        train=train,
        bank=surrogate.bank,
        random=Randomness(seed=resources.setting.seed, purpose=chosen.full_name),
        device=resources.device,
        progress=resources.progress,
    )
    made_from: dict[str, Any] = {
        **surrogate.victim.identity,
        "train": train.digest,
        "inputs": str(surrogate.modality),
        "direction": str(surrogate.direction),
        "attack": asdict(chosen.use),
        "epsilon": scene.epsilon,
        "seed": resources.setting.seed,
        "versions": dict(scene.versions),
        "device": resources.device.type,
    }
    return learnt(chosen.plugin, context, made_from)
