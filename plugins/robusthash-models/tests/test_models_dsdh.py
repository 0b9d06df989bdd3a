"""DSDH: hand-worked sweeps, W against numpy, a descent that never rises, gradients, several labels, resumes."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from robusthash.contracts import ArrayImages, HashModel, Objective, Pairs, RetrievalData, Snapshots, Split, TrainStep
from robusthash.errors import ContractError, OptionError
from robusthash.testing import ObjectiveContract
from robusthash.training import (
    AdversarialTraining,
    Outputs,
    Recipe,
    Scene,
    build_network,
    defense_context,
    train,
    weights_digest,
)
from robusthash_models.backbones.small import SmallCNN
from robusthash_models.objectives.dpsh import DPSH
from robusthash_models.objectives.dsdh import DSDH, DiscreteCodes, label_map, swept_codes

N, K, C = 40, 8, 5
CPU = torch.device("cpu")


def random_items(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Relaxed codes (N, K) and labels (N, C), none to several of them to an item."""
    generator = torch.Generator().manual_seed(seed)
    relaxed = torch.randn(N, K, generator=generator, dtype=torch.float64)
    labels = (torch.rand(N, C, generator=generator) < 0.3).double()
    assert set(labels.sum(1).tolist()) >= {0.0, 1.0, 2.0}
    return relaxed, labels


def refreshed(objective: DSDH, relaxed: Tensor, labels: Tensor) -> tuple[DiscreteCodes, TrainStep]:
    """The head after the first refresh, and a step that carries it."""
    head = objective.head(bits=relaxed.shape[1], classes=labels.shape[1], seed=0)
    step = TrainStep(epoch=0, epochs=10, iteration=0, bits=relaxed.shape[1], head=head)
    objective.refresh(relaxed, labels, step)
    return head, step


def discrete_cost(objective: DSDH, codes: Tensor, weight: Tensor, relaxed: Tensor, labels: Tensor) -> float:
    """What codes and W minimise in turn, over all items: the paper's terms, as they are written."""
    wrong = sum(float((y - weight.T @ b).square().sum()) for y, b in zip(labels, codes, strict=True))
    far = float((codes - relaxed).square().sum())
    return objective.mu * wrong + objective.eta * far + objective.nu * float(weight.square().sum())


# --- the discrete codes -----------------------------------------------------------------------------------------------


def test_a_sweep_worked_by_hand() -> None:
    """With W of rows (1, 0) and (1, 1), W W^T is (1, 1), (1, 2). The second bit sees what the first has become.

    Item 1: y = (0, 1) and u = (-.5, -.5) want (-.5, .5). Bit 1: -.5 - 1 < 0. Bit 2: .5 + 1 > 0, where the first bit as
    it was would give .5 - 1 < 0. Item 2: y = (1, 0) and u = (.1, -3) want (1.1, -2). Bit 1: 1.1 + 1 > 0. Bit 2: -2 - 1.
    """
    weight = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    labels = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    relaxed = torch.tensor([[-0.5, -0.5], [0.1, -3.0]])
    start = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    kept = start.clone()
    swept = swept_codes(start, relaxed, labels, weight, mu=1.0, eta=1.0)
    assert swept.tolist() == [[-1.0, 1.0], [1.0, -1.0]]
    assert torch.equal(start, kept)


