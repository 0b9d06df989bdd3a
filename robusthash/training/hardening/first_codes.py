"""How the banks of adversarial training begin, and whether they are one."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from robusthash.contracts import HashModel, Randomness, Recipe, Split, seeded
from robusthash.training.networks import encode
from robusthash.training.trainer import batches

Mode = Literal["evaluation", "training"]
BEFORE = -1  #: the epoch whose draws of order and augmentation the pass in training mode has


@dataclass(frozen=True, kw_only=True)
class Banking:
    """How the codes of the train split are first computed, and kept.

    Attributes:
        first_codes: mode of the model that computes them. ``training`` is as the model is never put into evaluation
            mode: on batches of the recipe, augmented, with dropout and batch statistics, whose running means move.
        shared: binary and relaxed codes share one memory, which starts with binary codes. A batch's rows are then
            overwritten with relaxed ones, and so what represents a label becomes an average of relaxed codes. The bank
            of the objective starts with the same binary codes.
    """

    first_codes: Mode = "evaluation"
    shared: bool = False


def first_logits(
    tower: HashModel, split: Split, banking: Banking, recipe: Recipe, *, seed: int, device: torch.device
) -> Tensor:
    """Logits of the train split before the first batch: (items, bits).

    Args:
        tower: on the device. In training mode it stays in it, and running means of its batch normalisation move.
        split: the train split.
        banking: mode of the tower.
        recipe: batches and augmentation in training mode.
        seed: of their draws, and of dropout's.
        device: where to compute.
    """
    name = tower.modality.name
    logits = encode(tower, split.view(name), device=device)
    if banking.first_codes == "evaluation":
        return logits
    tower.train()
    with torch.no_grad(), seeded(Randomness(seed=seed, purpose="first-codes"), device=device):
        for batch in batches(split, recipe, modalities=[name], seed=seed, epoch=BEFORE, device=device):
            logits[batch.indices] = tower(batch.views[name])
    return logits
