"""Imports checkpoints of other repositories: renames their tensors, and describes where they came from."""

import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from robusthash.checkpoints import is_pickle
from robusthash.contracts import Backbone
from robusthash.errors import CheckpointError
from robusthash.files.paths import as_text
from robusthash.files.tensors import load_tensors, tensors_digest
from robusthash.specs import PluginUse
from robusthash.training.networks.checkpoint import Description, save_checkpoint
from robusthash.training.networks.network import HashNetwork, build_network
from robusthash.training.networks.weights import load_weights, unwrapped

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_AS_THEY_ARE = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

Rule = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a repository names the tensors of its hash networks, and how it normalises images.

    Attributes:
        rules: pairs of a pattern for a whole name and our name; the first match counts. Several may map to one tensor.
        normalisation: mean and deviation of each channel, in pixel space.
    """

    rules: tuple[Rule, ...]
    normalisation: tuple[tuple[float, float, float], tuple[float, float, float]]

    @property
    def normalises(self) -> bool:
        """Whether images are normalised."""
        return self.normalisation != _AS_THEY_ARE

    def rename(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors under our names; a name that no rule matches is kept.

        Raises:
            CheckpointError: two names of one tensor have different values.
        """
        renamed: dict[str, Tensor] = {}
        sources: dict[str, str] = {}
        for name, tensor in unwrapped(state).items():
            ours = self._renamed(name)
            if ours in renamed and not torch.equal(renamed[ours], tensor):
                raise CheckpointError(
                    f"{sources[ours]} and {name} differ, but are one tensor in this layout",
                    hint="save the state again",
                )
            renamed[ours], sources[ours] = tensor, name
        return renamed

    def _renamed(self, name: str) -> str:
        for pattern, replacement in self.rules:
            if match := re.fullmatch(pattern, name):
                return match.expand(replacement)
        return name


# Residual networks: each part has torchvision's name, and a second one in a sequence.
_RESIDUAL: tuple[Rule, ...] = (
    (r"((?:conv1|bn1|layer[1-4])\..+)", r"features.\1"),
    (r"feature_layers\.0\.(weight)", r"features.conv1.\1"),
    (r"feature_layers\.1\.(\w+)", r"features.bn1.\1"),
    *((rf"feature_layers\.{i + 3}\.(.+)", rf"features.layer{i}.\1") for i in range(1, 5)),
    (r"hash_layer\.(weight|bias)", r"hash_layer.\1"),
)
# AlexNet and VGG: convolutions, then a sequence that ends in the hash layer; VGG's first layer has a second name.
_SEQUENCE: tuple[Rule, ...] = (
    (r"features\.(.+)", r"features.features.\1"),
    (r"cl1\.(.+)", r"features.classifier.0.\1"),
    (r"classifier\.6\.(.+)", r"hash_layer.\1"),
    (r"classifier\.([0-5]\..+)", r"features.classifier.\1"),
)
# ProS-GAN's networks for HashNet: the hash layer is separate, and the parts also have names in a sequence.
_HASHNET: tuple[Rule, ...] = (
    (r"classifier\.classifier([0-5]\..+)", r"features.classifier.\1"),
    (r"feature_layers\.0\.(\d+\..+)", r"features.features.\1"),
    (r"feature_layers\.1\.classifier([0-5]\..+)", r"features.classifier.\1"),
)

