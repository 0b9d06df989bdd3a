"""Square: objectives by hand, the schedule, and what it asks the service, image by image."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from robusthash.contracts import Adversarial, AttackBatch, AttackContext, Budget, Oracle, Randomness
from robusthash.errors import CapabilityError, OptionError
from robusthash.hashing import hamming
from robusthash.testing import LinearVictim, SmallVictim, toy_batch, toy_context, toy_oracle
from robusthash_attacks.baselines.noise import Noise
from robusthash_attacks.square import _HALVINGS, Square, _draws, overlap, proposed

FEEDBACK = ["codes", "ids"]


class Diary(Oracle):
    """A service that keeps what it was asked."""

    def __init__(self, service: Oracle) -> None:
        self._service = service
        self.space, self.size = service.space, service.size
        self.asked: list[Tensor] = []

    def codes(self, inputs: Tensor) -> Tensor:
        self.asked.append(inputs.clone())
        return self._service.codes(inputs)

    def neighbours(self, inputs: Tensor, k: int) -> Tensor:
        self.asked.append(inputs.clone())
        return self._service.neighbours(inputs, k)


def diary_of(context: AttackContext) -> tuple[AttackContext, Diary]:
    assert context.oracle is not None
    diary = Diary(context.oracle)
    return replace(context, oracle=diary), diary


def rows_of(batch: AttackBatch, rows: list[int]) -> AttackBatch:
    return AttackBatch(inputs=batch.inputs[rows], ids=batch.ids[rows])


def left_of(attack: Square, context: AttackContext, batch: AttackBatch, images: Tensor) -> Tensor:
    assert context.oracle is not None
    return attack._left(attack._ask(context.oracle, batch.inputs), attack._ask(context.oracle, images))


def by_hand(clean: list[int], found: list[int]) -> int:
    k = len(clean)
    return sum((k - i) * (k - j) for i, one in enumerate(clean) for j, other in enumerate(found) if one == other)


def test_overlap_by_hand() -> None:
    """Weights 4, 3, 2, 1: the clean list is 16 + 9 + 4 + 1; two last ones swapped, 16 + 9 + 2 + 2."""
    clean = [5, 0, 9, 2]
    cases = {
        (5, 0, 9, 2): 30,
        (5, 0, 2, 9): 29,  # order alone
        (5, 0, 9, 7): 29,  # the last is gone
        (0, 5, 9, 2): 29,
        (7, 5, 0, 9): 12 + 6 + 2,  # one newcomer at the top
        (2, 9, 0, 5): 4 + 6 + 6 + 4,
        (7, 8, 3, 5): 4,
        (1, 3, 7, 8): 0,
    }
    found = overlap(torch.tensor([clean] * len(cases)), torch.tensor(list(cases)))
    assert found.tolist() == list(cases.values())


def test_overlap_is_its_formula_and_largest_for_the_clean_list() -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.stack([torch.randperm(30, generator=generator)[:8] for _ in range(50)])
    found = torch.stack([torch.randperm(30, generator=generator)[:8] for _ in range(50)])
    expected = [by_hand(*pair) for pair in zip(clean.tolist(), found.tolist(), strict=True)]
    assert overlap(clean, found).tolist() == expected
    assert (overlap(clean, clean) == sum(place**2 for place in range(1, 9))).all()
    assert (overlap(clean, found) < overlap(clean, clean)).all()


def test_what_is_left_of_a_code_is_its_unturned_bits() -> None:
    clean = torch.tensor([[1, 1, -1, 1], [1, -1, -1, 1]], dtype=torch.int8)
    found = torch.tensor([[1, -1, -1, -1], [-1, 1, 1, -1]], dtype=torch.int8)
    assert Square()._left(clean, found).tolist() == [2, 0]


def test_p_is_halved_on_the_papers_schedule() -> None:
    """At the paper's budget of 10,000 the side changes just after each of its steps; at 100 a hundred times sooner."""
    paper, short = Square(queries=10_000, p=1.0), Square(queries=100, p=1.0)
    size = 2**9
    for halvings, last in enumerate(_HALVINGS):
        assert paper.side(last, size, size) == round(size / 2 ** (halvings / 2))
        assert paper.side(last + 1, size, size) == round(size / 2 ** ((halvings + 1) / 2))
    assert [short.side(step, size, size) for step in (0, 1, 2, 3, 5, 6)] == [512, 256, 256, 181, 181, 128]
    assert Square(p=0.8).side(0, 16, 16) == 14
    assert Square(p=0.05, queries=10_000).side(9_999, 16, 16) == 1
    assert Square(p=1.0).side(0, 10, 12) == 10  # no side is longer than the image


