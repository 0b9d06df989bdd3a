"""How a network is trained: optimiser, schedule, batches, augmentation."""

from dataclasses import dataclass
from typing import Literal

from robusthash.errors import OptionError
from robusthash.specs import Precision

OptimizerName = Literal["sgd", "adam", "adamw", "rmsprop"]  #: torch's optimisers that a recipe may name
#: ``milestones`` drops the rate in the first epoch after half and after three quarters of them; ``batch-milestones``
#: after half and after three quarters of the batches, as torch's ``MultiStepLR`` does if it is stepped after each: a
#: milestone that is no whole number of batches never comes.
Schedule = Literal["none", "step", "milestones", "batch-milestones", "cosine"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Options of the training loop.

    Raises:
        OptionError: a value is outside its range.
    """

    optimizer: OptimizerName = "adam"  #: torch's optimiser of that name
    lr: float = 1e-3  #: initial learning rate of the hash layer
    momentum: float = 0.9  #: of sgd; adam and adamw have their usual (0.9, 0.999), rmsprop none
    nesterov: bool = False  #: Nesterov momentum, with sgd only
    weight_decay: float = 0.0  #: L2 penalty on all parameters, added to the gradient; with adamw, their decay
    epochs: int = 20  #: passes over the train split
    batch_size: int = 64  #: images per step
    schedule: Schedule = "none"  #: of the learning rate, per epoch; batch-milestones per batch
    step_factor: float = 0.1  #: factor of the learning rate at each drop, with step and both kinds of milestones
    step_epochs: int | None = None  #: epochs between drops, with the schedule step; none is floor(epochs / 3)
    backbone_lr_scale: float = 1.0  #: learning rate of the backbone, relative to the hash layer's; 0 freezes it whole
    augment: Literal["none", "crop", "flip-crop"] = "none"  #: random crop after padding by 1/8 of the side; random flip
    average: float = 0.0  #: decay of the moving average of the weights that is delivered; 0 is the last weights
    precision: Precision = Precision.FLOAT32  #: of passes through the model; bf16 is up to twice as fast

    def __post_init__(self) -> None:
        positive = {"lr": self.lr, "epochs": self.epochs, "batch_size": self.batch_size}
        if self.step_epochs is not None:
            positive["step_epochs"] = self.step_epochs
        for name, value in positive.items():
            if not value > 0:
                raise OptionError(f"recipe.{name} is {value!r}", hint="it must be positive")
        not_negative = {
            "momentum": self.momentum,
            "weight_decay": self.weight_decay,
            "step_factor": self.step_factor,
            "backbone_lr_scale": self.backbone_lr_scale,
        }
        for name, value in not_negative.items():
            if not value >= 0:
                raise OptionError(f"recipe.{name} is {value!r}", hint="it must not be negative")
        if not 0 <= self.average < 1:
            raise OptionError(f"recipe.average is {self.average!r}", hint="it must be at least 0, and below 1")
        if self.nesterov and (self.optimizer != "sgd" or not self.momentum):
            raise OptionError("recipe.nesterov needs optimizer=sgd and a momentum", hint="set both, or drop nesterov")
        if self.batch_size == 1:
            raise OptionError("recipe.batch_size is 1", hint="pairs need at least 2 images")
