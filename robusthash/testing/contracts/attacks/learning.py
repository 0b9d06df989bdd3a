"""That an attack learns from the train split alone, and that what it learns can be stored, resumed and used again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from robusthash.contracts import Attack, AttackBatch, AttackContext, HashModel, LearningContext, Snapshots
from robusthash.errors import OptionError, RobustHashError
from robusthash.testing.contracts.attacks.fixtures import AttackFixtures
from robusthash.testing.victims import toy_batch, toy_learning

Learnt = Mapping[str, Tensor]


class Learning(AttackFixtures):
    """Tests of how an attack learns. One that learns nothing skips them."""

    def test_what_it_learns_repeats(self, attack: Attack, victim: HashModel) -> None:
        """Named tensors, equal for equal seeds on the same device; the random generators are unchanged."""
        generator = torch.get_rng_state()
        first, again = _learnt(attack, toy_learning(victim)), _learnt(attack, toy_learning(victim))
        assert _differing(first, again) == []
        assert torch.equal(torch.get_rng_state(), generator)

    def test_learning_leaves_everything_as_it_was(self, attack: Attack, victim: HashModel) -> None:
        """The model with its flags, the code bank, and the labels of the train split."""
        context = toy_learning(victim)
        given = {"codes": context.bank.codes, "labels": context.bank.labels, "train labels": context.train.labels}
        before = {name: tensor.clone() for name, tensor in {**victim.state_dict(), **given}.items()}
        _learnt(attack, context)
        assert _differing({**victim.state_dict(), **given}, before) == []
        assert not any(p.requires_grad or p.grad is not None for p in victim.parameters())
        assert not any(part.training for part in victim.modules())

    def test_queries_change_nothing_of_what_it_learns(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, victim: HashModel
    ) -> None:
        """It learns the same bytes whichever queries it has attacked before: nothing is chosen by them."""
        attack(batch, context)
        after = _learnt(attack, toy_learning(victim))
        attack(toy_batch(victim, size=5, seed=9), context)
        differing = _differing(_learnt(attack, toy_learning(victim)), after)
        assert differing == [], "what it learns depends on queries that it has seen"

    def test_what_it_learns_is_all_that_it_needs(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, victim: HashModel
    ) -> None:
        """An attack that has never learnt, and is given the stored tensors, delivers the same."""
        fresh = _fresh(attack)
        learnt = _learnt(attack, toy_learning(victim))
        plain = {name: tensor.contiguous() for name, tensor in learnt.items()}
        stored = safetensors.torch.load(safetensors.torch.save(plain))
        expected = attack(batch, replace(context, fitted=learnt)).unrounded
        assert torch.equal(fresh(batch, replace(context, fitted=stored)).unrounded, expected)

    def test_killed_while_it_learns_it_ends_alike(self, attack: Attack, victim: HashModel, tmp_path: Path) -> None:
        """It resumes from a snapshot, one in the middle or the last, to the same bytes; one without starts again."""
        count = _Kill(after=None)
        whole = _learnt(_fresh(attack), _stored_in(tmp_path / "whole", victim, count))
        if not count.saved:
            pytest.skip("it stores no snapshots: it starts again")
        for after in sorted({(count.saved + 1) // 2, count.saved}):
            kill = _Kill(after=after)
            with pytest.raises(_Killed):
                _fresh(attack).learn(_stored_in(tmp_path / str(after), victim, kill))
            resumed = _learnt(_fresh(attack), _stored_in(tmp_path / str(after), victim, _Kill(after=None)))
            assert _differing(resumed, whole) == [], f"killed after snapshot {after} of {count.saved}"

    def test_tells_and_shows_how_it_learns(self, attack: Attack, victim: HashModel) -> None:
        """Epochs in their order with finite losses; and train items, attacked within the threat."""
        epochs: list[tuple[int, int]] = []
        seen: list[tuple[Tensor, Tensor]] = []

        def tell(epoch: int, of: int, losses: Mapping[str, float]) -> None:
            epochs.append((epoch, of))
            assert losses, "an epoch without a loss"
            assert all(torch.isfinite(torch.tensor(loss)) for loss in losses.values())

        context = toy_learning(victim)
        showing = replace(context, tell=tell, show=lambda _epoch, clean, attacked: seen.append((clean, attacked)))
        _learnt(attack, showing)
        for total in {of for _, of in epochs}:
            told = [epoch for epoch, of in epochs if of == total]
            assert told == sorted(told), "epochs in their order"
            assert told[-1] <= total
        train = context.train.view(context.surrogate.modality.name).inputs(range(len(context.train)))
        threat = context.threat if attack.bounded else replace(context.threat, epsilon=1.0)
        for clean, attacked in seen:
            assert all((item == train).flatten(1).all(1).any() for item in clean), "what it shows are train items"
            assert threat.contains(attacked, clean).all(), "what it shows stays within the threat"

    def test_learns_from_the_options_that_it_says(self, attack: Attack, victim: HashModel) -> None:
        """Options outside ``learnt_from`` change nothing of what it learns, which is learnt once for all of them."""
        learnt = _learnt(attack, toy_learning(victim))
        if attack.learnt_from is None:
            pytest.skip("what it learns may depend on all options")
        for name, other in _others(attack):
            assert _differing(_learnt(other, toy_learning(victim)), learnt) == [], f"it depends on the option {name}"


class _Killed(RobustHashError):  # noqa: N818 - it is no error of the attack
    """Learning was killed."""


@dataclass(kw_only=True)
class _Kill:
    """When learning is killed: after this snapshot; None only counts them."""

    after: int | None
    saved: int = 0


class _Mortal(Snapshots):
    """Snapshots that are due at any time, and kill whoever stores the last one."""

    def __init__(self, path: Path, identity: str, kill: _Kill) -> None:
        super().__init__(path, identity, seconds=0.0)
        self._place, self._kill = path, kill

    def save(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any] | None = None) -> None:
        """As in the base class."""
        super().save(tensors, about)
        self._kill.saved += 1
        if self._kill.saved == self._kill.after:
            raise _Killed("killed")

    def part(self, name: str) -> Snapshots:
        """As in the base class."""
        return _Mortal(self._place.with_name(f"{self._place.name}.{name}"), f"{self.identity}/{name}", self._kill)


def _stored_in(folder: Path, victim: HashModel, kill: _Kill) -> LearningContext:
    folder.mkdir(exist_ok=True)
    return replace(toy_learning(victim), snapshots=_Mortal(folder / "partial", "toy", kill))


def _fresh(attack: Attack) -> Attack:
    """The same attack as it is made: it has neither learnt nor perturbed anything."""
    return replace(attack)  # type: ignore[type-var]  # an attack is a dataclass


def _learnt(attack: Attack, context: LearningContext) -> Learnt:
    found = attack.learn(context)
    if found is None:
        pytest.skip("it learns nothing")
    return found


def _differing(one: Learnt, other: Learnt) -> list[str]:
    """Names of tensors that are not in both, or not the same in both."""
    names = sorted(one.keys() | other.keys())
    return [name for name in names if not (name in one and name in other and torch.equal(one[name], other[name]))]


def _others(attack: Attack) -> Iterator[tuple[str, Attack]]:
    """The attack with another value of each numeric option that learning is said not to depend on."""
    for option in fields(attack):  # type: ignore[arg-type]  # as above
        value = getattr(attack, option.name)
        if option.name in (attack.learnt_from or ()) or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        try:
            yield option.name, replace(attack, **{option.name: value + 1})  # type: ignore[type-var]  # as above
        except OptionError:
            continue
