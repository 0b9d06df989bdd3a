"""Batches and contexts of toy queries, cut and compared."""

from collections.abc import Collection, Iterator
from dataclasses import fields, replace

import torch
from torch import Tensor

from robusthash.adversary import distance_to
from robusthash.contracts import (
    Attack,
    AttackBatch,
    AttackContext,
    Budget,
    HashModel,
    LearningContext,
    Norm,
    Radius,
    Surrogate,
    Threat,
)
from robusthash.specs import Capability
from robusthash.testing.contracts.attacks.witnesses import NoGradients
from robusthash.testing.victims import toy_context, toy_learning

LENGTHS = tuple(Radius(size=size, norm=Norm.L2) for size in (0.1, 0.9, 2.0))  #: of changes of a toy image


def in_each_norm(attack: Attack, context: AttackContext, radius: Radius, length: Radius) -> Iterator[AttackContext]:
    """The context with a radius, and with a length, if the attack works within both kinds of threat."""
    modality = context.surrogate.modality
    yield replace(context, threat=Threat.on(modality, radius))
    if {Norm.LINF, Norm.L2} <= attack.norms:
        yield replace(context, threat=Threat.on(modality, length))


def fitted(attack: Attack, victim: HashModel, radius: Radius | float = 8 / 255) -> AttackContext:
    """A context with what the attack learnt on the victim."""
    learnt = attack.learn(toy_learning(victim, epsilon=radius))
    return replace(toy_context(victim, epsilon=radius), fitted=learnt)


def tensors_of(batch: AttackBatch) -> dict[str, Tensor]:
    """The tensors of a batch, by name, without those that it lacks."""
    return {part.name: value for part in fields(batch) if (value := getattr(batch, part.name)) is not None}


def copied(batch: AttackBatch) -> AttackBatch:
    """A batch that shares no memory with the other."""
    return AttackBatch(**{name: tensor.clone() for name, tensor in tensors_of(batch).items()})


def rows_of(batch: AttackBatch, rows: Tensor) -> AttackBatch:
    """Some queries of a batch, by (m,) int64 positions."""
    return AttackBatch(**{name: tensor[rows] for name, tensor in tensors_of(batch).items()})


def moved(victim: HashModel, inputs: Tensor, batch: AttackBatch) -> float:
    """Mean distance of some inputs from the clean ones, as the victim sees them."""
    return float(distance_to(_outputs(victim, batch.inputs), _outputs(victim, inputs), victim.space).float().mean())


def to_anchors(victim: HashModel, inputs: Tensor, batch: AttackBatch) -> float:
    """Mean distance of some inputs from the anchors of their queries."""
    assert batch.anchors is not None, "toy batches have anchors"
    found = _outputs(victim, inputs)
    distances = [distance_to(anchor, found, victim.space) for anchor in batch.anchors.unbind(1)]
    return float(torch.stack(distances).float().mean())


def without(
    batch: AttackBatch, context: AttackContext, what: Collection[Capability], *, targets: bool = False
) -> tuple[AttackBatch, AttackContext]:
    """A batch and a context that lack some capabilities; with ``targets``, the target labels too."""
    if targets:
        batch = replace(batch, targets=None)
    if Capability.LABELS in what:
        batch = replace(batch, labels=None)
    if Capability.ANCHORS in what:
        batch = replace(batch, anchors=None)
    if Capability.CODE_BANK in what:
        context = replace(context, bank=None)
    if Capability.QUERIES in what:
        context = replace(context, oracle=None)
    if Capability.GRADIENTS in what:
        opaque = NoGradients(context.surrogate.model)
        context = replace(context, surrogate=Surrogate(opaque.eval(), Budget()))
    return batch, context


def learning_without_gradients(victim: HashModel) -> LearningContext:
    """What an attack is handed to learn on a model that gives no gradients."""
    opaque = NoGradients(victim)
    return replace(toy_learning(victim), surrogate=Surrogate(opaque.eval(), Budget()))


def _outputs(victim: HashModel, inputs: Tensor) -> Tensor:
    return victim.space.codes(victim.represent(inputs))
