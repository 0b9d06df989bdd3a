"""The smallest and largest values that are taken for what they say, and not for a slip. Importable without torch."""

from robusthash.errors import OptionError

__all__ = ["LARGEST", "LARGEST_SIDE", "MOST_BITS", "MOST_PICTURES", "MOST_WORKERS", "SMALLEST_SIDE", "check_image_size"]

LARGEST = 10**18 - 1  #: whole number; what computes with them has 64 bits
MOST_BITS = 4096  #: longest code
MOST_PICTURES = 1000  #: queries whose pictures are kept of one record
MOST_WORKERS = 1024  #: processes of one machine; a larger number would exhaust it before the first shard
SMALLEST_SIDE = 8  #: pixels; the smallest images of the field have 8, and SSIM's window 7
LARGEST_SIDE = 4096  #: pixels; a batch of larger ones takes tens of gigabytes


def check_image_size(size: int | None, name: str = "image-size") -> None:
    """Checks the height and width that a user asks for.

    Args:
        size: in pixels; None is the dataset's own.
        name: of the option, for the error.

    Raises:
        OptionError: there is nothing to see in images so small, or no memory for images so large.
    """
    if size is not None and not SMALLEST_SIDE <= size <= LARGEST_SIDE:
        raise OptionError(f"{name} is {size}", hint=f"from {SMALLEST_SIDE} to {LARGEST_SIDE} pixels")
