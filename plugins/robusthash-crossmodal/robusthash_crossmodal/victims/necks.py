"""A layer between the features of images and the hash layer."""

from torch import nn

from robusthash.contracts import IMAGE
from robusthash.errors import OptionError


def image_neck(modality: str, features: int, hidden: int | None) -> tuple[nn.Module, int] | None:
    """One fully connected layer with ReLU over image features: over a frozen backbone, all that is not linear.

    Texts have such a layer in their own network.

    Args:
        modality: of the tower.
        features: width of its features.
        hidden: width of the layer; None is no layer.

    Returns:
        The layer and its width; None if there is none.
    """
    if modality != IMAGE or hidden is None:
        return None
    return nn.Sequential(nn.Linear(features, hidden), nn.ReLU()), hidden


def check_width(hidden: int | None) -> None:
    """Refuses a width that no layer has.

    Raises:
        OptionError: it is not positive.
    """
    if hidden is not None and hidden < 1:
        raise OptionError(f"hidden={hidden}", hint="at least 1, or none")
