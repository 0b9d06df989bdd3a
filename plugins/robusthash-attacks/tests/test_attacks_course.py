"""A course of learning: what it keeps, when it stops, what it refuses, and that it resumes to the same bytes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from robusthash.contracts import LearningContext, Snapshots
from robusthash.errors import OptionError, TrainingError
from robusthash.testing import SmallVictim, toy_learning
from robusthash_attacks.learnt.course import Course
from robusthash_attacks.learnt.examples import Examples


@dataclass
class Counter:
    """Learns to count; its validations are given."""

    validations: list[float]
    value: Tensor = field(default_factory=lambda: torch.zeros(1))
    loss: float = 1.0
    seen: list[tuple[int, float]] = field(default_factory=list)

    def step(self, step: int, progress: float) -> Mapping[str, float]:
        self.seen.append((step, progress))
        self.value += 1
        return {"loss": self.loss * float(self.value)}

    def validate(self) -> float:
        return self.validations[len(self.seen) // 2 - 1]

    def watch(self) -> tuple[Mapping[str, float], Sequence[str]]:
        return {"count": float(self.value)}, ["it is late"] if self.value > 3 else []

    def state(self) -> dict[str, Tensor]:
        return {"value": self.value}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.value = state["value"].clone()


@pytest.fixture
def context() -> LearningContext:
    return toy_learning(SmallVictim())


@pytest.mark.parametrize(
    ("validations", "patience", "kept", "taken"),
    [
        ([3.0, 2.0, 1.0], 0, 6, 6),
        ([1.0, 2.0, 3.0], 0, 2, 6),
        ([1.0, 1.0, 3.0], 0, 4, 6),  # of equal ones the later
        ([1.0, 2.0, 0.5], 1, 2, 4),  # it would have come
        ([1.0, 2.0, 0.5], 2, 6, 6),
    ],
)
def test_the_state_that_validates_best_is_kept(
    validations: list[float], patience: int, kept: int, taken: int, context: LearningContext
) -> None:
    learner = Counter(validations)
    Course(steps=6, every=2, patience=patience).run(learner, context)
    assert learner.value.item() == kept
    assert learner.seen == [(step, step / 6) for step in range(taken)]


def test_the_mean_losses_between_validations_are_told(context: LearningContext) -> None:
    told: list[tuple[int, int, Mapping[str, float]]] = []
    listening = replace(context, tell=lambda epoch, epochs, losses: told.append((epoch, epochs, losses)))
    Course(steps=3, every=2).run(Counter([5.0, 4.0]), listening)
    assert told == [
        (1, 2, {"loss": 1.5, "validation": 5.0, "count": 2.0}),
        (2, 2, {"loss": 3.0, "validation": 5.0, "count": 3.0}),
    ]


def test_progress_tells_the_losses_and_what_is_wrong(context: LearningContext) -> None:
    said: list[str] = []
    listening = replace(context, progress=lambda _done, _total, what: said.append(what))
    Course(steps=6, every=2, what="counting").run(Counter([5.0, 4.0, 3.0]), listening)
    after_two, after_four = "counting, loss 1.5, validation 5", "counting, loss 3.5, validation 4; it is late"
    assert said == ["counting"] * 2 + [after_two] * 2 + [after_four] * 2


class Painter(Counter):
    """Has something to look at."""

    def shown(self) -> tuple[Tensor, Tensor]:
        return torch.zeros(1), self.value.clone()


@pytest.mark.parametrize(
    ("validations", "shown"), [(1, [1]), (3, [1, 2, 3]), (7, [2, 4, 6, 7]), (8, [2, 4, 6, 8]), (20, [5, 10, 15, 20])]
)
def test_pictures_are_few_and_the_last_epoch_is_among_them(
    validations: int, shown: list[int], context: LearningContext
) -> None:
    seen: list[tuple[int, float]] = []
    showing = replace(context, show=lambda epoch, _clean, attacked: seen.append((epoch, float(attacked))))
    Course(steps=2 * validations, every=2).run(Painter([1.0] * validations), showing)
    assert seen == [(epoch, 2.0 * epoch) for epoch in shown]


@pytest.mark.parametrize(("items", "held"), [(2, 1), (40, 4), (3000, 256)])
def test_the_part_that_validates_is_cut_from_the_train_split(items: int, held: int) -> None:
    context = toy_learning(SmallVictim(), train=items)
    learnt, validating = Examples.split(context)
    assert len(validating.rows) == held
    assert sorted([*learnt.rows, *validating.rows]) == list(range(items)), "each train item is in one of them"
    seen = {row for step in range(20) for row in learnt.batch(step, 8).tolist()}
    assert seen.isdisjoint(validating.rows.tolist()), "no step is taken on it"
    train = context.train.images.inputs(range(items))
    assert torch.equal(validating.inputs(validating.rows), train[torch.from_numpy(validating.rows)])
    again = Examples.split(replace(context, random=replace(context.random, seed=1)))[1]
    assert items == 2 or set(again.rows.tolist()) != set(validating.rows.tolist()), "another seed cuts elsewhere"


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_divergence_is_refused(wrong: float, context: LearningContext) -> None:
    with pytest.raises(TrainingError, match=r"'loss' is (nan|inf) at step 1"):
        Course(steps=6, every=2).run(Counter([1.0], loss=wrong), context)
    with pytest.raises(TrainingError, match=r"'validation' is (nan|inf) at step 2"):
        Course(steps=6, every=2).run(Counter([wrong]), context)


@pytest.mark.parametrize("killed", range(1, 7))
def test_killed_after_any_step_it_ends_alike(killed: int, context: LearningContext, tmp_path: Path) -> None:
    told: dict[str, list[tuple[int, Mapping[str, float]]]] = {}

    def run(name: str, kill: int | None, partial: Path | None) -> float:
        def progress(done: int, _total: int, _what: str) -> None:
            if done == kill:
                raise KeyboardInterrupt

        learner = Counter([3.0, 2.0, 4.0])
        learner.validate = lambda: [3.0, 2.0, 4.0][int(learner.value) // 2 - 1]  # type: ignore[method-assign]
        Course(steps=6, every=2).run(
            learner,
            replace(
                context,
                progress=progress,
                tell=lambda epoch, _epochs, losses: told.setdefault(name, []).append((epoch, losses)),
                snapshots=Snapshots(partial, "counter", seconds=0.0),
            ),
        )
        return learner.value.item()

    whole = run("whole", None, None)
    with pytest.raises(KeyboardInterrupt):
        run("killed", killed, tmp_path / "partial")
    assert run("killed", None, tmp_path / "partial") == whole == 4
    assert told["killed"] == told["whole"], "nothing is told twice or left out"


@pytest.mark.parametrize("numbers", [{"steps": 0}, {"every": 0}, {"patience": -1}])
def test_numbers_out_of_range_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=next(iter(numbers))):
        Course(**{"steps": 1, "every": 1, **numbers})
