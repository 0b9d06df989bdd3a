"""The loss of one batch in adversarial training: attack the batch, update the banks, add the losses."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from robusthash.boundary import inherit
from robusthash.contracts import HashModel, LossStep, Randomness, Split, TrainBatch, TrainStep
from robusthash.files.tensors import prefixed, under
from robusthash.training.hardening.banks import Banks, Scene
from robusthash.training.hardening.inner_attack import InnerAttack
from robusthash.training.networks import encode
from robusthash.training.trainer import ObjectiveStep


class Method(Protocol):
    """What a step needs from a method, such as :class:`~robusthash.training.AdversarialTraining`."""

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module | None:
        """What it trains alongside the model."""

    def codes(self, scene: Scene) -> Tensor:
        """The codes that the inner attack uses."""

    def inner_loss(self, relaxed: Tensor, codes: Tensor) -> Tensor:
        """What the inner attack minimises."""

    def adversarial_loss(self, crafted: Tensor, scene: Scene) -> Tensor:
        """L_adv."""


class AdversarialStep(LossStep[HashModel]):
    """A method's loss of a batch: of the clean images, and of the attacked ones.

    Args:
        method: codes and losses.
        inner: the inner attack.
        clean: the hash loss of the clean images; None leaves it out.
        seed: of random starts and of the method's random draws.
    """

    def __init__(self, method: Method, inner: InnerAttack, clean: ObjectiveStep | None, *, seed: int = 0) -> None:
        self.method = method
        self.inner = inner
        self.clean = clean
        self.random = Randomness(seed=seed, purpose="hardening")
        self._seed = seed
        self._head: nn.Module | None = None
        self._banks: Banks | None = None
        inherit(self, method)

    @property
    def banks(self) -> Banks:
        """Codes of the train split; available after :meth:`start`."""
        assert self._banks is not None, "start comes first"  # noqa: S101 - the trainer's order
        return self._banks

    def identity(self) -> str:  # noqa: D102 - as in the base class
        kind, clean = type(self.method), self.clean.identity() if self.clean else "nothing"
        return f"{kind.__module__}.{self.method!r} with {self.inner!r}, seed {self._seed}, beside {clean}"

    def start(self, model: HashModel, split: Split, step: TrainStep, device: torch.device) -> None:  # noqa: D102
        if self.clean is not None:
            self.clean.start(model, split, step, device)
        head = self.method.head(bits=model.space.size, classes=split.labels.shape[1], seed=self._seed)
        self._head = head.to(device) if head is not None else None
        self._banks = Banks.of(encode(model, split.images, device=device), split.labels.to(device))

    def parameters(self) -> Iterable[nn.Parameter]:  # noqa: D102
        own = [] if self._head is None else list(self._head.parameters())
        return [*(self.clean.parameters() if self.clean else ()), *own]

    def finish(self, model: HashModel) -> None:  # noqa: D102
        if self.clean is not None:
            self.clean.finish(model)

    def loss(self, model: HashModel, batch: TrainBatch, step: TrainStep) -> Tensor:  # noqa: D102
        scene = Scene(labels=batch.labels, banks=self.banks, head=self._head, random=self.random, step=step)
        crafted = torch.tanh(model(self.crafted(model, batch, scene)))
        logits = model(batch.images)
        self.banks.write(batch.indices, logits)
        adversarial = self.method.adversarial_loss(crafted, scene)
        if self.clean is None:
            return adversarial
        return self.clean.loss(_Hashed(model, logits), batch, step) + adversarial

    def crafted(self, model: HashModel, batch: TrainBatch, scene: Scene) -> Tensor:
        """The attacked images of a batch: (n, 3, h, w) float in the ball and the box, without gradient."""
        with torch.no_grad():
            codes = self.method.codes(scene)
        random, epoch = self.random.derived("start"), scene.step.epoch
        return self.inner.craft(model, batch, lambda relaxed: self.method.inner_loss(relaxed, codes), random, epoch)

    def state(self) -> dict[str, Tensor]:  # noqa: D102
        banks = {"codes": self.banks.codes, "relaxed": self.banks.relaxed}
        clean = prefixed("clean", self.clean.state()) if self.clean else {}
        head = prefixed("head", self._head.state_dict()) if self._head is not None else {}
        return banks | clean | head

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: D102
        self._banks = Banks(codes=state["codes"], relaxed=state["relaxed"], labels=self.banks.labels)
        if self.clean is not None:
            self.clean.restore(under("clean", dict(state)))
        if self._head is not None:
            self._head.load_state_dict(under("head", dict(state)))


class _Hashed(HashModel):
    """A model with the known logits of a batch, so that no image is passed through twice."""

    def __init__(self, model: HashModel, logits: Tensor) -> None:
        super().__init__()
        self.bits = model.bits
        self.modality = model.modality
        self._logits = logits

    def forward(self, inputs: Tensor) -> Tensor:  # noqa: ARG002 - their logits are known
        return self._logits