def test_a_proposal_is_one_square_of_one_colour() -> None:
    """It lies in the image, may touch each edge, and leaves all else alone."""
    up = torch.rand(400, 3, 9, 7, generator=torch.Generator().manual_seed(0)) < 0.5
    numbers = torch.rand(400, 4, generator=torch.Generator().manual_seed(1))
    proposal, corners = proposed(up, numbers, side=3), set()
    for old, new, (top, left) in zip(
        up, proposal, (numbers[:, :2] * torch.tensor([7, 5])).long().tolist(), strict=True
    ):
        window = new[:, top : top + 3, left : left + 3]
        assert window.shape == (3, 3, 3)
        assert (window == window[:, :1, :1]).all()
        outside = torch.ones_like(old)
        outside[:, top : top + 3, left : left + 3] = False
        assert torch.equal(new[outside], old[outside])
        corners.add((top, left))
    assert corners == {(top, left) for top in range(7) for left in range(5)}


def test_a_proposal_always_changes_something() -> None:
    """Where a square already has the colour drawn, it gets another, each as likely."""
    up = torch.zeros(7_000, 3, 4, 4, dtype=torch.bool)
    numbers = torch.rand(7_000, 4, generator=torch.Generator().manual_seed(0))
    numbers[:, 2] = 0.0  # all channels at the lower end, as they are
    colours = proposed(up, numbers, side=4)[:, :, 0, 0].int() @ torch.tensor([1, 2, 4], dtype=torch.int32)
    counts = colours.bincount(minlength=8)
    assert counts[0] == 0
    assert (counts[1:] > 850).all()
    # One that changes one channel alone is a change, and stays as drawn.
    numbers[:, 2] = 1 / 8
    assert (proposed(up, numbers, side=4)[:, :, 0, 0].int() == torch.tensor([1, 0, 0])).all()


@pytest.mark.parametrize("feedback", FEEDBACK)
@pytest.mark.parametrize("epsilon", [8 / 255, 0.032, 0.3])
def test_what_is_asked_is_what_would_be_delivered(feedback: str, epsilon: float) -> None:
    """Every image asked after the clean one is, bit by bit, what the guard makes of it; the best one is delivered."""
    victim = SmallVictim()
    batch = rows_of(toy_batch(victim), [3])
    context, diary = diary_of(toy_context(victim, epsilon=epsilon))
    attack = Square(queries=40, feedback=feedback)  # type: ignore[arg-type]  # one of two literals
    delivered = attack(batch, context)
    assert torch.equal(diary.asked[0], batch.inputs)
    level = int(epsilon * 255 + 1e-3)
    for image in diary.asked[1:]:
        levels = (image - batch.inputs) * 255
        assert (levels.round().abs() == level).logical_or((image == 0) | (image == 1)).all()
        assert context.threat.contains(image, batch.inputs).all()
        assert torch.equal(image, (image * 255).round() / image.new_full((), 255))
    assert any(torch.equal(image, delivered.inputs) for image in diary.asked[1:])
    left = [int(left_of(attack, context, batch, image)) for image in diary.asked[1 : attack.queries]]
    assert int(left_of(attack, context, batch, delivered.inputs)) == min(left)


def test_it_starts_at_vertical_stripes() -> None:
    victim = SmallVictim()
    batch, (context, diary) = toy_batch(victim), diary_of(toy_context(victim))
    delivered = Square(queries=2)(batch, context).inputs
    assert torch.equal(diary.asked[1], delivered)
    up = delivered > batch.inputs
    sure = (batch.inputs > 0) & (batch.inputs < 1)
    column = up.any(2, keepdim=True)
    assert torch.equal(up, column.expand_as(up) & (batch.inputs < 1))
    assert ((delivered != batch.inputs) | ~sure).all()
    assert 0.4 < column.float().mean() < 0.6
    assert not torch.equal(column[0], column[1])


@pytest.mark.parametrize("feedback", FEEDBACK)
@pytest.mark.parametrize("ties", [True, False])
def test_what_is_left_never_grows(feedback: str, ties: bool) -> None:
    """A larger part of the same budget would not do: the schedule is rescaled. So it is watched from within."""
    victim = SmallVictim()
    batch = rows_of(toy_batch(victim), [1])
    context, diary = diary_of(toy_context(victim))
    attack = Square(queries=60, feedback=feedback, ties=ties)  # type: ignore[arg-type]  # one of two literals
    final = attack(batch, context).inputs
    least, best = None, diary.asked[1]
    for image in diary.asked[1:60]:
        left = int(left_of(attack, context, batch, image))
        if least is None or left < least or (ties and left == least):
            least, best = left, image
    assert torch.equal(final, best)


@pytest.mark.parametrize("feedback", FEEDBACK)
def test_same_bytes_in_any_batch_and_order(feedback: str) -> None:
    victim = SmallVictim()
    batch, context = toy_batch(victim), toy_context(victim)
    attack = Square(queries=50, feedback=feedback)  # type: ignore[arg-type]  # one of two literals
    whole = attack(batch, context).inputs
    for rows in ([5], [11, 4], [7, 2, 9, 1, 0], list(reversed(range(12)))):
        assert torch.equal(attack(rows_of(batch, rows), context).inputs, whole[rows])


