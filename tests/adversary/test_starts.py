"""Where gradient attacks start: at the clean input, at a random point, or where another attack left the queries."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from robusthash.adversary import GradientAttack, Start
from robusthash.contracts import AttackBatch, HashModel
from robusthash.errors import CapabilityError, OptionError, RobustHashDeprecationWarning
from robusthash.hashing import hamming
from robusthash.testing import SmallVictim, toy_batch, toy_context


@dataclass(frozen=True, kw_only=True)
class Pull(GradientAttack):
    """Pulls the logits to the aim."""

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return -(logits * aim).mean(1)


@dataclass(frozen=True, kw_only=True)
class FromAnywhere(Pull):
    """A class with the option's former name as its default."""

    random_start: bool | None = True


@pytest.fixture
def victim() -> HashModel:
    return SmallVictim()


@pytest.fixture
def batch(victim: HashModel) -> AttackBatch:
    """Queries, and a start that is outside the ball: what is clipped of it is where the attack starts."""
    plain = toy_batch(victim)
    return replace(plain, start=plain.inputs + 0.5)


def moved(victim: HashModel, inputs: Tensor, batch: AttackBatch) -> Tensor:
    return hamming(victim.codes(inputs), victim.codes(batch.inputs))


def test_it_starts_where_the_other_attack_left_each_query_inside_ball_and_box(
    victim: HashModel, batch: AttackBatch
) -> None:
    """After a tiny step, the perturbation is still the start."""
    context = toy_context(victim, epsilon=8 / 255)
    started = Pull(steps=1, step_size=1e-6, start="other", keep_best=False, stop=False)(batch, context)
    expected = context.threat.project(batch.inputs + 0.5, batch.inputs)
    torch.testing.assert_close(started.unrounded, expected, rtol=0, atol=2e-6)
    assert not started.clipped.any()
    assert torch.equal(
        Pull(steps=3)(batch, context).unrounded, Pull(steps=3)(replace(batch, start=None), context).unrounded
    ), "a start that was not asked for is not used"


def test_it_never_ends_farther_from_the_aim_than_it_started(victim: HashModel, batch: AttackBatch) -> None:
    """The start is an iterate, too, and the nearest one is kept: here a start that a longer attack has found."""
    context = toy_context(victim, epsilon=8 / 255)
    found = Pull(steps=50)(batch, context)
    again = Pull(steps=2, start="other")(replace(batch, start=found.unrounded), context)
    plain = Pull(steps=2)(batch, context)
    before, after, without = (moved(victim, one.inputs, batch) for one in (found, again, plain))
    assert (after >= before).all()
    assert after.float().mean() > without.float().mean(), "and two steps from the clean input are far behind"


def test_only_the_first_run_of_the_first_try_starts_there(victim: HashModel, batch: AttackBatch) -> None:
    """Restarts, by the attack or by the host, start at random points."""
    context = toy_context(victim, epsilon=2 / 255)
    options = {"steps": 1, "step_size": 1e-6, "keep_best": False, "stop": False}
    tried = Pull(**options, start="other")(batch, replace(context, restart=1))  # type: ignore[arg-type]  # its fields
    random = Pull(**options, start=Start.RANDOM)(batch, replace(context, restart=1))  # type: ignore[arg-type]  # as above
    assert torch.equal(tried.unrounded, random.unrounded)
    assert not torch.equal(tried.unrounded, Pull(**options, start="other")(batch, context).unrounded)  # type: ignore[arg-type]  # as above
    twice = Pull(steps=3, start="other", restarts=2)(batch, context)
    once = Pull(steps=3, start="other")(batch, context)
    assert (moved(victim, twice.inputs, batch) >= moved(victim, once.inputs, batch)).all()


def test_a_batch_without_a_start_is_refused(victim: HashModel, batch: AttackBatch) -> None:
    with pytest.raises(CapabilityError, match="attack uap leaves each query"):
        Pull(steps=1, start="uap")(replace(batch, start=None), toy_context(victim))


@pytest.mark.parametrize(("start", "name"), [(Start.ZERO, None), ("random", None), ("best", None), ("uap", "uap")])
def test_what_it_starts_at(start: str, name: str | None) -> None:
    assert Pull(start=start).starts_at == name
    assert Pull(start=start).refines is (start == "best")


def test_what_refines_starts_at_what_it_is_given_in_every_try(victim: HashModel, batch: AttackBatch) -> None:
    """And at a random point without it; restarts of its own are random ones."""
    options: dict[str, Any] = {"steps": 1, "step_size": 1e-6, "keep_best": False, "stop": False}
    context = toy_context(victim, epsilon=8 / 255)
    found = Pull(steps=50)(batch, context).unrounded
    again, refining = replace(context, restart=1), Pull(**options, start="best")
    for one in (context, again):
        left = refining(replace(batch, start=found), one).unrounded
        torch.testing.assert_close(left, found, rtol=0, atol=2e-6)
    nowhere, random = replace(batch, start=None), Pull(**options, start="random")
    for one in (context, again):
        assert torch.equal(refining(nowhere, one).unrounded, random(nowhere, one).unrounded)


class TestFormerName:
    """``random_start`` still works, with a warning."""

    @pytest.mark.parametrize(("former", "start"), [(True, Start.RANDOM), (False, Start.ZERO)])
    def test_it_means_one_of_the_starts(self, former: bool, start: Start) -> None:
        with pytest.warns(RobustHashDeprecationWarning, match=f"random_start is .* use start={start}"):
            attack = Pull(random_start=former)
        assert attack == Pull(start=start)
        assert replace(attack, start="uap").start == "uap", "and is forgotten once it has been read"

    def test_a_class_may_have_it_as_its_default(self) -> None:
        with pytest.warns(RobustHashDeprecationWarning):
            assert FromAnywhere().start is Start.RANDOM

    def test_both_names_at_once_are_refused(self) -> None:
        with (
            pytest.warns(RobustHashDeprecationWarning),
            pytest.raises(OptionError, match="start=uap, random_start=True"),
        ):
            Pull(start="uap", random_start=True)