@pytest.mark.parametrize(("mu", "eta"), [(1.0, 0.1), (2.0, 0.0), (0.3, 1.0)])
def test_a_sweep_takes_the_better_value_of_each_bit_in_turn(mu: float, eta: float) -> None:
    """As a slow search does, which tries both values of one bit of one item after another."""
    relaxed, labels = random_items()
    weight = torch.randn(K, C, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    codes = torch.where(relaxed.roll(1, 0) < 0, -1.0, 1.0).double()

    def cost(i: int, b: Tensor) -> float:
        return float(mu * (labels[i] - weight.T @ b).square().sum() + eta * (b - relaxed[i]).square().sum())

    expected = codes.clone()
    for i in range(N):
        for k in range(K):
            minus, plus = expected[i].clone(), expected[i].clone()
            minus[k], plus[k] = -1.0, 1.0
            expected[i] = minus if cost(i, minus) < cost(i, plus) else plus
    assert not torch.equal(expected, codes)
    assert torch.equal(swept_codes(codes, relaxed, labels, weight, mu=mu, eta=eta), expected)


@pytest.mark.parametrize(("mu", "nu"), [(1.0, 1.0), (0.2, 3.0), (2.0, 1e-3)])
def test_the_label_map_is_the_ridge_regression_of_numpy(mu: float, nu: float) -> None:
    relaxed, labels = random_items()
    codes = torch.where(relaxed < 0, -1.0, 1.0).double()
    codes[:, 2] = codes[:, 1]  # two equal bits and a constant one
    codes[:, 3] = 1.0
    tall = np.vstack([mu**0.5 * codes.numpy(), nu**0.5 * np.eye(K)])
    expected = np.linalg.lstsq(tall, np.vstack([mu**0.5 * labels.numpy(), np.zeros((K, C))]), rcond=None)[0]
    np.testing.assert_allclose(label_map(codes, labels, mu=mu, nu=nu).numpy(), expected, atol=1e-10)
    single = label_map(codes.float(), labels.float(), mu=mu, nu=nu)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), expected, atol=1e-6)


def test_codes_and_map_never_get_worse_and_end_better_than_the_signs() -> None:
    """Sweep by sweep, and from epoch to epoch for the codes of the new epoch."""
    relaxed, labels = random_items()
    signs = torch.where(relaxed < 0, -1.0, 1.0).double()
    costs = [discrete_cost(DSDH(), signs, label_map(signs, labels, mu=1.0, nu=1.0), relaxed, labels)]
    for sweeps in (1, 2, 3, 10):
        objective = DSDH(sweeps=sweeps)
        head, step = refreshed(objective, relaxed, labels)
        costs.append(discrete_cost(objective, head.codes, head.weight, relaxed, labels))
    assert all(late <= early + 1e-9 for early, late in pairwise(costs))
    assert costs[-1] < 0.95 * costs[0]
    moved = relaxed + 0.5 * random_items(seed=1)[0]
    before = discrete_cost(objective, head.codes, head.weight, moved, labels)
    objective.refresh(moved, labels, step)
    assert discrete_cost(objective, head.codes, head.weight, moved, labels) < before
    assert set(head.codes.unique().tolist()) == {-1.0, 1.0}
    # W is that of these very codes.
    assert torch.equal(head.weight, label_map(head.codes, labels, mu=1.0, nu=1.0))


def test_a_refresh_goes_on_from_the_codes_of_the_last() -> None:
    relaxed, labels = random_items()
    objective = DSDH(sweeps=1, eta=0.01)
    head, step = refreshed(objective, relaxed, labels)
    first = head.codes.clone()
    objective.refresh(relaxed, labels, step)
    assert not torch.equal(head.codes, first)
    assert torch.equal(head.codes, refreshed(DSDH(sweeps=2, eta=0.01), relaxed, labels)[0].codes)


def test_the_label_decides_a_bit_of_which_the_network_is_not_sure() -> None:
    """One of forty items has a bit just on the wrong side of its class: it is pulled to the right one."""
    classes = torch.arange(40) % 4
    labels = one_hot(classes).double()
    hadamard = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]).double()
    relaxed = hadamard[classes]
    relaxed[3, 2] = 0.01
    rows, apart = torch.arange(40), torch.zeros(40, 40)
    head, step = refreshed(DSDH(), relaxed, labels)
    assert torch.equal(head.codes, hadamard[classes])
    felt = gradient_of(DSDH(eta=0.1), relaxed, labels, step, rows, relaxed, apart)
    bare = gradient_of(DSDH(pull=False), relaxed, labels, step, rows, relaxed, apart)
    pull = torch.zeros(40, 4).double()
    pull[3, 2] = 2 * 0.1 * (0.01 + 1) / 160
    torch.testing.assert_close(felt - bare, pull)
    # Where it is sure, and eta large, the network has its way.
    relaxed[3, 2] = 1.0
    assert torch.equal(refreshed(DSDH(eta=1.0), relaxed, labels)[0].codes, relaxed)


# --- the loss ---------------------------------------------------------------------------------------------------------


def take(
    objective: DSDH, u: Tensor, labels: Tensor, step: TrainStep, rows: Tensor, codes: Tensor, similar: Tensor
) -> Tensor:
    """The loss of a batch u whose items are these rows."""
    step = TrainStep(epoch=0, epochs=10, iteration=0, bits=u.shape[1], head=step.head, indices=rows)
    return objective.loss(u, labels[rows], Pairs(codes=codes, similar=similar), step)


