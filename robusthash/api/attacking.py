"""An attack on images, from a notebook: guarded, delivered, with distances and cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robusthash.adversary import distance_to
from robusthash.api import arguments
from robusthash.api.models import frozen
from robusthash.contracts import (
    Attack,
    Budget,
    CodeBank,
    HashModel,
    Modality,
    Randomness,
    Surrogate,
    Threat,
)
from robusthash.contracts import AttackBatch as Batch
from robusthash.contracts import AttackContext as Context
from robusthash.errors import CapabilityError, UsageError
from robusthash.evaluation.crafting.shards import shard_ranges
from robusthash.evaluation.victims.plugins import Chosen, Plugins
from robusthash.metrics import l2, linf
from robusthash.results import Cost
from robusthash.specs import Capability, Goal

_SMALL, _SHARDS = 64, (128, 32)


@dataclass(frozen=True, kw_only=True, eq=False)
class AttackOutcome:
    """What an attack delivered, one row an input.

    Attributes:
        inputs: (n, ...) float32, what arrives: inside the ball and the box, images on the 8-bit grid.
        unrounded: the same before delivery.
        linf: (n,) largest change of an element.
        l2: (n,) Euclidean norm of the change.
        moved: (n,) distance between the clean and the adversarial code (bits) or descriptor.
        clipped: (n,) share of elements that the attack left outside the ball or the box.
        cost: passes of single inputs, and seconds.
    """

    inputs: Tensor
    unrounded: Tensor
    linf: Tensor
    l2: Tensor
    moved: Tensor
    clipped: Tensor
    cost: Cost

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        return (
            f"<AttackOutcome: {len(self)} inputs, Linf {float(self.linf.max()):.4f}, "
            f"moved {float(self.moved.double().mean()):.1f}, {self.cost.forward} forward passes>"
        )


class BoundAttack:
    """An attack with its options, to be called on a model and inputs.

    Args:
        chosen: the attack.
    """

    def __init__(self, chosen: Chosen[Attack]) -> None:
        self._chosen = chosen
        self.attack = chosen.plugin

    def __repr__(self) -> str:
        return f"<{self.attack!r}>"

    def __call__(
        self,
        model: HashModel,
        inputs: Any,
        *,
        epsilon: float | str,
        labels: Any = None,
        targets: Any = None,
        anchors: Any = None,
        bank: CodeBank | None = None,
        ids: Any = None,
        seed: int = 0,
        batch_size: int | None = None,
        progress: bool | None = None,
    ) -> AttackOutcome:
        """Attacks inputs inside the guard, which checks, clips and rounds what the attack returns.

        Args:
            model: a hash model (:func:`robusthash.wrap` makes one of any network), on the device to compute on; put in
                evaluation mode and frozen meanwhile.
            inputs: (n, 3, h, w) images: float in [0, 1], or uint8; or what else the model takes. Floats are put on
                the 8-bit grid first, as an upload is.
            epsilon: radius of the ball, as a share of the box.
            labels: (n, classes) multi-hot, the inputs' own, for attacks that need them.
            targets: (n, classes) multi-hot, target labels, for targeted attacks.
            anchors: (n, voters, bits) in {-1, +1}, codes of items with the target label.
            bank: codes and labels that labels are represented by, for attacks that need them.
            ids: (n,) whole numbers, the key of each input's randomness; None counts from 0.
            seed: of the randomness.
            batch_size: inputs attacked at once; None is what ``robusthash eval`` takes, which gives the same bytes.
            progress: show a bar; None is where somebody watches.

        Raises:
            UsageError: a type, a shape or a value is wrong.
            CapabilityError: the attack needs something that was not given.
            ContractError: the attack broke its contract.
        """
        modality = _taken(model)
        images = _on_levels(inputs, modality)
        given = {"labels": labels, "targets": targets, "anchors": anchors}
        rows = {name: _rows(value, len(images), name) for name, value in given.items()}
        self._check(model, rows, bank)
        keys = torch.arange(len(images)) if ids is None else _keys(ids, len(images))
        threat = Threat.on(modality, arguments.radius(epsilon))
        size = batch_size or _SHARDS[max(modality.shape[1:], default=0) > _SMALL]
        parts = []
        with frozen(model), arguments.reporting(progress=progress) as report:
            for part in shard_ranges(len(images), arguments.number(size, "batch_size")):
                chosen = torch.tensor(list(part))
                batch = Batch(
                    inputs=images[chosen].to(_device(model)),
                    ids=keys[chosen].to(_device(model)),
                    **{name: None if one is None else one[chosen].to(_device(model)) for name, one in rows.items()},
                )
                parts.append(self._attacked(model, batch, threat, bank, seed))
                report(part.stop, len(images), self._chosen.use.name)
        return _joined(parts)

    def _attacked(
        self, model: HashModel, batch: Batch, threat: Threat, bank: CodeBank | None, seed: int
    ) -> AttackOutcome:
        import time

        budget = Budget()
        context = Context(
            surrogate=Surrogate(model, budget),
            threat=threat,
            random=Randomness(seed=seed, purpose=self._chosen.full_name),
            bank=bank,
        )
        started = time.perf_counter()
        found = self.attack(batch, context)
        seconds = time.perf_counter() - started
        with torch.no_grad():
            before, after = model(batch.inputs), model(found.inputs)
        aim = model.space.codes(model.space.represent(before)).to(before)
        return AttackOutcome(
            inputs=found.inputs,
            unrounded=found.unrounded,
            linf=linf(found.inputs, batch.inputs),
            l2=l2(found.inputs, batch.inputs),
            moved=distance_to(aim, after, model.space),
            clipped=found.clipped,
            cost=Cost(forward=budget.forward, backward=budget.backward, queries=budget.queries, seconds=seconds),
        )

    def _check(self, model: HashModel, rows: Mapping[str, Tensor | None], bank: CodeBank | None) -> None:
        attack, name = self.attack, self._chosen.use.name
        if model.space.distance not in attack.distances:
            raise CapabilityError(
                f"attack {name!r} works on {' and '.join(sorted(attack.distances))} distance, and the model has "
                f"{model.space.distance}",
                hint="choose another attack",
            )
        wanted = {
            "labels": Capability.LABELS in attack.needs,
            "targets": attack.goal is Goal.TARGETED and Capability.ANCHORS not in attack.needs,
            "anchors": Capability.ANCHORS in attack.needs,
        }
        missing = [what for what, needed in wanted.items() if needed and rows[what] is None]
        if Capability.CODE_BANK in attack.needs and bank is None:
            missing.append("bank")
        if missing:
            raise CapabilityError(
                f"attack {name!r} needs {' and '.join(missing)}",
                hint=f"pass {', '.join(f'{what}=...' for what in missing)}, or use robusthash.evaluate",
            )
        if Capability.QUERIES in attack.needs or type(attack).fit is not Attack.fit or hasattr(attack, "members"):
            raise CapabilityError(
                f"attack {name!r} needs a whole retrieval system, not a model alone", hint="use robusthash.evaluate"
            )


def attack(named: Any, **options: Any) -> BoundAttack:
    """An attack, to be called on a model and images.

    Args:
        named: registered name, such as ``rnm``, or an attack.
        options: of a registered one, by field: ``steps=200``.

    Raises:
        UsageError: no such attack, or no such option.
    """
    one = arguments.one(named, "attack", (str, Attack))
    return BoundAttack(Plugins(arguments.host(), {}).attack(one, options))


def _taken(model: object) -> Modality:
    found: HashModel = arguments.one(arguments.model(model), "model", HashModel)
    return found.modality


def _on_levels(inputs: object, modality: Modality) -> Tensor:
    """Inputs as a service gets them."""
    if isinstance(inputs, np.ndarray):
        inputs = torch.from_numpy(inputs)
    if not isinstance(inputs, Tensor):
        raise UsageError(f"inputs is a {type(inputs).__name__}", hint="give a tensor or an array")
    if inputs.dtype == torch.uint8 and modality.box.levels is not None:
        from robusthash.pixels import from_levels

        inputs = from_levels(inputs, levels=modality.box.levels)
    if inputs.ndim != 1 + len(modality.shape) or tuple(inputs.shape[1:]) != modality.shape or not len(inputs):
        raise UsageError(
            f"inputs are {tuple(inputs.shape)}, and the model takes {('n', *modality.shape)}",
            hint="channels first, one batch dimension, at the model's size",
        )
    if not inputs.is_floating_point() or not bool(inputs.isfinite().all()):
        raise UsageError(f"inputs are {inputs.dtype} or not finite", hint="give floats in the box, or uint8 images")
    box = modality.box
    if float(inputs.min()) < box.low or float(inputs.max()) > box.high:
        raise UsageError(
            f"inputs reach from {float(inputs.min()):g} to {float(inputs.max()):g}",
            hint=f"the box is [{box.low:g}, {box.high:g}]: do not normalise, the model does",
        )
    return box.nearest(inputs.detach().float().cpu())


def _rows(value: Any, count: int, what: str) -> Tensor | None:
    if value is None:
        return None
    rows = torch.as_tensor(value)
    if rows.ndim < 2 or len(rows) != count:
        raise UsageError(f"{what} are {tuple(rows.shape)} for {count} inputs", hint="one row an input")
    return rows


def _keys(ids: Any, count: int) -> Tensor:
    keys = torch.as_tensor(ids)
    if keys.shape != (count,) or keys.is_floating_point():
        raise UsageError(f"ids are {tuple(keys.shape)} {keys.dtype}", hint="one whole number an input")
    return keys.long()


def _device(model: HashModel) -> torch.device:
    return next((part.device for part in model.parameters()), torch.device("cpu"))


def _joined(parts: list[AttackOutcome]) -> AttackOutcome:
    tensors = {
        name: torch.cat([getattr(part, name) for part in parts])
        for name in ("inputs", "unrounded", "linf", "l2", "moved", "clipped")
    }
    return AttackOutcome(**tensors, cost=sum((part.cost for part in parts), Cost()))
