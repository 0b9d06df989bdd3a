"""CLIP's image tower: a vision transformer."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from robusthash.contracts import Backbone
from robusthash.errors import CheckpointError, OptionError
from robusthash.training import load_tensors, load_weights
from robusthash_crossmodal.victims.networks.clip.layers import Layers, require_sizes
from robusthash_crossmodal.victims.networks.clip.names import tower_of


@dataclass(frozen=True, kw_only=True)
class ClipImage(Backbone):
    """CLIP's vision transformer (Radford et al., ICML 2021), with the projection into the space of both towers."""

    mean = (0.48145466, 0.4578275, 0.40821073)
    std = (0.26862954, 0.26130258, 0.27577711)

    image_size: int = 224  #: height and width of its images, in pixels, a multiple of the patch
    patch: int = 32  #: height and width of a patch, in pixels
    width: int = 768  #: of the tokens
    layers: int = 12  #: number of layers
    heads: int = 12  #: attention heads of a layer
    output: int = 512  #: number of features
    quick: bool = True  #: the activation of OpenAI's weights, x sigmoid(1.702 x); most of OpenCLIP's have GELU: false

    def __post_init__(self) -> None:
        require_sizes(width=self.width, layers=self.layers, heads=self.heads, patch=self.patch, output=self.output)
        if self.image_size < self.patch or self.image_size % self.patch:
            raise OptionError(f"image_size={self.image_size}", hint=f"use a multiple of the patch, {self.patch}")

    def build(self, weights: str) -> tuple[nn.Module, int]:
        """The tower: (n, 3, image_size, image_size) to (n, output).

        Raises:
            CheckpointError: the weights cannot be read, or do not fit; none are downloaded.
        """
        if weights == "default":
            raise CheckpointError(
                "weights of CLIP are not downloaded",
                hint="give them with --weights FILE, as safetensors with the names of OpenAI's, OpenCLIP's or Hugging "
                "Face's code",
            )
        network = _Tower(self)
        if weights != "none":
            load_weights(network, tower_of(load_tensors(Path(weights)), "image"), f"the image tower in {weights}")
        return network, self.output


class _Tower(nn.Module):
    """Under the names of CLIP's authors."""

    def __init__(self, options: ClipImage) -> None:
        super().__init__()
        width, scale = options.width, options.width**-0.5
        self.side = options.image_size
        self.conv1 = nn.Conv2d(3, width, options.patch, stride=options.patch, bias=False)
        self.class_embedding = nn.Parameter(scale * torch.randn(width))
        self.positional_embedding = nn.Parameter(scale * torch.randn((self.side // options.patch) ** 2 + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Layers(width, options.layers, options.heads, causal=False, quick=options.quick)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(scale * torch.randn(width, options.output))

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[2:] != (self.side, self.side):
            raise ValueError(f"it takes {self.side}x{self.side} images alone")
        patches = self.conv1(images).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(images), 1, -1)
        tokens = self.ln_pre(torch.cat([first, patches], dim=1) + self.positional_embedding)
        found: Tensor = self.ln_post(self.transformer(tokens)[:, 0]) @ self.proj
        return found
