"""Attacks a caller's inputs, inside the same guard as in an evaluation."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from robusthash.adversary import distance_to
from robusthash.api import arguments
from robusthash.api.checkpoint import Checkpoint
from robusthash.api.fitted import Lesson, given_lesson
from robusthash.api.inputs import GivenInputs, given_anchors, given_bank, given_ids, given_inputs, given_rows
from robusthash.api.outcome import AttackOutcome
from robusthash.api.plugins import installed
from robusthash.api.surroundings import device_of, frozen, reporting
from robusthash.contracts import (
    Attack,
    CodeBank,
    CrossModalHashModel,
    Ensemble,
    HashModel,
    Randomness,
    Threat,
    isolated_randomness,
)
from robusthash.devices import as_double, placed
from robusthash.epsilon import Radius
from robusthash.errors import CapabilityError, UsageError
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.crafting.crafted import Crafted
from robusthash.evaluation.crafting.job import Compute, Job, Knowledge
from robusthash.evaluation.crafting.preparing import check_model, check_threat, known_to
from robusthash.evaluation.crafting.shards import shard_ranges
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.evaluation.planning.names import shown
from robusthash.evaluation.victims.chosen import Chosen
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.evaluation.victims.resources import usual_shard_size
from robusthash.metrics import l2, linf
from robusthash.results import Cost
from robusthash.specs import Norm

Rows = Tensor | npt.NDArray[Any] | Sequence[Any]  #: what has one row for each input


class BoundAttack:
    """An attack with its options, to be called on a model and inputs. :func:`attack` makes it.

    Args:
        chosen: the attack.

    Attributes:
        name: registered name, or the class of an attack that no plugin has registered.
        attack: the attack itself.
    """

    def __init__(self, chosen: Chosen[Attack]) -> None:
        self._chosen = chosen
        self.name = chosen.use.name
        self.attack = chosen.plugin

    @property
    def fitted(self) -> FittedAttack | None:
        """What it has learnt, with its options; None if it is to learn, or has nothing to learn."""
        found = self._chosen.fitted
        if found is None:
            return None
        use = replace(found.fitting.attack, options=self._chosen.use.options)
        return replace(found, fitting=replace(found.fitting, attack=use))

    def __repr__(self) -> str:
        given = [
            f"{field.name}={value!r}"
            for field in fields(self.attack)  # type: ignore[arg-type]  # an attack is a dataclass
            if (value := getattr(self.attack, field.name)) != field.default
        ]
        return f"<{' '.join([f'BoundAttack: {self.name}', *given])}>"

    def __call__(
        self,
        model: HashModel | Checkpoint,
        inputs: Rows,
        *,
        epsilon: float | str | Radius | None = None,
        edits: int | str | None = None,
        labels: Rows | None = None,
        targets: Rows | None = None,
        anchors: Rows | None = None,
        bank: CodeBank | None = None,
        ids: Rows | None = None,
        seed: int = 0,
        batch_size: int | None = None,
        progress: bool | None = None,
    ) -> AttackOutcome:
        """Attacks inputs inside the guard, which checks, clips and rounds what the attack returns.

        On the same device, with the same ids and seed, the result is that of ``robusthash attack``, byte for byte.

        Args:
            model: a hash model, as :func:`robusthash.wrap` makes it of any network, or a checkpoint. It computes where
                it is. It is frozen and in evaluation mode meanwhile, and afterwards as it was.
            inputs: (n, 3, h, w) images, floats in [0, 1] or uint8; or what else the model takes. Floats are rounded to
                the 8-bit grid first, as an upload would be.
            epsilon: radius: a number, as a share of the box, is in L-infinity; a string is ``8/255``, or ``l2:0.5`` in
                L2. None is the radius that the attack was fitted for, or edits.
            edits: instead, for texts: the most tags of each that are added, dropped or swapped; ``words:3``, words that
                are replaced; ``characters:2``, characters that are mistyped.
            labels: (n, classes) multi-hot, the inputs' own labels, for attacks that need them.
            targets: (n, classes) multi-hot, the target labels, for targeted attacks.
            anchors: (n, voters, bits) in {-1, 0, +1}, codes of items with the target label, for attacks that aim at
                them; a row of zeros is an absent voter.
            bank: codes and labels of the train split, for attacks that represent a label by its codes.
            ids: (n,) integers, the key of each input's randomness; in an evaluation, its position in the query split.
                None is 0, 1, 2 ...
            seed: of the randomness.
            batch_size: inputs attacked at once; None is as in ``robusthash eval``: 128 small images, or 32 large ones.
            progress: show a progress bar; None shows one in a notebook and on a terminal.

        Raises:
            UsageError: a type, a shape or a value is wrong.
            CapabilityError: the attack does not work on this model, or needs something that was not passed.
            PluginError: the attack failed, or broke its contract.
        """
        victim = given_model(model)
        given = given_inputs(inputs, victim.modality)
        check_model(self._chosen, victim, shown(victim))
        threat = Threat.on(victim.modality, self._radius(epsilon, edits, victim.modality.edited))
        check_threat(self._chosen, threat)
        lesson = None if self._chosen.fitted is None else given_lesson(self._chosen.fitted, victim, model)
        known = self._knowledge(victim, given, lesson, labels=labels, targets=targets, anchors=anchors, bank=bank)
        job = Job(
            attack=self.attack,
            victim=victim,
            surrogate=victim if lesson is None else lesson.surrogate,
            inputs=given,
            ids=given_ids(ids, len(given)),
            threat=threat,
            random=Randomness(seed=arguments.number(seed, "seed", least=0), purpose=self._chosen.full_name),
            knowledge=known,
            compute=Compute(device=device_of(victim)),
        )
        size = usual_shard_size([victim.modality]) if batch_size is None else batch_size
        parts = []
        with frozen(victim), reporting(progress=progress) as report:
            for rows in shard_ranges(len(given), arguments.number(size, "batch_size", least=1)):
                parts.append(_outcome(job, rows))
                report(rows.stop, len(given), self.name)
        return _joined(parts, inputs.device if isinstance(inputs, Tensor) else torch.device("cpu"))

    def _radius(self, epsilon: float | str | Radius | None, edits: int | str | None, norms: Sequence[Norm]) -> Radius:
        """The radius, which is that of a fitted attack.

        Raises:
            UsageError: there is none, or another than the attack was fitted for.
        """
        fitted = self._chosen.fitted
        if fitted is None:
            return arguments.bound(epsilon, edits, norms)
        if edits is not None:
            raise UsageError(f"edits is {edits}, and {fitted.path} was fitted for an epsilon", hint="leave edits out")
        for_radius = fitted.fitting.radius
        found = for_radius if epsilon is None else arguments.exact_radius(epsilon)
        if fitted.fitting.bounded and found != for_radius:
            raise UsageError(
                f"epsilon is {found.text}, and {fitted.path} was fitted for {for_radius.text}",
                hint="leave epsilon out, or fit the attack again for the other radius",
            )
        return found

    def _knowledge(self, victim: HashModel, inputs: GivenInputs, lesson: Lesson | None, **values: Any) -> Knowledge:
        """What the attack is given of what the caller passes.

        Raises:
            CapabilityError: it needs more than that, or what nobody can pass.
        """
        count, known = len(inputs), known_to(self.attack)
        if "learnt" in known and lesson is None:
            raise CapabilityError(
                f"attack {self.name!r} has to learn first",
                hint=f'robusthash.fit("{self.name}", model, dataset=...) gives what can be called, or '
                "robusthash.evaluate(model, attack, dataset=...)",
            )
        if isinstance(self.attack, Ensemble) or self.attack.starts_at or "index" in known:
            raise CapabilityError(
                f"attack {self.name!r} needs a whole retrieval system, not just a model",
                hint="robusthash.evaluate(model, attack, dataset=...)",
            )
        if lesson is not None and values["bank"] is None:
            values["bank"] = lesson.bank
        given = {
            "labels": given_rows(values["labels"], count, "labels"),
            "targets": given_rows(values["targets"], count, "targets"),
            "anchors": given_anchors(values["anchors"], count, victim.space),
            "bank": given_bank(values["bank"], victim, device_of(victim)),
        }
        # Where codes to aim at are given, the labels that they stand for are not needed.
        needed = known - {"targets"} if "anchors" in known else known
        missing = [name for name in given if name in needed and given[name] is None]
        if missing:
            raise CapabilityError(
                f"attack {self.name!r} needs {' and '.join(missing)}",
                hint=f"pass {', '.join(f'{name}=...' for name in missing)}, "
                "or let robusthash.evaluate take them from a dataset",
            )
        return Knowledge(
            **{name: value for name, value in given.items() if name in known},  # type: ignore[arg-type]  # each of its own type
            learnt=None if lesson is None else lesson.learnt,
        )


def attack(named: "str | Attack | BoundAttack | FittedAttack", /, **options: Any) -> BoundAttack:
    """An attack, to be called on a model and inputs.

    Args:
        named: registered name, such as ``rnm``, an attack, or what :func:`robusthash.fit` returned.
        options: of a registered attack, by field, such as ``steps=200``; ``robusthash plugins show rnm`` lists them.

    Raises:
        UsageError: there is no such attack, or no such option.
    """
    found = arguments.one(named, "attack", (str, Attack, BoundAttack, FittedAttack))
    plain = (found.fitted or found.attack) if isinstance(found, BoundAttack) else found
    return BoundAttack(Plugins(installed(), {}).attack(plain, options))


def given_model(value: object) -> HashModel:
    """The hash model that a caller means.

    Args:
        value: a hash model of one modality, or a checkpoint.

    Raises:
        UsageError: it is another type, or has several towers.
    """
    given = value.load() if isinstance(value, Checkpoint) else value
    found = arguments.model(given) if isinstance(given, nn.Module) else given
    if isinstance(found, CrossModalHashModel):
        raise UsageError("model has several towers", hint='pass the one to attack: model.tower("image")')
    if not isinstance(found, HashModel):
        raise UsageError(
            f"model is {arguments.told(found)}",
            hint="pass a hash model or a checkpoint: robusthash.train(name), or robusthash.Checkpoint.read(path)",
        )
    return found


def _outcome(job: Job, rows: range) -> AttackOutcome:
    crafted = craft(job, rows)
    clean, delivered = crafted.clean, crafted.adversarial
    return AttackOutcome(
        inputs=delivered.inputs,
        unrounded=delivered.unrounded,
        linf=linf(delivered.inputs, clean),
        l2=l2(delivered.inputs, clean),
        moved=_moved(job, crafted, rows),
        clipped=as_double(delivered.clipped),
        cost=crafted.cost,
    )


def _moved(job: Job, crafted: Crafted, rows: range) -> Tensor:
    """How far the codes are from those of the clean inputs; a randomised model draws the same numbers for both."""
    space, ids = job.victim.space, job.ids[rows.start : rows.stop].to(job.compute.device)
    codes = []
    for inputs in (crafted.clean, crafted.adversarial.inputs):
        with isolated_randomness(job.random.derived("moved"), ids):
            codes.append(space.codes(job.victim.represent(inputs)))
    return distance_to(codes[0], codes[1], space)


def _joined(parts: Sequence[AttackOutcome], device: torch.device) -> AttackOutcome:
    tensors = {
        name: placed(torch.cat([getattr(part, name) for part in parts]), device)
        for name in ("inputs", "unrounded", "linf", "l2", "moved", "clipped")
    }
    return AttackOutcome(**tensors, cost=sum((part.cost for part in parts), Cost()))
