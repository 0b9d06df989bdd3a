"""A defense that trains a trained network further: the options of its recipe."""

from dataclasses import dataclass, fields
from typing import Literal

from robusthash.contracts import OptimizerName, Precision, Recipe, Schedule, TrainedDefense


@dataclass(frozen=True, kw_only=True)
class FurtherTraining(TrainedDefense):
    """A defense whose training starts from the weights that the model has.

    Raises:
        OptionError: a value is outside its range.
    """

    epochs: int = 30  #: passes over the train split
    batch_size: int = 32  #: images per step
    optimizer: OptimizerName = "sgd"  #: torch's optimiser of that name
    lr: float = 0.01  #: initial learning rate
    momentum: float = 0.9  #: of sgd
    weight_decay: float = 5e-4  #: L2 penalty on all parameters; with adamw, their decay
    schedule: Schedule = "cosine"  #: of the learning rate
    backbone_lr_scale: float = 1.0  #: learning rate of the backbone, relative to the hash layer's; 0 freezes it whole
    augment: Literal["none", "crop", "flip-crop"] = "none"  #: random crop after padding by 1/8 of the side; random flip
    average: float = 0.0  #: decay of the moving average of the weights that is delivered; 0 is the last weights
    precision: Precision = Precision.FLOAT32  #: of passes through the model; bf16 is up to twice as fast

    def __post_init__(self) -> None:
        _ = self.recipe  # checks its options

    @property
    def recipe(self) -> Recipe:
        """How it trains: each option above is the recipe's of that name."""
        return Recipe(**{option.name: getattr(self, option.name) for option in fields(FurtherTraining)})
