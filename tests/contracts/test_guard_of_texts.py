"""The guard and the victim's service on inputs that are no images: boxes of other ends and levels, and descriptors."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from robusthash.adversary import distance_to
from robusthash.contracts import Attack, AttackBatch, AttackContext, Box, Budget, CodeBank, Oracle, Threat
from robusthash.errors import ContractError
from robusthash.specs import Distance
from robusthash.testing import DescriptorVictim, TextVictim, toy_batch, toy_context, toy_inputs, toy_oracle

BOXES = [Box(low=-1.0, high=3.0, levels=4), Box(low=-1.0, high=3.0), Box(levels=1), Box(low=2.0, high=2.5, levels=50)]


@dataclass(frozen=True, kw_only=True)
class Attempt(Attack):
    """Does what a test wants."""

    deed: Callable[[Tensor], Tensor]
    free: bool = False

    @property
    def bounded(self) -> bool:
        return not self.free

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        return self.deed(batch.inputs)


def scene(box: Box, epsilon: float = 0.5) -> tuple[AttackBatch, AttackContext]:
    victim = TextVictim(box=box)
    context = toy_context(victim)
    return toy_batch(victim, size=5), replace(context, threat=Threat.on(victim.modality, epsilon))


@pytest.mark.parametrize("box", BOXES, ids=str)
@pytest.mark.parametrize("way", [-1, 1])
def test_texts_are_clipped_to_their_ball_and_box_and_delivered_on_their_levels(box: Box, way: int) -> None:
    batch, context = scene(box)
    result = Attempt(deed=lambda clean: clean + way * 10 * box.width)(batch, context)
    end = box.high if way > 0 else box.low
    room = (end - batch.inputs).abs()
    expected = batch.inputs + way * room.clamp_max(0.5 * box.width)
    torch.testing.assert_close(result.unrounded, expected, rtol=0, atol=1e-5)
    assert context.threat.contains(result.inputs, batch.inputs).all()
    if box.levels is None:
        assert torch.equal(result.inputs, result.unrounded)
    else:
        step = box.width / box.levels
        whole = batch.inputs + way * (room.clamp_max(0.5 * box.width) / step + 1e-4).floor() * step
        torch.testing.assert_close(result.inputs, whole, rtol=0, atol=1e-5)
    assert torch.equal(result.inputs, box.nearest(result.inputs))
    assert (result.clipped == 1).all()


@pytest.mark.parametrize("box", BOXES, ids=str)
def test_what_is_inside_is_not_clipped(box: Box) -> None:
    batch, context = scene(box)
    result = Attempt(deed=lambda clean: context.threat.point(torch.full_like(clean, 0.9), clean))(batch, context)
    assert not result.clipped.any()
    untouched = Attempt(deed=torch.clone)(batch, context)
    assert torch.equal(untouched.inputs, batch.inputs)
    half = batch.inputs.shape[1] // 2
    apart = Attempt(deed=lambda clean: torch.cat([clean[:, :half], clean[:, half:] + 9 * box.width], 1))(batch, context)
    torch.testing.assert_close(apart.clipped, torch.full((5,), 0.5))


def test_an_unbounded_attack_reaches_both_ends_of_the_box() -> None:
    batch, context = scene(BOXES[0], epsilon=0.1)
    far = torch.where(torch.arange(48) % 2 == 0, -50.0, 50.0)
    result = Attempt(deed=lambda clean: clean + far, free=True)(batch, context)
    assert result.inputs[:, ::2].unique().tolist() == [-1.0]
    assert result.inputs[:, 1::2].unique().tolist() == [3.0]


@pytest.mark.parametrize(
    ("deed", "says"),
    [
        (lambda clean: clean[:, :7], r"\(5, 7\)"),
        (lambda clean: clean[:, None], r"\(5, 1, 48\)"),
        (lambda clean: clean / 0, "NaN or infinite"),
        (lambda clean: clean.add_(1), "in place"),
    ],
)
def test_what_is_no_text_is_refused(deed: Callable[[Tensor], Tensor], says: str) -> None:
    batch, context = scene(BOXES[0])
    with pytest.raises(ContractError, match=says):
        Attempt(deed=deed)(batch, context)


@pytest.mark.parametrize("box", BOXES, ids=str)
def test_a_service_sees_what_can_be_delivered(box: Box) -> None:
    victim, budget = TextVictim(box=box).eval(), Budget()
    service = toy_oracle(victim, budget)
    texts = toy_inputs(victim.modality, 6)[0] + 0.3 * box.width * torch.linspace(-1, 1, 48)
    assert torch.equal(service.codes(texts), victim.codes(box.nearest(texts)))
    assert budget == Budget(queries=6)
    found = service.neighbours(texts, 3)
    assert torch.equal(found, service.neighbours(box.nearest(texts), 3))
    assert budget.queries == 18


@pytest.mark.parametrize("distance", [Distance.COSINE, Distance.L2])
def test_a_service_of_descriptors_tells_neighbours_and_no_codes(distance: Distance) -> None:
    victim, budget = DescriptorVictim(distance=distance).eval(), Budget()
    service = toy_oracle(victim, budget, items=50)
    images, _ = toy_inputs(victim.modality, 4)
    items = victim.represent(toy_inputs(victim.modality, 50, seed=3)[0])
    near = [distance_to(items, query.expand(50, -1), victim.space) for query in victim.represent(images)]
    assert service.neighbours(images, 5).tolist() == [one.argsort(stable=True)[:5].tolist() for one in near]
    assert service.neighbours(images, 500).shape == (4, 50)
    with pytest.raises(ContractError, match="descriptors"):
        service.codes(images)


def test_toy_banks_and_anchors_of_descriptors_are_descriptors() -> None:
    victim = DescriptorVictim()
    context, batch = toy_context(victim), toy_batch(victim)
    assert isinstance(context.bank, CodeBank)
    assert isinstance(context.oracle, Oracle)
    assert context.bank.codes.shape == (40, 16)
    assert batch.anchors is not None
    assert batch.anchors.shape == (12, 5, 16)
    assert context.bank.codes.dtype == batch.anchors.dtype == torch.float32
