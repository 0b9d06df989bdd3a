"""THA, targeted hashing attack (Wang et al., SIGIR 2021): to a learnt prototype code of the target label."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from robusthash.adversary import Aim
from robusthash.contracts import AttackBatch, AttackContext, LearningContext
from robusthash.errors import CapabilityError, OptionError
from robusthash.hashing import sign
from robusthash.training import PrototypeNetwork
from robusthash_attacks.gradient.prototypes import Training, train_prototypes
from robusthash_attacks.gradient.tanh import Tanh


@dataclass(frozen=True, kw_only=True)
class THA(Tanh):
    """Pulls to the sign of the prototype of the target label, by the loss of :class:`Tanh`."""

    aim: Aim = Aim.LEARNT  #: the code to reach
    width: int | None = None  #: of the first hidden layer; none is 64 per label vector of the train split, up to 4096
    fit_steps: int | None = None  #: steps of training the prototype network; none is 100 per label vector, up to 30,000
    fit_batch: int = 32  #: label vectors per step of training
    fit_rate: float = 1e-4  #: learning rate of Adam, divided by ten at half and again at three quarters of the steps

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.aim is not Aim.LEARNT:
            raise OptionError(
                f"tha has no aim but 'learnt', not {self.aim!s}", hint="use tanh-p2s to pull to an anchor"
            )
        sizes = {"width": self.width, "fit_steps": self.fit_steps, "fit_batch": self.fit_batch}
        for name, size in sizes.items():
            if size is not None and size < 1:
                raise OptionError(f"{name}={size}", hint="at least 1")

    @property
    def learnt_from(self) -> frozenset[str]:  # noqa: D102 - as in the base class
        return frozenset({"width", "fit_steps", "fit_batch", "fit_rate"})

    def fit(self, context: LearningContext) -> Mapping[str, Tensor]:  # noqa: D102 - as in the base class
        training = Training(width=self.width, steps=self.fit_steps, batch=self.fit_batch, rate=self.fit_rate)
        return train_prototypes(context.bank, training, context.random, context.progress)

    def find_aim(self, batch: AttackBatch, logits: Tensor, context: AttackContext) -> Tensor:  # noqa: D102 - as in the base class
        if context.fitted is None or batch.targets is None:
            raise CapabilityError("tha needs target labels and the learnt network", hint="call `learn` first")
        return sign(PrototypeNetwork.of(context.fitted)(batch.targets)).to(logits)
