"""Toy victims, with queries and contexts to attack them.

Small enough that an attack on them takes a fraction of a second, and simple enough that its optimum is known.
"""

from itertools import islice, product

import torch
from torch import Tensor, nn

from robusthash.contracts import (
    TEXT,
    ArrayImages,
    ArrayTexts,
    AttackBatch,
    AttackContext,
    Box,
    Budget,
    CodeBank,
    HashModel,
    LearningContext,
    Modality,
    Oracle,
    Radius,
    Randomness,
    Space,
    Split,
    Surrogate,
    Threat,
)
from robusthash.pixels import LEVELS, quantise, to_levels
from robusthash.retrieval import TorchRetriever
from robusthash.specs import Distance

SIDE = 16  #: height and width of the toy images, in pixels
CLASSES = 4  #: toy labels
WIDTH = 48  #: dimensions of a toy text
TAGS = Box(levels=1)  #: of toy texts whose dimensions are tags
BOX = Box(low=-1.0, high=3.0, levels=4)  #: of toy texts: nothing that holds only in pixel space holds here


class LinearVictim(HashModel):
    """A seeded linear map whose bits share no pixels, so that the best L-infinity attack has a closed form.

    Logits are of order 1, and at epsilon 8/255 about half of the bits of a toy image can be flipped.

    Args:
        bits: code length K.
        seed: of the weights and of the pixels of each bit.
    """

    def __init__(self, bits: int = 8, *, seed: int = 0) -> None:
        super().__init__()
        self.bits = bits
        self.modality = Modality.image(SIDE)
        pixels = 3 * SIDE * SIDE
        generator = torch.Generator().manual_seed(seed)
        owner = torch.randperm(pixels, generator=generator) % bits
        dense = torch.randn(bits, pixels, generator=generator) * 4 * (bits / pixels) ** 0.5
        self.weight = nn.Parameter(torch.where(owner == torch.arange(bits)[:, None], dense, 0.0))

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits ``W (x - 1/2)``: (n, bits) float."""
        logits: Tensor = (inputs - 0.5).flatten(1) @ self.weight.T
        return logits

    def extreme(self, inputs: Tensor, aim: Tensor, threat: Threat) -> Tensor:
        """The optimum: the logits of the 8-bit image in the ball and the box that goes furthest towards an aim.

        Every pixel belongs to one bit, so all bits reach their maximum ``sum_i |w_i| r_i`` at once, where r_i is the
        distance that the ball and the box allow for pixel i.

        Args:
            inputs: (n, 3, h, w) float in [0, 1], on the 8-bit grid.
            aim: (n, bits) in {-1, +1}.
            threat: the ball and the box.

        Returns:
            (n, bits) float.
        """
        with torch.no_grad():
            clean = inputs.flatten(1)
            reach = int(threat.epsilon * LEVELS + 1e-6) / LEVELS
            up, down = (threat.box.high - clean).clamp(max=reach), (clean - threat.box.low).clamp(max=reach)
            rising, falling = self.weight.clamp(min=0).T, -self.weight.clamp(max=0).T
            towards_plus = up @ rising + down @ falling
            towards_minus = down @ rising + up @ falling
            furthest: Tensor = self(inputs) + aim * torch.where(aim > 0, towards_plus, towards_minus)
        return furthest


class SmallVictim(HashModel):
    """A seeded, untrained convolutional network with batch normalisation; its logits are of order 1.

    Args:
        bits: code length K.
        seed: of the weights.
    """

    def __init__(self, bits: int = 16, *, seed: int = 0) -> None:
        super().__init__()
        self.bits = bits
        self.modality = Modality.image(SIDE)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.features = nn.Sequential(
                nn.Conv2d(3, 8, 3, stride=2, padding=1),
                nn.BatchNorm2d(8),
                nn.ReLU(),
                nn.Conv2d(8, 16, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Flatten(),
            )
            self.hash_layer = nn.Linear(16 * (SIDE // 4) ** 2, bits)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (n, bits) float."""
        logits: Tensor = self.hash_layer(self.features((inputs - 0.5) / 0.25))
        return 10 * logits


class DescriptorVictim(SmallVictim):
    """The network of :class:`SmallVictim`, whose outputs are searched as they are.

    Args:
        size: dimension of the descriptors.
        distance: how they are compared.
        seed: of the weights.
    """

    def __init__(self, size: int = 16, *, distance: Distance = Distance.COSINE, seed: int = 0) -> None:
        super().__init__(size, seed=seed)
        self.bits = None
        self._space = Space(distance=distance, size=size)

    @property
    def space(self) -> Space:
        """Cosine or L2."""
        return self._space


