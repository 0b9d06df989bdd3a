"""What the guard gives out, put together and taken apart."""

import torch

from robusthash.contracts import Adversarial


def adversarial(*marks: float) -> Adversarial:
    """One query per mark: inputs, inputs before rounding and clipped shares that tell who it is."""
    inputs = torch.tensor(marks)[:, None].expand(-1, 3).clone()
    return Adversarial(inputs=inputs, unrounded=inputs + 0.25, clipped=torch.tensor(marks) / 100)


def marks_of(found: Adversarial) -> list[float]:
    """The queries of an outcome, whose three parts must agree on who they are."""
    assert torch.equal(found.unrounded, found.inputs + 0.25)
    assert torch.equal(found.clipped, found.inputs[:, 0] / 100)
    return found.inputs[:, 0].tolist()


def test_batches_are_joined_in_their_order() -> None:
    assert marks_of(Adversarial.cat([adversarial(1, 2), adversarial(3), adversarial(4, 5)])) == [1, 2, 3, 4, 5]


def test_queries_are_taken_by_position_or_mask() -> None:
    found = adversarial(1, 2, 3)
    assert marks_of(found.where(torch.tensor([2, 0]))) == [3, 1]
    assert marks_of(found.where(torch.tensor([False, True, True]))) == [2, 3]


def test_queries_are_replaced_in_a_copy() -> None:
    found = adversarial(1, 2, 3, 4)
    assert marks_of(found.replaced(torch.tensor([3, 1]), adversarial(8, 9))) == [1, 9, 3, 8]
    assert marks_of(found) == [1, 2, 3, 4]
