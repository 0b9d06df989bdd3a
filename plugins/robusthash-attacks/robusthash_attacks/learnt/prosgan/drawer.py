"""What the generator of ProS-GAN is shown, and how images are drawn: while it learns, and when it attacks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from robusthash.contracts import Surrogate
from robusthash_attacks.learnt.compact import CompactGenerator
from robusthash_attacks.learnt.drawing import Draw, scaled
from robusthash_attacks.learnt.generator import Generator
from robusthash_attacks.learnt.networks import downhill

Guide = Literal["none", "gradient"]
HashLoss = Callable[[Tensor, Tensor], Tensor]  #: of outputs (n, bits) and codes (n, bits) in {-1, +1}, to a scalar


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawer:
    """Draws adversarial images.

    Attributes:
        surrogate: passed once, forward and backward, for a guide; else not at all.
        guide: none, or gradient: the generator is also shown the signs of the direction in which the loss falls.
        loss: of the outputs for the codes that are to be reached.
        draw: how the head's output and the clean image become the adversarial one.
    """

    surrogate: Surrogate
    guide: Guide
    loss: HashLoss
    draw: Draw

    def __call__(
        self, generator: CompactGenerator | Generator, clean: Tensor, condition: Tensor, codes: Tensor
    ) -> Tensor:
        """Adversarial images, differentiable in the generator's parameters.

        Args:
            generator: guided, if there is a guide.
            clean: (n, 3, h, w) float in [0, 1].
            condition: (n, d) float, what the generator is told.
            codes: (n, bits) float in {-1, +1}, to be reached.
        """
        guide = None if self.guide == "none" else downhill(self.surrogate, clean, lambda out: self.loss(out, codes))
        return self.draw(generator(scaled(clean), condition, guide), clean)