class TextVictim(HashModel):
    """A seeded, untrained network of texts; its logits are of order 1. Of one level, the texts are toy words.

    Args:
        bits: code length K.
        box: of the texts.
        width: of the texts.
        seed: of the weights.
    """

    def __init__(self, bits: int = 16, *, box: Box = BOX, width: int = WIDTH, seed: int = 0) -> None:
        super().__init__()
        self.bits = bits
        words = toy_words(width) if box.levels == 1 else None
        self.modality = Modality(name=TEXT, shape=(width,), box=box, vocabulary=words)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(nn.Linear(width, 32), nn.Tanh(), nn.Linear(32, bits))

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (n, bits) float."""
        box = self.modality.box
        logits: Tensor = self.layers(4 * ((inputs - box.low) / box.width - 0.5))
        return 10 * logits


def toy_words(count: int) -> tuple[str, ...]:
    """Words of three letters, each a character away from some of the others.

    Args:
        count: number of words, at most 125.
    """
    return tuple(map("".join, islice(product("bdmnt", "aeiou", "bdmnt"), count)))


def toy_inputs(modality: Modality, count: int, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Toy images or toy texts; those of one label are alike.

    Args:
        modality: of images (3, 16, 16) in pixel space, or of texts (d,) in any box.
        count: number of items; labels cycle through the classes.
        seed: of the noise.

    Returns:
        (count, ...) float32, in the box and on its levels; and labels (count, 4) uint8, one-hot.
    """
    images, labels = toy_images(count, seed=seed)
    if modality.name != TEXT:
        return images, labels
    base = torch.rand(CLASSES, *modality.shape, generator=torch.Generator().manual_seed(4))
    noise = torch.rand(count, *modality.shape, generator=torch.Generator().manual_seed(seed)) - 0.5
    unit = base[torch.arange(count) % CLASSES] + 0.3 * noise
    return modality.box.nearest(modality.box.low + unit * modality.box.width), labels


def toy_images(count: int, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noisy coloured squares; images of one label share their squares.

    Args:
        count: number of images; labels cycle through the classes.
        seed: of the noise; the squares are fixed.

    Returns:
        Images (count, 3, 16, 16) float32 in [0, 1] on the 8-bit grid, some pixels at the limits of the box; and labels
        (count, 4) uint8, one-hot.
    """
    kinds = torch.arange(count) % CLASSES
    squares = toy_squares()[kinds]
    noise = torch.rand(squares.shape, generator=torch.Generator().manual_seed(seed)) - 0.5
    labels: Tensor = torch.eye(CLASSES, dtype=torch.uint8)[kinds]
    return quantise(squares + 0.3 * noise), labels


def toy_squares() -> Tensor:
    """What the images of each label have in common: (labels, 3, 16, 16) float in [0, 1]."""
    squares = torch.rand(CLASSES, 3, 4, 4, generator=torch.Generator().manual_seed(4))
    return squares.repeat_interleave(SIDE // 4, dim=2).repeat_interleave(SIDE // 4, dim=3)


def toy_context(
    model: HashModel, *, epsilon: Radius | float = 8 / 255, seed: int = 0, train: int = 40, items: int = 400
) -> AttackContext:
    """A context with everything that an attack may need, and an empty budget for passes and queries.

    Args:
        model: a victim of toy images or texts; it is frozen and put in evaluation mode, as the host does.
        epsilon: radius of the ball, in L-infinity if it is a number.
        seed: of the attack's randomness.
        train: number of items of the code bank.
        items: number of items that the victim's service searches.
    """
    model.eval().requires_grad_(False)
    budget = Budget()
    return AttackContext(
        surrogate=Surrogate(model, budget),
        threat=Threat.on(model.modality, epsilon),
        random=Randomness(seed=seed, purpose="toy"),
        bank=_bank(model, train),
        oracle=toy_oracle(model, budget, items=items),
    )


def toy_learning(
    model: HashModel, *, epsilon: Radius | float = 8 / 255, seed: int = 0, train: int = 40
) -> LearningContext:
    """What an attack that learns is handed, on toy images, and one budget at zero.

    Args:
        model: a victim of toy images or texts; it is frozen and put in evaluation mode, as the host does.
        epsilon: radius of the ball, in L-infinity if it is a number.
        seed: of the attack's randomness.
        train: items of the train split.
    """
    model.eval().requires_grad_(False)
    modality = model.modality
    inputs, labels = toy_inputs(modality, train, seed=1)
    view = ArrayTexts(inputs, modality) if modality.name == TEXT else ArrayImages(to_levels(inputs))
    return LearningContext(
        surrogate=Surrogate(model, Budget()),
        threat=Threat.on(modality, epsilon),
        train=Split(name="train", views={modality.name: view}, labels=labels, ids=tuple(map(str, range(train)))),
        bank=_bank(model, train),
        random=Randomness(seed=seed, purpose="toy"),
        device=torch.device("cpu"),
    )


def toy_oracle(model: HashModel, budget: Budget, *, items: int = 400) -> Oracle:
    """A victim's service over a database of toy items, with an exact search.

    Args:
        model: a victim of toy images or texts, in evaluation mode.
        budget: counts the queries.
        items: number of items of the database.
    """
    inputs, _ = toy_inputs(model.modality, items, seed=3)
    index = TorchRetriever(device="cpu").index(model.represent(inputs), model.space)
    return Oracle(model, index, budget)


def toy_batch(model: HashModel, *, size: int = 12, seed: int = 2, voters: int = 5) -> AttackBatch:
    """Queries with labels, target labels and anchor codes.

    Args:
        model: the victim that hashes the anchors.
        size: number of queries.
        seed: of the queries' noise.
        voters: number of anchors per query.
    """
    inputs, labels = toy_inputs(model.modality, size, seed=seed)
    targets = labels.roll(1, dims=1)
    database, database_labels = toy_inputs(model.modality, voters * CLASSES, seed=3)
    codes = _codes(model, database)
    anchors = torch.stack([codes[(database_labels == target).all(1)] for target in targets])
    return AttackBatch(inputs=inputs, ids=100 + torch.arange(size), labels=labels, targets=targets, anchors=anchors)


def _bank(model: HashModel, items: int) -> CodeBank:
    inputs, labels = toy_inputs(model.modality, items, seed=1)
    return CodeBank(codes=_codes(model, inputs), labels=labels)


def _codes(model: HashModel, inputs: Tensor) -> Tensor:
    """Codes, or descriptors where the model gives those."""
    return model.space.codes(model.represent(inputs))
