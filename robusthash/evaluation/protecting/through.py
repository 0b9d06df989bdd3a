"""Models seen through what happens to a photograph before they read it, so that any attack can work at its own size."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from robusthash.contracts import IMAGE, Box, Distance, HashModel, Modality, Space
from robusthash.errors import CapabilityError
from robusthash.evaluation.protecting.views import View


class Through(HashModel):
    """Models of one photograph, at its own size. Their codes are joined into one, descriptors at unit length.

    Each pass sees the photograph through another view. What an attack moves is the photograph without mask: its change
    is weakened by the mask, and by nothing else, so that the radius of a pixel, and its steps, are in proportion to it.

    A photograph is a batch of its own: its outcome depends on no other. What libraries do otherwise with a batch of one
    thus does it no harm, and it is passed once, even if it comes twice.

    Args:
        models: that read the view, all of images of one size.
        clean: (1, 3, h, w) float in [0, 1].
        mask: (1, 1, h, w) float in [0, 1].
        turns: how programs turn the photograph before they read it. Each has codes of its own, which are joined too.
        view: of the first, second, ... pass, for a picture of some height and width.
        grey: whether the change is the same in all channels.

    Raises:
        CapabilityError: the outputs of the models cannot be joined.
    """

    def __init__(
        self,
        models: Sequence[HashModel],
        clean: Tensor,
        mask: Tensor,
        turns: Sequence[Callable[[Tensor], Tensor]],
        view: Callable[[int, int, int], View],
        *,
        grey: bool,
    ) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.modality = Modality(name=IMAGE, shape=tuple(clean.shape[1:]), box=Box())
        self._space = joined([model.space for model in models] * len(turns))
        self.bits = self._space.size if self._space.binary else None
        self._clean, self._mask, self._turns, self._view, self._grey = clean, mask, turns, view, grey
        self._passes = 0

    @property
    def space(self) -> Space:
        """The space of the joined outputs."""
        return self._space

    def delivered(self, inputs: Tensor) -> Tensor:
        """The photograph that an attack's result stands for, before rounding: (1, 3, h, w)."""
        change = inputs[:1] - self._clean
        if self._grey:
            change = change.mean(1, keepdim=True)
        return self._clean + self._mask * change

    def forward(self, inputs: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        turned = [turn(self.delivered(inputs)) for turn in self._turns]
        seen = [self._view(self._passes, *picture.shape[2:])(picture) for picture in turned]
        self._passes += 1
        outputs = [model(picture) for picture in seen for model in self.models]
        if len(outputs) > 1 and not self._space.binary:
            outputs = [normalize(part, dim=1) for part in outputs]
        return torch.cat(outputs, 1).expand(len(inputs), -1)


def joined(spaces: Sequence[Space]) -> Space:
    """The space of the joined outputs of several models.

    Raises:
        CapabilityError: some are codes and others descriptors, or descriptors are not compared by their cosine.
    """
    if len(spaces) == 1:
        return spaces[0]
    if len({space.distance for space in spaces}) > 1 or spaces[0].distance is Distance.L2:
        raise CapabilityError(
            f"models of {' and '.join(dict.fromkeys(map(str, spaces)))} cannot be attacked together",
            hint="name models of codes, or models whose descriptors are compared by their cosine",
        )
    size = sum(space.size for space in spaces)
    return Space.hamming(size) if spaces[0].binary else Space(distance=spaces[0].distance, size=size)
