"""Makes a job of an attack and its systems, and checks that the attack gets what it needs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from robusthash.contracts import Attack, HashModel, Randomness, Threat
from robusthash.epsilon import Radius
from robusthash.errors import CapabilityError
from robusthash.evaluation.crafting.job import Compute, Job, Knowledge
from robusthash.evaluation.crafting.lessons import learnt_on
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.victims.chosen import Chosen
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import System
from robusthash.specs import Capability, Goal


def make_job(
    chosen: Chosen[Attack], system: System, surrogate: System, radius: Radius, shared: Mapping[str, Path]
) -> Job:
    """The job of an attack on the queries of a run, including those of an ensemble's members, and of its start.

    Args:
        chosen: the attack.
        system: the victim with its database.
        surrogate: the system that the attack is crafted on; in a white-box evaluation, the victim's.
        radius: of the threat.
        shared: folders of outcomes that other cells need, too, by name of the attack or member.

    Raises:
        CapabilityError: the attack needs something that the dataset, the model or the threat does not provide.
    """
    resources, attack = system.resources, chosen.plugin
    check(chosen, system, surrogate)
    inputs = resources.queries.view(system.modality.name)
    threat = Threat.on(inputs.modality, radius)
    check_threat(chosen, threat)
    members = tuple(make_job(member, system, surrogate, radius, shared) for member in resources.plugins.members(attack))
    begins_with = resources.plugins.start(attack)
    start = make_job(begins_with, system, surrogate, radius, {}) if begins_with else None
    # An ensemble is judged by the host, which knows all labels; its members know what they need.
    known = _judged_by(attack, resources) if members else _knowledge(chosen, system, surrogate, threat)
    return Job(
        attack=attack,
        victim=system.query_model,
        surrogate=surrogate.query_model,
        inputs=inputs,
        ids=torch.tensor(resources.positions),
        threat=threat,
        random=Randomness(seed=resources.setting.seed, purpose=chosen.full_name),
        knowledge=known,
        compute=Compute(
            device=resources.device,
            precision=resources.precision,
            compiled=surrogate.compiled,
            batches=resources.batches,
        ),
        members=members,
        judge=Scale.of(system) if members else None,
        start=start,
        shared=shared.get(chosen.use.name),
    )


def check(chosen: Chosen[Attack], system: System, surrogate: System) -> None:
    """Checks that an attack can be run.

    Args:
        chosen: the attack.
        system: the victim with its database.
        surrogate: the system that the attack is crafted on; in a white-box evaluation, the victim's.

    Raises:
        CapabilityError: the attack needs something that is missing, or that a transfer attack must not know.
    """
    check_learning(chosen, surrogate)
    attack, name, resources = chosen.plugin, chosen.use.name, system.resources
    if Capability.LABELS in attack.needs and not resources.queries.labels.any():
        raise CapabilityError(
            f"attack {name!r} needs the queries' labels, and they have none",
            hint="use an attack without the need 'labels': robusthash plugins list --kind attack",
        )
    if surrogate.victim is not system.victim:
        _check_transfer(chosen, resources.plugins.members(attack))


def check_learning(chosen: Chosen[Attack], surrogate: System) -> None:
    """Checks that an attack can learn on a model, and be crafted on it.

    Args:
        chosen: the attack.
        surrogate: the system that the attack is crafted on.

    Raises:
        CapabilityError: the attack does not work on the model, or there are no labels to aim at.
    """
    check_model(chosen, surrogate.query_model, surrogate.victim.use.name)
    attack, name = chosen.plugin, chosen.use.name
    wants_labels = attack.goal is Goal.TARGETED or Capability.ANCHORS in attack.needs
    if wants_labels and not surrogate.resources.data.database.labels.any():
        raise CapabilityError(f"attack {name!r} needs labels, and the database has none")


def check_model(chosen: Chosen[Attack], model: HashModel, shown: str) -> None:
    """Checks that an attack works on a model.

    Args:
        chosen: the attack.
        model: the model that it is to be crafted on.
        shown: the model's name, for the error.

    Raises:
        CapabilityError: the attack does not work on the model's outputs or inputs.
    """
    attack, name, distance, modality = chosen.plugin, chosen.use.name, model.space.distance, model.modality.name
    if distance not in attack.distances:
        raise CapabilityError(
            f"attack {name!r} works on {' and '.join(sorted(attack.distances))} distance, and "
            f"{shown} is compared by {distance} distance",
            hint="robusthash plugins list --kind attack, and plugins show NAME for the distances of one",
        )
    if attack.modalities is not None and modality not in attack.modalities:
        raise CapabilityError(
            f"attack {name!r} perturbs {' and '.join(sorted(attack.modalities))}s, and the queries are {modality}s",
            hint="choose another --direction or another attack",
        )


def check_threat(chosen: Chosen[Attack], threat: Threat) -> None:
    """Checks that an attack works within a threat.

    Raises:
        CapabilityError: it works within threats of other norms.
    """
    if threat.norm not in chosen.plugin.norms:
        raise CapabilityError(
            f"attack {chosen.use.name!r} works within {' or '.join(sorted(chosen.plugin.norms))}, and the threat is "
            f"{Radius(size=threat.epsilon, norm=threat.norm)}",
            hint="choose another attack, or another --epsilon or --edits",
        )


def known_to(attack: Attack) -> frozenset[str]:
    """Fields of :class:`Knowledge` that an attack may have: those that it needs.

    Args:
        attack: with its options.
    """
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


def _check_transfer(chosen: Chosen[Attack], members: Sequence[Chosen[Attack]]) -> None:
    attack, name = chosen.plugin, chosen.use.name
    if members:
        raise CapabilityError(
            f"{name!r} is judged on the victim, which a transfer attack does not know",
            hint=f"run its members instead: {', '.join(member.use.name for member in members)}",
        )
    if Capability.LABELS in attack.needs:
        raise CapabilityError(
            f"attack {name!r} needs the queries' labels, which a transfer attack does not know",
            hint=f"let it move away from the query's own code: -o {name}.aim=away",
        )


def _judged_by(ensemble: Attack, resources: Resources) -> Knowledge:
    """The labels that decide how strong an outcome is."""
    if ensemble.goal is Goal.TARGETED:
        return Knowledge(targets=resources.targets.labels)
    return Knowledge(labels=resources.queries.labels)


def _knowledge(chosen: Chosen[Attack], system: System, surrogate: System, threat: Threat) -> Knowledge:
    resources, known = system.resources, known_to(chosen.plugin)
    return Knowledge(
        labels=resources.queries.labels if "labels" in known else None,
        targets=resources.targets.labels if "targets" in known else None,
        anchors=_anchors(surrogate) if "anchors" in known else None,
        bank=surrogate.bank if "bank" in known else None,
        index=system.database.index if "index" in known else None,
        learnt=learnt_on(chosen, surrogate, threat) if "learnt" in known else None,
    )


def _anchors(surrogate: System) -> Tensor:
    """Codes of the targets' anchors, as the surrogate hashes them."""
    return surrogate.resources.targets.anchor_codes(surrogate.database.representation, surrogate.space)
