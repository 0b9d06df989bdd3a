"""The loop of CgAT's released code, written anew in plain torch: what ``cgat/released`` is measured against.

It does what that code does, its traps included, and uses nothing of this package. Each of them is a switch:

* The model is loaded and never put into evaluation mode. So the first codes of the train split are computed in training
  mode, on augmented images, and each pass before and in the loop moves the statistics of batch normalisation.
* The bank of binary codes and that of relaxed ones are one memory: it starts with signs, and a batch's rows are
  overwritten with relaxed values at once. Centre codes and the hash loss both read it.
* The milestones are half and three quarters of the number of batches, as floats, and the scheduler steps after each
  batch. It compares them with its counter for equality: a milestone that is no whole number never comes.

Source: Wang et al., *CgAT*, WWW 2023, https://github.com/xunguangwang/CgAT, as of its only version.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

Batch = tuple[Tensor, Tensor, Tensor]  #: images (n, 3, h, w) in [0, 1], labels (n, classes), rows (n,) int64
Batches = Callable[[int], Iterable[Batch]]  #: of an epoch; -1 is the pass that fills the bank
Starts = Callable[[Tensor, Tensor, int], Tensor]  #: from a batch's images and rows, and the epoch, to U(-1, 1)


@dataclass(frozen=True, kw_only=True)
class Switches:
    """What is done as released, which is the default of each, or otherwise."""

    epochs: int = 30
    lr: float = 0.01
    epsilon: float = 8 / 255
    step_size: float = 2 / 255
    steps: int = 7
    milestones: Literal["batches", "epochs"] = "batches"  #: what is counted
    first_codes: Literal["training", "evaluation"] = "training"  #: mode of the model
    banks: Literal["one", "two"] = "one"  #: one memory, or binary and relaxed codes for themselves
    inner: Literal["training", "evaluation"] = "training"  #: mode of the model that is attacked
    ties: Literal["none", "up"] = "none"  #: of a centre code: a bit that pulls nowhere, or +1
    pairs: Literal["bank", "batch"] = "bank"  #: what L_hash compares a batch with
    eta: float = 0.001  #: weight of DPSH's quantisation term


def harden(network: nn.Module, labels: Tensor, batches: Batches, starts: Starts, switches: Switches) -> list[float]:
    """Trains a network in place; returns the learning rate of each batch.

    Args:
        network: from images to logits, (n, bits); trained.
        labels: (items, classes) in {0, 1}, of the train split.
        batches: of each epoch.
        starts: where the inner attack starts.
        switches: what differs from the released loop.
    """

    def model(images: Tensor) -> Tensor:
        return torch.tanh(network(images))

    optimizer = torch.optim.SGD(network.parameters(), lr=switches.lr, momentum=0.9, weight_decay=5e-4)
    count = switches.epochs * sum(1 for _ in batches(0))
    milestones = [count / 2, count * 3 / 4]
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)  # type: ignore[arg-type]  # as released
    network.train(switches.first_codes == "training")
    with torch.no_grad():
        parts = [(rows, model(images)) for images, _, rows in batches(-1)]
    first = torch.zeros(len(labels), parts[0][1].shape[1], dtype=parts[0][1].dtype)
    for rows, found in parts:
        first[rows] = found
    codes = first.sign()
    relaxed = codes if switches.banks == "one" else first
    network.train()
    rates = []
    for epoch in range(switches.epochs):
        if switches.milestones == "epochs":
            optimizer.param_groups[0]["lr"] = switches.lr * 0.1 ** sum(
                epoch >= share * switches.epochs for share in (0.5, 0.75)
            )
        for images, wanted, rows in batches(epoch):
            rates.append(optimizer.param_groups[0]["lr"])
            network.train(switches.inner == "training")
            centres = centre(wanted, codes, labels, switches)
            moved = attacked(model, images, centres, starts(images, rows, epoch), switches)
            network.train()
            network.zero_grad()
            crafted = model(moved)
            clean = model(images)
            codes[rows] = clean.detach().sign()
            relaxed[rows] = clean.detach()
            others, theirs = (clean, wanted) if switches.pairs == "batch" else (relaxed, labels)
            loss = dpsh(clean, others, (wanted @ theirs.T > 0).to(clean), switches.eta)
            loss = loss - (crafted * centre(wanted, codes, labels, switches)).mean()
            torch.autograd.backward(loss)
            optimizer.step()
            if switches.milestones == "batches":
                scheduler.step()
    network.eval()
    return rates


def centre(wanted: Tensor, codes: Tensor, labels: Tensor, switches: Switches) -> Tensor:
    """The sign of the mean relevant row minus the mean irrelevant one, times the numbers of both: (n, bits)."""
    relevant = (wanted @ labels.T > 0).to(codes)
    irrelevant = 1 - relevant
    here, there = relevant.sum(1, keepdim=True), irrelevant.sum(1, keepdim=True)
    total = there * (relevant @ codes) - here * (irrelevant @ codes)
    return total.sign() if switches.ties == "none" else torch.where(total < 0, -1.0, 1.0)


def dpsh(clean: Tensor, others: Tensor, similar: Tensor, eta: float) -> Tensor:
    """The hash loss of the released victim: (n, bits) against (m, bits), similar (n, m) in {0, 1}."""
    theta = clean @ others.T / 2
    return (softplus(theta) - similar * theta).mean() + eta * (clean - clean.detach().sign()).square().mean()


def attacked(
    model: Callable[[Tensor], Tensor], images: Tensor, codes: Tensor, start: Tensor, switches: Switches
) -> Tensor:
    """The images, pushed away from their codes."""
    delta = (images + switches.epsilon * start).clamp(0, 1) - images
    for _ in range(switches.steps):
        delta.requires_grad_()
        (slope,) = torch.autograd.grad((model(images + delta) * codes).mean(), delta)
        delta = (delta.detach() - switches.step_size * slope.sign()).clamp(-switches.epsilon, switches.epsilon)
        delta = (images + delta).clamp(0, 1) - images
    return images + delta
