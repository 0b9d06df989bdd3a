"""Any network of timm (Wightman, PyTorch Image Models), without its classifier."""

import contextlib
import importlib
import urllib.error
import urllib.request
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from torch import nn

from robusthash.errors import CheckpointError, MissingDependencyError, OptionError
from robusthash.training import load_tensors, load_weights
from robusthash_models.backbones.normalised import Normalised
from robusthash_models.backbones.pretrained import TIMEOUT


@dataclass(frozen=True, kw_only=True)
class TimmModel(Normalised):
    """A network of timm with its classifier removed: its pooled features.

    Image size, mean and deviation are those of its pretrained weights. The hash layer has torch's default start.

    Raises:
        OptionError: timm has no network of this name.
        MissingDependencyError: timm is not installed.
    """

    name: str  #: timm's name of the network, with or without a tag of its weights: resnet18 or resnet18.a1_in1k

    def __post_init__(self) -> None:
        timm = _timm()
        architecture, _, tag = self.name.partition(".")
        known = timm.list_models()
        if architecture not in known:
            near = get_close_matches(architecture, known, n=1, cutoff=0.5)
            raise OptionError(
                f"timm {timm.__version__} has no network {architecture!r}",
                hint=(f"did you mean {near[0]!r}? " if near else "") + "timm.list_models() lists all",
            )
        try:
            published = timm.get_pretrained_cfg(self.name)
        except RuntimeError as error:
            tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{architecture}.*")]
            raise OptionError(
                f"timm has no weights {tag!r} for {architecture}", hint=f"known: {', '.join(tags) or 'none'}"
            ) from error
        if published is not None:
            object.__setattr__(self, "image_size", published.input_size[-1])
            object.__setattr__(self, "mean", tuple(map(float, published.mean)))
            object.__setattr__(self, "std", tuple(map(float, published.std)))
        super().__post_init__()

    def build(self, weights: str) -> tuple[nn.Module, int]:
        """All but the classifier: (n, 3, h, w) to (n, d), d as the network has it."""
        network = self._pretrained() if weights == "default" else _timm().create_model(self.name, num_classes=0)
        if weights not in ("none", "default"):
            heads = network.pretrained_cfg.get("classifier") or ()
            prefixes = [f"{head}." for head in ((heads,) if isinstance(heads, str) else heads)]
            load_weights(network, load_tensors(Path(weights)), weights, optional=prefixes)
        built: nn.Module = network
        return built, int(network.head_hidden_size or network.num_features)

    def _pretrained(self) -> Any:
        try:
            # A cached file is used as it is: the hub's client would ask for a newer one, repeatedly.
            cached = self._cached()
            overlay = {"file": cached} if cached else None
            return _timm().create_model(self.name, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay)
        except Exception as error:  # the hub's client, its transport and timm raise errors of three trees
            reason = getattr(error, "reason", None) or (str(error) or type(error).__name__).splitlines()[0]
            raise CheckpointError(
                f"cannot fetch timm's weights of {self.name}: {reason}",
                hint="on a machine with internet access, save timm.create_model(name, pretrained=True).state_dict() as "
                "safetensors, and give its path with --weights; --weights none uses random weights",
            ) from error

    def _cached(self) -> str | None:
        """The file in the hub's cache. Without one, the hub is contacted once: its client would retry for a minute."""
        hub = importlib.import_module("huggingface_hub")
        repository = _timm().get_pretrained_cfg(self.name).hf_hub_id
        found = hub.try_to_load_from_cache(repository, "model.safetensors") if repository else None
        if isinstance(found, str):
            return found
        if repository and not hub.constants.HF_HUB_OFFLINE:
            request = urllib.request.Request(hub.constants.ENDPOINT, method="HEAD")  # noqa: S310 - the hub's, https
            with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310 - as above
                pass
        return None


def _timm() -> Any:
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise MissingDependencyError(
            f"the backbone timm cannot import timm: {error}", hint="pip install 'robusthash-models[timm]'"
        ) from error
