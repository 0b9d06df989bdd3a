"""Crafts the pixels of one photograph: an attack at the photograph's own size, through what may happen to it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from robusthash.adversary import DescentAttack
from robusthash.contracts import (
    Attack,
    AttackBatch,
    AttackContext,
    Budget,
    CodeBank,
    Ensemble,
    Randomness,
    Surrogate,
    Threat,
)
from robusthash.contracts.modality import Box
from robusthash.epsilon import LEVELS, SLACK
from robusthash.errors import CapabilityError
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.protecting.contrast import contrast_mask
from robusthash.evaluation.protecting.through import Through
from robusthash.evaluation.protecting.views import NUMBERS, Spread, View
from robusthash.photographs.orientation import NORMAL, as_stored
from robusthash.pixels import from_levels
from robusthash.specs import Capability

_LARGEST = 2  #: shorter side of what an attack works on, as a multiple of what the loader resizes to


@dataclass(frozen=True, kw_only=True)
class Protection:
    """How photographs are changed.

    Attributes:
        masked: whether flat parts are given less of the radius.
        spread: of the crops and scales that a change is made to survive.
    """

    masked: bool = True
    spread: Spread = field(default_factory=Spread)


@dataclass(frozen=True, kw_only=True, eq=False)
class Maker:
    """Makes the pixels of photographs, one by one.

    Attributes:
        jobs: the same attack on each of the models.
        resize: length of the shorter side that the loader resizes to.
        size: rows and columns of the models' images.
        keeps: whether the loader takes photographs of this size as they are.
        options: how photographs are changed.

    Raises:
        CapabilityError: the attack cannot work at the photographs' own size.
    """

    jobs: Sequence[Job]
    resize: int
    size: int
    keeps: bool = False
    options: Protection = field(default_factory=Protection)

    def __post_init__(self) -> None:
        attack = self.jobs[0].attack
        whole = isinstance(attack, Ensemble) or Capability.QUERIES in attack.needs or not attack.bounded
        # What an attack learns as tensors of the models' images is of no use at another size.
        if whole or (type(attack).fit is not Attack.fit and not isinstance(attack, DescentAttack)):
            raise CapabilityError(
                f"{type(attack).__name__} cannot be made at the size of a photograph",
                hint="use an attack that follows gradients: --attack hinge",
            )
        if len(self.jobs) > 1 and any(job.knowledge.learnt for job in self.jobs):
            raise CapabilityError(
                f"{type(attack).__name__} learns on one model, and {len(self.jobs)} are named",
                hint="name one model, or an attack that learns nothing: --attack hinge",
            )

    def __call__(self, pixels: np.ndarray, row: int, orientation: int = NORMAL) -> np.ndarray:
        """The changed pixels of a photograph. They depend on no other photograph, nor on its name.

        Some programs turn a photograph as its file says, and others, such as the loaders of data sets, do not. It is
        changed for both.

        Args:
            pixels: (h, w, 3) uint8, upright.
            row: position of the photograph among the jobs' queries, for what an attack knows of each.
            orientation: from 1 to 8, in which its file has the pixels.

        Returns:
            The same shape, uint8, nowhere farther from the photograph than the radius.
        """
        job, device = self.jobs[0], self.jobs[0].compute.device
        picture = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
        clean = from_levels(self._working_copy(picture)[None]).to(device)
        mask = contrast_mask(clean) if self.options.masked else torch.ones_like(clean[:, :1])
        ids = torch.tensor([_identity(pixels)], device=device)
        turns: list[Callable[[Tensor], Tensor]] = [_as_it_is]
        if orientation != NORMAL:
            turns.append(partial(_as_stored, orientation=orientation))
        through = Through(
            [one.surrogate for one in self.jobs],
            clean,
            mask,
            turns,
            _Views(job.random.derived("views"), ids, self),
            grey=bool((picture[:1] == picture).all()),
        )
        batch, context = self._batch(row, clean, ids, len(turns)), self._context(through, len(turns))
        found = _attack(job)(batch, context).unrounded
        change = (through.delivered(found) - clean)[0].cpu()
        return _changed(picture, change, job.threat.epsilon).permute(1, 2, 0).numpy()

    def _working_copy(self, picture: Tensor) -> Tensor:
        """The photograph, made smaller where it is larger than the change has to be: (3, h, w) uint8."""
        shorter, limit = min(picture.shape[1:]), _LARGEST * self.resize
        if shorter <= limit:
            return picture
        from torchvision.transforms.v2 import functional

        small: Tensor = functional.resize(picture, [limit], antialias=True)
        return small

    def _batch(self, row: int, clean: Tensor, ids: Tensor, turns: int) -> AttackBatch:
        # What a job knows of its queries does not depend on their pixels.
        parts = [job.batch(torch.tensor([row]), clean) for job in self.jobs]
        anchors = [part.anchors for part in parts if part.anchors is not None]
        return replace(parts[0], ids=ids, anchors=torch.cat(anchors * turns, 2) if anchors else None)

    def _context(self, through: Through, turns: int) -> AttackContext:
        job = self.jobs[0]
        banks = [one.knowledge.bank for one in self.jobs if one.knowledge.bank is not None]
        learnt = job.knowledge.learnt
        bank = None
        if banks:
            bank = CodeBank(codes=torch.cat([one.codes for one in banks] * turns, 1), labels=banks[0].labels)
        return AttackContext(
            surrogate=Surrogate(through, Budget(), precision=job.compute.precision),
            # Without levels: what is rounded is what the mask leaves, at the size of the photograph.
            threat=Threat(epsilon=job.threat.epsilon, box=Box(), norm=job.threat.norm),
            random=job.random,
            bank=bank,
            fitted=learnt.tensors if learnt is not None else None,
        )


class _Views:
    """The views of a photograph: plain in the first pass, which reads its own code; then random."""

    def __init__(self, random: Randomness, ids: Tensor, maker: Maker) -> None:
        self._random, self._ids, self._spread = random, ids, maker.options.spread
        self._resize, self._size, self._keeps = maker.resize, maker.size, maker.keeps

    def __call__(self, number: int, height: int, width: int) -> View:
        resize, size, keeps = self._resize, self._size, self._keeps
        if not number:
            return View.plain(height, width, resize=resize, size=size, keeps=keeps).to(self._ids.device)
        uniform = self._random.derived(str(number)).uniform(self._ids, (NUMBERS,))[0].cpu()
        view = View.drawn(height, width, self._spread, uniform, resize=resize, size=size, keeps=keeps)
        return view.to(self._ids.device)


def _as_it_is(picture: Tensor) -> Tensor:
    return picture


def _as_stored(picture: Tensor, *, orientation: int) -> Tensor:
    """Upright pictures as a file has them: (n, c, h, w)."""
    # The positions of the pixels are turned as pixels are: there is one description of the eight orientations.
    height, width = picture.shape[2:]
    places = np.ascontiguousarray(as_stored(np.arange(height * width).reshape(height, width), orientation))
    return picture.flatten(2)[:, :, torch.from_numpy(places.ravel())].reshape(*picture.shape[:2], *places.shape)


def _attack(job: Job) -> Attack:
    """The attack, without what takes one pass for the outcome: each sees another view, and the next may be harder."""
    attack = job.attack
    return replace(attack, keep_best=False, stop=False) if isinstance(attack, DescentAttack) else attack


def _changed(picture: Tensor, change: Tensor, epsilon: float) -> Tensor:
    """A photograph with a change, enlarged to its size and rounded to levels within the radius: (3, h, w) uint8."""
    most = int(epsilon * LEVELS + SLACK)
    size = picture.shape[1:]
    found = picture.clone()
    for channel, part in enumerate(change.expand(3, -1, -1)):  # one at a time: a photograph's floats are many
        whole = part if part.shape == size else interpolate(part[None, None], size=tuple(size), mode="bilinear")[0, 0]
        levels = (whole * LEVELS).round().clamp(-most, most).to(torch.int16)
        found[channel] = (picture[channel].to(torch.int16) + levels).clamp(0, LEVELS).to(torch.uint8)
    return found


def _identity(pixels: np.ndarray) -> int:
    """What keys the random numbers of a photograph."""
    sha = hashlib.sha256(str(pixels.shape).encode())
    sha.update(np.ascontiguousarray(pixels).data)
    return int.from_bytes(sha.digest()[:7], "little")
