"""The vision transformer (Dosovitskiy et al., ICLR 2021)."""

from collections import OrderedDict
from dataclasses import dataclass

from torch import nn

from robusthash.errors import OptionError
from robusthash.training import load_weights
from robusthash_models.backbones.normalised import Normalised
from robusthash_models.backbones.pretrained import told, torchvision_state

_NAME = "vit_b_16"
_PATCH = 16
_POSITIONS = "encoder.pos_embedding"


@dataclass(frozen=True, kw_only=True)
class ViTB16(Normalised):
    """The class token after the final norm; the hash layer has torch's default initialisation.

    It takes images of a single size. Position embeddings of weights for another size are interpolated, as torchvision
    does.

    Raises:
        OptionError: the image size is not a multiple of the patch size.
    """

    image_size: int = 224  #: height and width of its images, in pixels, a multiple of 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_size < _PATCH or self.image_size % _PATCH:
            raise OptionError(f"image_size is {self.image_size}", hint=f"use a multiple of the patch size, {_PATCH}")

    def build(self, weights: str) -> tuple[nn.Module, int]:
        """All but the classifier: (n, 3, image_size, image_size) to (n, 768)."""
        import torchvision  # slow to import, and options are read without it
        from torchvision.models.vision_transformer import interpolate_embeddings

        network: nn.Module = torchvision.models.get_model(_NAME, weights=None, image_size=self.image_size)
        state = torchvision_state(_NAME, weights)
        if state is not None:
            if _POSITIONS in state and state[_POSITIONS].shape != network.state_dict()[_POSITIONS].shape:
                state = dict(interpolate_embeddings(self.image_size, _PATCH, OrderedDict(state)))
            load_weights(network, state, told(_NAME, weights), optional=["heads."])
        network.register_module("heads", nn.Identity())
        return network, 768
