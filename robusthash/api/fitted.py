"""What a fitted attack knows when it is called on a model: what it has learnt, and of which model."""

from dataclasses import dataclass
from typing import Any

from robusthash.api.checkpoint import Checkpoint
from robusthash.api.surroundings import device_of, training_parts
from robusthash.contracts import CodeBank, HashModel
from robusthash.errors import UsageError
from robusthash.evaluation.crafting.absent import AbsentModel
from robusthash.evaluation.crafting.fitted import load_fitted
from robusthash.evaluation.crafting.learning import Learnt
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.evaluation.planning.names import shown
from robusthash.evaluation.victims.victim import Victim
from robusthash.results import ModelUse
from robusthash.training import weights_digest


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """What a fitted attack knows.

    Attributes:
        learnt: what it has learnt, on the model's device.
        bank: codes and labels of the train split that it was learnt with.
        surrogate: the model itself if it was fitted on it, else a stand-in that cannot be passed through.
    """

    learnt: Learnt
    bank: CodeBank
    surrogate: HashModel


def given_lesson(fitted: FittedAttack, victim: HashModel, given: Any) -> Lesson:
    """What a fitted attack knows when it attacks a model.

    Args:
        fitted: the attack.
        victim: the model.
        given: what the caller passed as the model, which tells its defense if it is a checkpoint.

    Raises:
        UsageError: the attack was fitted for other inputs, or for codes of another length.
        CheckpointError: the file cannot be read.
    """
    absent = AbsentModel(fitted).eval()
    for what, theirs, ours in (
        ("inputs", absent.modality, victim.modality),
        ("outputs", absent.space, victim.space),
    ):
        if theirs != ours:
            raise UsageError(
                f"{fitted.path} was fitted for {what} {theirs}, and {shown(victim)} has {ours}",
                hint="choose a model of the same size, or fit the attack again",
            )
    content, device = load_fitted(fitted.path), device_of(victim)
    tensors = {name: part.to(device) for name, part in content.tensors.items()}
    defense = given.description.defense if isinstance(given, Checkpoint) else None
    return Lesson(
        learnt=Learnt(tensors=tensors, spent=content.fitting.spent),
        bank=content.bank,
        surrogate=victim if fitted.fitting.on(_use(victim), defense) else absent,
    )


def _use(model: HashModel) -> ModelUse:
    """The entry of a record for a model, whose digest is that of its weights and its behaviour."""
    space = model.space
    use = ModelUse(
        name=shown(model),
        owner="",
        size=space.size,
        distance=space.distance,
        backbone="",
        digest=weights_digest(model),
    )
    training = training_parts(model)
    try:
        return Victim(model=model, use=use, defense=None, origin="").identified().use
    finally:
        for part in training:
            part.training = True