def gradient_of(
    objective: DSDH, u: Tensor, labels: Tensor, step: TrainStep, rows: Tensor, codes: Tensor, similar: Tensor
) -> Tensor:
    u = u.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(take(objective, u, labels, step, rows, codes, similar), u)
    return gradient


def batch_of_three() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Bank, labels, rows, their new relaxed codes, and similarities (3, N)."""
    bank, labels = random_items()
    rows = torch.tensor([31, 4, 17])
    u = torch.randn(3, K, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return bank, labels, rows, u, (labels[rows] @ labels.T > 0).double()


def test_the_value_is_the_sum_as_written() -> None:
    bank, labels, rows, u, similar = batch_of_three()
    objective = DSDH(mu=0.7, nu=0.4, eta=0.3)
    head, step = refreshed(objective, bank, labels)
    expected = 0.4 * float(head.weight.square().sum()) / (N * K)
    for i, row in enumerate(rows.tolist()):
        for j in range(N):
            theta = float(u[i] @ bank[j]) / 2
            expected += (np.log1p(np.exp(theta)) - float(similar[i, j]) * theta) / (3 * N)
        b = head.codes[row]
        wrong = labels[row] - head.weight.T @ b
        expected += (0.7 * float(wrong.square().sum()) + 0.3 * float((b - u[i]).square().sum())) / (3 * K)
    assert take(objective, u, labels, step, rows, bank, similar).item() == pytest.approx(expected, rel=1e-12)


def test_the_gradient_is_the_analytic_one() -> None:
    """Of a bank: half of (sigma(theta) - s) u_j over the pairs, and 2 eta (u - b) of the batch's own codes."""
    bank, labels, rows, u, similar = batch_of_three()
    objective = DSDH(mu=0.7, eta=0.3)
    head, step = refreshed(objective, bank, labels)
    likelihood = (torch.sigmoid(u @ bank.T / 2) - similar) @ bank / 2 / (3 * N)
    expected = likelihood + 2 * 0.3 * (u - head.codes[rows]) / (3 * K)
    torch.testing.assert_close(gradient_of(objective, u, labels, step, rows, bank, similar), expected)
    bare = DSDH(mu=0.7, eta=0.3, pull=False)
    torch.testing.assert_close(gradient_of(bare, u, labels, step, rows, bank, similar), likelihood)


def test_finite_differences() -> None:
    bank, labels, rows, u, similar = batch_of_three()
    objective = DSDH()
    _, step = refreshed(objective, bank, labels)
    u.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: take(objective, x, labels, step, rows, bank, similar), (u,))


def test_without_the_labels_it_is_dpsh() -> None:
    """The discrete codes are the signs, W is 0, and so is what it adds."""
    relaxed, labels = random_items()
    rows = torch.arange(N)
    similar = (labels @ labels.T > 0).double()
    objective = DSDH(mu=0.0, eta=0.3)
    head, step = refreshed(objective, relaxed, labels)
    assert torch.equal(head.codes, torch.where(relaxed < 0, -1.0, 1.0).double())
    assert not head.weight.any()
    ours = take(objective, relaxed, labels, step, rows, relaxed, similar)
    torch.testing.assert_close(ours, DPSH(eta=0.3).loss(relaxed, labels, Pairs(codes=relaxed, similar=similar), step))


def test_without_codes_or_positions_it_says_so() -> None:
    bank, labels, rows, u, similar = batch_of_three()
    objective = DSDH()
    empty = TrainStep(epoch=0, epochs=1, iteration=0, bits=K, head=objective.head(bits=K, classes=C, seed=0))
    with pytest.raises(ContractError, match="there is no code of any item"):
        take(objective, u, labels, empty, rows, bank, similar)
    _, step = refreshed(objective, bank, labels)
    with pytest.raises(ContractError, match=r"there is no step\.indices"):
        objective.loss(u, labels[rows], Pairs(codes=bank, similar=similar), step)


@pytest.mark.parametrize(("option", "value"), [("mu", -0.1), ("nu", 0.0), ("eta", -1.0), ("sweeps", 0)])
def test_options_out_of_range_are_refused(option: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"dsdh.{option}"):
        DSDH(**{option: value})


