"""Refuses hardened models whose codes tell items apart no longer: no attack moves a constant code."""

import torch
from torch import Tensor

from robusthash.contracts import CrossModalHashModel, HashModel, Split, TrainProbe, towers_of
from robusthash.errors import TrainingError
from robusthash.training.networks import encode
from robusthash.training.trainer.probing import COLLAPSE, probe

KEPT = 0.25  #: least share of what the model retrieved above random codes that the hardened one still does
CONSTANT = 0.95  #: of the mean over bits of |mean bit|; in balanced codes it is near 0, in constant ones 1
_ITEMS = 500  #: of the train split, to see whether bits are constant

_Model = HashModel | CrossModalHashModel


def refuse_ruined(model: _Model, hardened: _Model, split: Split, *, seed: int) -> None:
    """Fails if a hardening has destroyed what its model retrieved, or has made its codes constant.

    Such a model looks robust: its codes do not change under attack, because they are the same for all items. A model
    that retrieved nothing before it was hardened is not judged by its retrieval, nor one of constant codes by these.
    Descriptors have no bits: they are judged by their retrieval alone.

    Args:
        model: as it was given to the defense; both are in evaluation mode, and either may be on any device.
        hardened: what the defense has made of it.
        split: the train split.
        seed: of the run.

    Raises:
        TrainingError: the hardening collapsed; the message says by what this is seen.
    """
    before, after = (_probed(one, split, seed) for one in (model, hardened))
    margin = before.map - before.floor
    lost = margin > COLLAPSE * (1 - before.floor) and after.map - after.floor < KEPT * margin
    bias = _bias(hardened, split) if hardened.space.binary else 0.0
    constant = bias > CONSTANT and _bias(model, split) <= CONSTANT
    if not (lost or constant):
        return
    bits = f"; |mean bit| is {bias:.2f} on average, in constant codes 1" if hardened.space.binary else ""
    raise TrainingError(
        f"the hardening collapsed: MAP within the train split fell from {before.map:.3f} to {after.map:.3f}, where "
        f"random codes have {after.floor:.3f}{bits}. Outputs that are the same for every item look robust and retrieve "
        "nothing. Nothing is saved",
        hint="let the radius grow from 0 (ramp=0.5), or lower it (epsilon), the learning rate (lr), or the weight",
    )


def _probed(model: _Model, split: Split, seed: int) -> TrainProbe:
    return probe(model, split, seed=seed, epoch=0, device=_device(model))


def _bias(model: _Model, split: Split) -> float:
    """The mean over bits of |mean bit|, of the tower where it is largest."""
    rows = torch.arange(min(len(split), _ITEMS))
    found = []
    for name, tower in towers_of(model).items():
        codes: Tensor = torch.where(encode(tower, split.view(name), device=_device(model), indices=rows) < 0, -1.0, 1.0)
        found.append(float(codes.mean(0).abs().mean()))
    return max(found)


def _device(model: _Model) -> torch.device:
    return next((one.device for one in (*model.parameters(), *model.buffers())), torch.device("cpu"))
