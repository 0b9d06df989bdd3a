"""Explains codes of a caller's images."""

from robusthash.api.attacking import Rows, given_model
from robusthash.api.checkpoint import Checkpoint
from robusthash.api.inputs import given_inputs
from robusthash.api.surroundings import device_of, frozen
from robusthash.contracts import HashModel
from robusthash.explaining import Explanation
from robusthash.explaining import grad_cam as run


def grad_cam(model: HashModel | Checkpoint, images: Rows) -> Explanation:
    """Grad-CAM of hash codes: where in each image a model sees what it makes the code of.

    Args:
        model: a hash model, as :func:`robusthash.wrap` makes it of any network, or a checkpoint. It computes where it
            is, and is afterwards as it was.
        images: (n, 3, h, w), floats in [0, 1] or uint8. Floats are rounded to the 8-bit grid first, as an upload would
            be.

    Returns:
        ``maps``, (n, h', w') at least 0 in the resolution of the explained ``layer``; ``relative``, each divided by its
        largest value, so that it can be shown. Without a convolutional layer, ``layer`` is None, and the image itself
        is what is explained.

    Raises:
        UsageError: a type, a shape or a value is wrong.
        CapabilityError: the model takes no images, or its outputs have no gradient.
    """
    victim = given_model(model)
    given = given_inputs(images, victim.modality)
    with frozen(victim):
        return run(victim, given.tensor.to(device_of(victim)))
