"""Toy victims, with queries and contexts to attack them.

Small enough that an attack on them takes a fraction of a second, and simple enough that its optimum is known.
"""

import torch
from torch import Tensor, nn

from robusthash.contracts import (
    ArrayImages,
    AttackBatch,
    AttackContext,
    Budget,
    CodeBank,
    HashModel,
    LearningContext,
    Modality,
    Oracle,
    Randomness,
    Split,
    Surrogate,
    Threat,
)
from robusthash.hashing import pack
from robusthash.pixels import LEVELS, quantise, to_levels
from robusthash.retrieval import TorchRetriever

SIDE = 16  #: height and width of the toy images, in pixels
CLASSES = 4  #: toy labels


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
    model: HashModel, *, epsilon: float = 8 / 255, seed: int = 0, train: int = 40, items: int = 400
) -> AttackContext:
    """A context with everything that an attack may need, and an empty budget for passes and queries.

    Args:
        model: a victim of toy images; it is frozen and put in evaluation mode, as the host does.
        epsilon: radius of the ball.
        seed: of the attack's randomness.
        train: number of items of the code bank.
        items: number of items that the victim's service searches.
    """
    model.eval().requires_grad_(False)
    images, labels = toy_images(train, seed=1)
    budget = Budget()
    return AttackContext(
        surrogate=Surrogate(model, budget),
        threat=Threat(epsilon=epsilon),
        random=Randomness(seed=seed, purpose="toy"),
        bank=CodeBank(codes=model.codes(images), labels=labels),
        oracle=toy_oracle(model, budget, items=items),
    )


def toy_learning(model: HashModel, *, epsilon: float = 8 / 255, seed: int = 0, train: int = 40) -> LearningContext:
    """What an attack that learns is handed, on toy images, and one budget at zero.

    Args:
        model: a victim of toy images; it is frozen and put in evaluation mode, as the host does.
        epsilon: radius of the ball.
        seed: of the attack's randomness.
        train: items of the train split.
    """
    model.eval().requires_grad_(False)
    images, labels = toy_images(train, seed=1)
    ids = tuple(map(str, range(train)))
    return LearningContext(
        surrogate=Surrogate(model, Budget()),
        threat=Threat.on(model.modality, epsilon),
        train=Split.of_images(name="train", images=ArrayImages(to_levels(images)), labels=labels, ids=ids),
        bank=CodeBank(codes=model.codes(images), labels=labels),
        random=Randomness(seed=seed, purpose="toy"),
        device=torch.device("cpu"),
    )


def toy_oracle(model: HashModel, budget: Budget, *, items: int = 400) -> Oracle:
    """A victim's service over a database of toy images, with an exact search.

    Args:
        model: a victim of toy images, in evaluation mode.
        budget: counts the queries.
        items: number of items of the database.
    """
    images, _ = toy_images(items, seed=3)
    index = TorchRetriever(device="cpu").index(pack(model.codes(images)), model.space)
    return Oracle(model, index, budget)


def toy_batch(model: HashModel, *, size: int = 12, seed: int = 2, voters: int = 5) -> AttackBatch:
    """Queries with labels, target labels and anchor codes.

    Args:
        model: the victim that hashes the anchors.
        size: number of queries.
        seed: of the queries' noise.
        voters: number of anchors per query.
    """
    inputs, labels = toy_images(size, seed=seed)
    targets = labels.roll(1, dims=1)
    database, database_labels = toy_images(voters * CLASSES, seed=3)
    codes = model.codes(database)
    anchors = torch.stack([codes[(database_labels == target).all(1)] for target in targets])
    return AttackBatch(inputs=inputs, ids=100 + torch.arange(size), labels=labels, targets=targets, anchors=anchors)
