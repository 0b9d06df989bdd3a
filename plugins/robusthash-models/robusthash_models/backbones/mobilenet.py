"""MobileNet, the first version (Howard et al., 2017)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from robusthash.contracts import Backbone
from robusthash.errors import CheckpointError
from robusthash.training import load_tensors, load_weights

_STEM = 32
#: Output channels and stride of each depthwise separable block, table 1 of the paper.
_BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)
_BATCHNORM_EPSILON = 1e-3  #: of the published weights; torch's default is a hundredth of it


@dataclass(frozen=True, kw_only=True)
class MobileNetV1(Backbone):
    """Depthwise separable convolutions up to the global average pooling.

    The hash layer has torch's default initialisation.

    The padding is TensorFlow's, so that the authors' weights fit: a convolution of stride 2 pads an even image only on
    the right and at the bottom. They take RGB in [-1, 1].
    """

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    channels_last = True  # on a CPU 12 to 25 % faster, docs/models/backbones.md

    width: Literal["0.75", "1.0"] = "1.0"  #: width multiplier alpha: the share of the channels

    def build(self, weights: str) -> tuple[nn.Module, int]:
        """Convolutions and pooling: (n, 3, h, w) to (n, 1024 width)."""
        features = _Features(float(self.width))
        if weights == "default":
            raise CheckpointError(
                "there are no weights of mobilenet-v1 to download",
                hint="give a safetensors file with --weights, or use random weights with --weights none",
            )
        if weights != "none":
            load_weights(features, load_tensors(Path(weights)), weights, optional=["preds."])
        return features, features.channels


class _Features(nn.Module):
    """A 3x3 stem, then blocks of a depthwise 3x3 and a pointwise convolution, each batch-normalised and with ReLU6."""

    def __init__(self, width: float) -> None:
        super().__init__()
        channels = int(_STEM * width)
        self.conv1 = nn.Conv2d(3, channels, 3, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(channels, eps=_BATCHNORM_EPSILON)
        self.dw, self.dwbn, self.pw, self.pwbn = (nn.ModuleList() for _ in range(4))
        for outputs, stride in _BLOCKS:
            self.dw.append(nn.Conv2d(channels, channels, 3, stride=stride, groups=channels, bias=False))
            self.dwbn.append(nn.BatchNorm2d(channels, eps=_BATCHNORM_EPSILON))
            inputs, channels = channels, int(outputs * width)
            self.pw.append(nn.Conv2d(inputs, channels, 1, bias=False))
            self.pwbn.append(nn.BatchNorm2d(channels, eps=_BATCHNORM_EPSILON))
        self.channels = channels

    def forward(self, images: Tensor) -> Tensor:
        maps = functional.relu6(self.bn1(self.conv1(_padded(images, 2))))
        for i, (_, stride) in enumerate(_BLOCKS):
            maps = functional.relu6(self.dwbn[i](self.dw[i](_padded(maps, stride))))
            maps = functional.relu6(self.pwbn[i](self.pw[i](maps)))
        return maps.mean((2, 3))


def _padded(maps: Tensor, stride: int) -> Tensor:
    """Zero padding for a 3x3 convolution to give ceil(side / stride); an odd row or column goes below or right."""
    height, width = (max((-(-side // stride) - 1) * stride + 3 - side, 0) for side in maps.shape[2:])
    return functional.pad(maps, (width // 2, width - width // 2, height // 2, height - height // 2))