#: By name. ProS-GAN's code has its normalisation commented out; DeepHash-pytorch normalises images when loading them.
LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "prosgan": Layout(rules=_SEQUENCE + _HASHNET + _RESIDUAL, normalisation=_AS_THEY_ARE),
        "saat": Layout(rules=_SEQUENCE + _RESIDUAL, normalisation=_IMAGENET),
        "deephash": Layout(
            rules=(
                (r"features\.(.+)", r"features.features.\1"),
                (r"hash_layer\.6\.(.+)", r"hash_layer.\1"),
                (r"hash_layer\.([0-5]\..+)", r"features.classifier.\1"),
                *_RESIDUAL,
            ),
            normalisation=_IMAGENET,
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What the user says about a foreign checkpoint.

    Attributes:
        path: a state dict, ``.pt``, ``.pth`` or safetensors.
        layout: a name of :data:`LAYOUTS`.
        model: the objective that trained it.
        backbone: its feature network.
        bits: code length K.
        image_size: height and width of its inputs, in pixels.
        dataset: what it was trained on.
    """

    path: Path
    layout: str
    model: PluginUse
    backbone: PluginUse
    bits: int
    image_size: int
    dataset: str


def import_checkpoint(origin: Origin, backbone: Backbone, output: Path, *, version: str) -> Description:
    """Converts a foreign checkpoint to one of ours, with the same logits.

    The splits that it was trained on are unknown, so the description has neither a dataset digest nor classes.

    Args:
        origin: the file, and what the user says about it.
        backbone: the feature network.
        output: where the checkpoint goes.
        version: of robusthash.

    Returns:
        Its description.

    Raises:
        CheckpointError: the file is not a plain state dict, or is of another network, layout or code length.
        StorageError: the checkpoint cannot be written.
    """
    state = read_state(origin.path)
    network = import_network(state, origin, backbone)
    mean, std = LAYOUTS[origin.layout].normalisation
    description = Description(
        model=origin.model,
        backbone=origin.backbone,
        pretrained="unknown",
        recipe={"imported": origin.layout},
        bits=origin.bits,
        image_size=origin.image_size,
        dataset=origin.dataset,
        dataset_digest="",
        classes=(),
        seed=0,
        versions={"robusthash": version, "torch": torch.__version__},
        report={"file": as_text(origin.path.name), "digest": tensors_digest(state), "mean": mean, "std": std},
    )
    return save_checkpoint(output, network, description)


def import_network(state: Mapping[str, Tensor], origin: Origin, backbone: Backbone) -> HashNetwork:
    """The network of a foreign state.

    Args:
        state: its tensors, under the repository's names.
        origin: as for :func:`import_checkpoint`.
        backbone: as for :func:`import_checkpoint`.

    Returns:
        A network on the CPU, in evaluation mode.

    Raises:
        CheckpointError: missing, unexpected or misshapen tensors, or another normalisation than the layout's.
    """
    layout = LAYOUTS[origin.layout]
    if (backbone.mean, backbone.std) != layout.normalisation:
        raise CheckpointError(
            f"layout {origin.layout} normalises with mean and deviation {layout.normalisation}, "
            f"but backbone {origin.backbone.name} with {(backbone.mean, backbone.std)}",
            hint=f"set -o {origin.backbone.name}.normalise={str(layout.normalises).lower()}, or use another backbone",
        )
    network = build_network(backbone, bits=origin.bits, image_size=origin.image_size, weights="none", seed=0)
    renamed = layout.rename(state)
    for name in ("mean", "std"):
        if name in renamed:
            raise CheckpointError(
                f"{origin.path} has a tensor {name!r}, which networks of layout {origin.layout} do not have",
                hint="it may normalise images differently; remove the tensor if the layout's normalisation is right",
            )
        renamed[name] = network.get_buffer(name)
    load_weights(network, renamed, f"{origin.path}, read in layout {origin.layout},")
    return network.eval()


def read_state(path: Path) -> dict[str, Tensor]:
    """Reads a plain state dict. No code in the file is run: a pickle is opened by a reader that only accepts tensors.

    Raises:
        CheckpointError: it cannot be read, would run code, or holds anything but named tensors.
    """
    if not is_pickle(path):
        return load_tensors(path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")  # it is read, or raises below
            content = torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        raise _refused(path, error) from error
    except Exception as error:  # on a damaged file the reader raises all kinds of errors
        raise CheckpointError(
            f"{path} cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            hint="copy or download it again",
        ) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a state dict", hint=_SAVE)
    others = [str(name) for name, value in content.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if others or not content:
        raise CheckpointError(
            f"{path} does not hold a plain state dict: "
            + (f"not a named tensor: {', '.join(others[:3])}" if others else "it is empty"),
            hint=_SAVE,
        )
    return {name: tensor.contiguous() for name, tensor in content.items()}


_SAVE = "save the network's own state: torch.save(network.state_dict(), 'state.pt')"


def _refused(path: Path, error: pickle.UnpicklingError) -> CheckpointError:
    found = re.search(r"GLOBAL ([\w.]+)", str(error))
    what = f"names {found[1]}, so opening it would run code" if found else "is not a pickle of tensors"
    return CheckpointError(
        f"{path} {what}; only plain state dicts are imported",
        hint="if it is a whole network and you trust it, open it where its code is, and save its state alone: "
        "torch.save(torch.load(path, weights_only=False).state_dict(), 'state.pt')",
    )