def test_numbers_are_drawn_in_pieces_that_do_not_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robusthash_attacks.square._DRAWN", 5)
    random, ids = Randomness(seed=0, purpose="toy"), torch.tensor([4, 9])
    drawn = torch.stack(list(_draws(random, ids, 12, 0)))
    assert drawn.shape == (12, 2, 4)
    assert len(drawn.unique()) == drawn.numel()
    assert torch.equal(torch.stack(list(_draws(random, ids[1:], 12, 0))), drawn[:, 1:])
    assert not torch.isin(torch.stack(list(_draws(random, ids, 12, 1))), drawn).any()


@pytest.mark.parametrize("feedback", FEEDBACK)
def test_every_query_is_counted_and_no_budget_is_passed(feedback: str) -> None:
    """A query that is not finished spends exactly its budget."""
    victim = LinearVictim()
    batch, context = toy_batch(victim), toy_context(victim)
    attack = Square(queries=30, feedback=feedback)  # type: ignore[arg-type]  # one of two literals
    budget = Budget()
    result = attack(batch, replace(context, oracle=toy_oracle(victim, budget)))
    unfinished = left_of(attack, context, batch, result.inputs) > 0
    assert unfinished.any()
    assert 30 * int(unfinished.sum()) <= budget.queries <= 30 * len(batch.ids)
    assert context.surrogate.budget.forward == context.surrogate.budget.backward == 0


@pytest.mark.parametrize("feedback", FEEDBACK)
def test_a_finished_query_asks_no_more(feedback: str) -> None:
    """With a wide ball every bit turns, or every id is gone: then the service hears nothing more of that query."""
    victim = LinearVictim()
    batch = rows_of(toy_batch(victim), [0])
    context, diary = diary_of(toy_context(victim, epsilon=0.5))
    attack = Square(queries=400, feedback=feedback, k=20)  # type: ignore[arg-type]  # one of two literals
    delivered = attack(batch, context).inputs
    assert len(diary.asked) < 400
    left = [int(left_of(attack, context, batch, image)) for image in list(diary.asked)]
    assert left[-1] == 0
    assert 0 not in left[:-1]
    assert torch.equal(diary.asked[len(left) - 1], delivered)


@pytest.mark.parametrize("epsilon", [0.0, 0.9 / 255])
def test_without_a_level_of_room_it_asks_nothing(epsilon: float) -> None:
    victim = SmallVictim()
    batch, (context, diary) = toy_batch(victim), diary_of(toy_context(victim, epsilon=epsilon))
    assert torch.equal(Square()(batch, context).inputs, batch.inputs)
    assert diary.asked == []


@pytest.mark.parametrize("feedback", FEEDBACK)
def test_it_beats_noise_clearly(feedback: str) -> None:
    """Four times as many bits turned, and much less of the list left."""
    victim = SmallVictim()
    batch, context = toy_batch(victim), toy_context(victim)
    attack = Square(queries=200, feedback=feedback, k=20)  # type: ignore[arg-type]  # one of two literals

    def outcome(result: Adversarial) -> tuple[float, float]:
        turned = hamming(victim.codes(result.inputs), victim.codes(batch.inputs)).float().mean()
        listed = left_of(Square(feedback="ids", k=10), context, batch, result.inputs).float().mean()
        return float(turned), float(listed)

    (turned, listed), (noisy, remaining) = outcome(attack(batch, context)), outcome(Noise()(batch, context))
    assert turned > 4 * noisy
    assert listed < 0.6 * remaining


def test_it_tells_the_distance_to_the_opposite_code_step_by_step() -> None:
    """Where the service tells codes; lists have no distance to tell."""
    victim = SmallVictim()
    batch, told = toy_batch(victim, size=3), []
    context = replace(toy_context(victim), observe=lambda ids, step, distance: told.append((ids, step, distance)))
    final = Square(queries=20)(batch, context).inputs
    assert [step for _, step, _ in told] == list(range(20))
    assert (told[0][2] == victim.bits).all()
    assert all(torch.equal(ids, batch.ids) for ids, _, _ in told)
    assert torch.equal(told[-1][2], hamming(victim.codes(final), -victim.codes(batch.inputs)))
    told.clear()
    Square(queries=20, feedback="ids")(batch, context)
    assert told == []


def test_another_try_starts_elsewhere() -> None:
    victim = SmallVictim()
    batch, context = toy_batch(victim), toy_context(victim)
    first, second = (Square(queries=2)(batch, replace(context, restart=restart)).inputs for restart in (0, 1))
    assert not torch.equal(first, second)


def test_without_a_service_it_says_so() -> None:
    victim = SmallVictim()
    with pytest.raises(CapabilityError, match="service"):
        Square()(toy_batch(victim), replace(toy_context(victim), oracle=None))


@pytest.mark.parametrize("options", [{"queries": 1}, {"k": 0}, {"p": 0.0}, {"p": 1.1}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        Square(**options)  # type: ignore[arg-type]  # the names are its fields
