"""Your own photographs with captions, in the layouts that people have them in."""

from robusthash_crossmodal.data.captioned.dataset import Captioned

__all__ = ["Captioned"]
