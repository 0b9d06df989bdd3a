"""Aims and distances in the space of a model's outputs: codes, and descriptors compared by cosine or L2."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from robusthash.adversary import Aim, find_aim
from robusthash.adversary.nearness import distance_to
from robusthash.contracts import AttackBatch, CodeBank, Space
from robusthash.errors import CapabilityError
from robusthash.specs import Distance
from robusthash.testing import DescriptorVictim, toy_batch, toy_context

HAMMING = Space.hamming(4)
COSINE = Space(distance=Distance.COSINE, size=2)
L2 = Space(distance=Distance.L2, size=2)

ANCHORS = torch.tensor([[[1.0, 3.0], [3.0, 1.0], [0.0, 0.0]], [[0.0, 2.0], [0.0, 0.0], [0.0, 0.0]]])
BATCH = AttackBatch(
    inputs=torch.zeros(2, 3, 4, 4),
    ids=torch.tensor([3, 8]),
    labels=torch.tensor([[1, 0, 0], [0, 1, 0]], dtype=torch.uint8),
    targets=torch.tensor([[0, 1, 0], [0, 0, 1]], dtype=torch.uint8),
    anchors=ANCHORS,
)
OUTPUTS = torch.tensor([[2.0, -1.0], [0.5, 0.0]])
BANK = CodeBank(
    codes=torch.tensor([[1.0, 1.0], [3.0, 5.0], [-2.0, 4.0], [10.0, 0.0]]),
    labels=torch.tensor([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.uint8),
)


def test_distances_by_hand() -> None:
    bits = torch.tensor([[1.0, -1.0, 1.0, 1.0], [-1.0, -1.0, 1.0, -1.0]])
    outputs = torch.tensor([[0.3, 0.2, -0.1, 0.0], [-0.3, -5.0, 0.1, -0.2]])
    assert distance_to(bits, outputs, HAMMING).tolist() == [2, 0]  # the sign of 0 is +1
    assert distance_to(bits, outputs, HAMMING).dtype == torch.int64
    aim = torch.tensor([[3.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [1.0, 1.0]])
    found = torch.tensor([[5.0, 0.0], [4.0, 0.0], [0.2, 0.0], [0.0, 7.0]])
    torch.testing.assert_close(distance_to(aim, found, COSINE), torch.tensor([0.0, 1.0, 2.0, 1 - 0.5**0.5]))
    torch.testing.assert_close(distance_to(aim, found, L2), torch.tensor([2.0, 20**0.5, 1.2, 37**0.5]))


@pytest.mark.parametrize("space", [COSINE, L2], ids=str)
def test_nothing_is_nearer_than_the_aim_itself(space: Space) -> None:
    """However the cosine is rounded: a distance below 0 would be nearer than there, or seem not to have been told."""
    outputs = torch.randn(5000, 2, generator=torch.Generator().manual_seed(0))
    found = distance_to(outputs, outputs, space)
    assert (found >= 0).all()
    assert (found < 1e-6).all()


def test_distances_carry_no_gradient() -> None:
    outputs = torch.ones(3, 2, requires_grad=True)
    for space in (COSINE, L2):
        assert not distance_to(torch.ones(3, 2), outputs * 2, space).requires_grad


@pytest.mark.parametrize("space", [COSINE, L2], ids=str)
@pytest.mark.parametrize(
    ("aim", "expected"),
    [
        (Aim.AWAY, [[-2.0, 1.0], [-0.5, 0.0]]),
        (Aim.OTHER, [[1.0, 3.0], [0.0, 2.0]]),
        (Aim.P2P, [[1.0, 3.0], [0.0, 2.0]]),
        (Aim.P2S, [[2.0, 2.0], [0.0, 2.0]]),  # the mean of those that are there
        (Aim.CENTRE, [[-2.0, -3.0], [-0.5, -4.5]]),  # away from the mean of the items that share a label
        (Aim.TO_CENTRE, [[0.5, 4.5], [10.0, 0.0]]),
    ],
)
def test_aims_of_descriptors_by_hand(aim: Aim, expected: list[list[float]], space: Space) -> None:
    found = find_aim(aim, BATCH, OUTPUTS, space, BANK)
    assert found.tolist() == expected
    assert found.dtype == OUTPUTS.dtype


def test_a_label_that_no_item_has_gives_no_direction() -> None:
    """And nothing that is not finite: the loss has to stay one."""
    alone = replace(BATCH, labels=torch.zeros(2, 3, dtype=torch.uint8))
    assert find_aim(Aim.CENTRE, alone, OUTPUTS, COSINE, BANK).tolist() == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("aim", [Aim.MAINSTAY, Aim.TO_MAINSTAY, Aim.LEARNT])
def test_aims_of_codes_alone_are_refused_with_those_that_there_are(aim: Aim) -> None:
    with pytest.raises(CapabilityError, match=f"'{aim}'.*descriptors") as refused:
        find_aim(aim, BATCH, OUTPUTS, COSINE, BANK)
    assert "away, other, p2p, p2s, centre, to-centre" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("aim", "batch", "bank"),
    [
        (Aim.P2P, replace(BATCH, anchors=None), BANK),
        (Aim.P2S, replace(BATCH, anchors=None), BANK),
        (Aim.CENTRE, replace(BATCH, labels=None), BANK),
        (Aim.CENTRE, BATCH, None),
        (Aim.TO_CENTRE, replace(BATCH, targets=None), BANK),
    ],
)
def test_what_an_aim_lacks_is_told(aim: Aim, batch: AttackBatch, bank: CodeBank | None) -> None:
    with pytest.raises(CapabilityError):
        find_aim(aim, batch, OUTPUTS, COSINE, bank)


@pytest.mark.parametrize("distance", [Distance.COSINE, Distance.L2])
def test_a_mean_is_nearer_to_its_anchors_than_any_other_query_is(distance: Distance) -> None:
    """On a network: what a pull to a set aims at lies among the set."""
    victim = DescriptorVictim(distance=distance)
    batch, context = toy_batch(victim), toy_context(victim)
    outputs = victim(batch.inputs).detach()
    aim = find_aim(Aim.P2S, batch, outputs, victim.space, context.bank)
    assert batch.anchors is not None

    def spread(points: Tensor) -> Tensor:
        distances = [distance_to(anchor, points, victim.space) for anchor in anchors.unbind(1)]
        return torch.stack(distances).mean(0)

    anchors = batch.anchors
    assert (spread(aim) < spread(outputs)).all()
