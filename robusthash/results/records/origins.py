"""Where what was evaluated came from: all that making it again needs, and that does not identify it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from robusthash.specs import PluginUse


@dataclass(frozen=True, kw_only=True)
class ModelOrigin:
    """How a trained model was made, beside its entry in the record: what its checkpoint says of it.

    Attributes:
        weights: digest of the weights, as in the checkpoint that holds them.
        backbones: its feature networks, by modality.
        pretrained: the backbone's initial weights: ``none``, ``default``, a file's digest, or ``unknown``.
        seed: of the training.
        image_size: height and width of its images, in pixels.
        dataset_digest: of the three splits of the dataset that it was trained on; empty for an imported model.
        hardened: seed of the hardening, of weights that a defense has trained and a checkpoint holds; None for others:
            what hardened them, if anything did, did so with the run's seed.
    """

    weights: str
    backbones: Mapping[str, PluginUse]
    pretrained: str
    seed: int
    image_size: int
    dataset_digest: str
    hardened: int | None = None


@dataclass(frozen=True, kw_only=True)
class Origins:
    """What making a record again needs, and its other parts do not say. No number and no digest depends on it.

    Attributes:
        dataset: registered name of the dataset, whose own name may be another one.
        image_size: height and width that images were resized to, in pixels; None is the dataset's own.
        metrics: the ranking metrics as plugins, by their own names.
        victim: how the victim was trained; None if it was not, such as a closed form of the user's own.
        surrogate: likewise, of the model that the attack was crafted on.
        learnt: digests of what attacks had learnt before the first query, by name of the attack.
    """

    dataset: str
    image_size: int | None
    metrics: Mapping[str, PluginUse] = field(default_factory=dict)
    victim: ModelOrigin | None = None
    surrogate: ModelOrigin | None = None
    learnt: Mapping[str, str] = field(default_factory=dict)