ALL = [
    DSDH(),
    DSDH(pairing="bank", eta=55.0, pull=False),
    DSDH(pairing="bank", eta=55.0, pull=False, relaxation="identity"),
    DSDH(mu=0.0),
    DSDH(eta=0.0),
]


@pytest.mark.parametrize("objective", ALL, ids=repr)
class TestDSDH(ObjectiveContract):
    """Finite, felt by every item, blind to the order, and its descent retrieves."""


# --- a training -------------------------------------------------------------------------------------------------------


def several_labels() -> RetrievalData:
    """Three corners, each bright or not: an item's labels are the bright ones."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]], dtype=torch.uint8).repeat(24, 1)
    images = torch.randint(0, 100, (len(labels), 3, 16, 16), generator=generator, dtype=torch.uint8)
    for c, (row, column) in enumerate([(0, 0), (0, 8), (8, 0)]):
        images[:, :, row : row + 8, column : column + 8] += 150 * labels[:, c, None, None, None]

    def split(name: str) -> Split:
        return Split.of_images(
            name=name, images=ArrayImages(images), labels=labels, ids=tuple(map(str, range(len(labels))))
        )

    return RetrievalData(
        name="corners", classes=("a", "b", "c"), query=split("query"), database=split("database"), train=split("train")
    )


class _Interrupted(Exception):
    pass


def stop_in_the_third_epoch(done: int, _total: int, _what: str) -> None:
    if done == 9:  # of four batches each
        raise _Interrupted


def trained(partial: Path, **more: Any) -> HashModel:
    model = build_network(SmallCNN(), bits=16, image_size=16, weights="none", seed=0)
    recipe = Recipe(epochs=4, batch_size=32, lr=2e-3)
    train(model, DSDH(), recipe, several_labels(), seed=0, device=CPU, partial=partial, partial_seconds=0, **more)
    return model


@dataclass(frozen=True, kw_only=True)
class Away(AdversarialTraining):
    """Away from one code, whatever the item."""

    def codes(self, scene: Scene) -> Tensor:
        return torch.ones(len(scene.labels), 16)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        return -(crafted.relaxed * self.codes(scene)).mean()


def hardened(partial: Path, **more: Any) -> HashModel:
    model = build_network(SmallCNN(), bits=16, image_size=16, weights="none", seed=0)
    snapshots = Snapshots(partial, "test", seconds=0)
    context = defense_context(several_labels(), seed=0, objective=DSDH(), snapshots=snapshots, **more)
    return Away(epsilon=0.05, steps=1, epochs=3, batch_size=32).harden(model, context)


@pytest.mark.parametrize("run", [trained, hardened])
def test_a_broken_run_resumes_to_the_same_bytes(tmp_path: Path, run: Callable[..., HashModel]) -> None:
    undisturbed = run(tmp_path / "undisturbed.safetensors")
    partial = tmp_path / "partial.safetensors"
    with pytest.raises(_Interrupted):
        run(partial, progress=stop_in_the_third_epoch)
    assert weights_digest(run(partial)) == weights_digest(undisturbed)


def test_without_the_pull_the_network_is_the_one_of_the_likelihood_alone() -> None:
    """What public PyTorch code trains: its codes and its W are constants to the network."""

    def digest(objective: Objective) -> str:
        model = build_network(SmallCNN(), bits=16, image_size=16, weights="none", seed=0)
        train(model, objective, Recipe(epochs=4, batch_size=32, lr=2e-3), several_labels(), seed=0, device=CPU)
        return weights_digest(model)

    bare = digest(DPSH(eta=0.0))
    assert digest(DSDH(pull=False, mu=3.0)) == bare
    assert digest(DSDH(mu=3.0)) != bare


def test_several_labels_to_an_item_are_learnt(tmp_path: Path) -> None:
    """An image of two corners is nearer to either corner's images than to those that share neither."""
    model, data = trained(tmp_path / "partial.safetensors"), several_labels()
    codes = model.codes(data.train.images.inputs(range(120))).float()
    distance = (16 - codes @ codes.T) / 2
    labels = data.train.labels.float()
    two, similar = labels.sum(1) == 2, labels @ labels.T > 0
    assert distance[two][similar[two]].mean() < 0.6 * distance[two][~similar[two]].mean()
