"""What this distribution offers; importable without torch."""

from collections.abc import Iterator

from robusthash import hookimpl
from robusthash.specs import BackboneSpec, ModelSpec
from robusthash_models.announced.backbones import backbones
from robusthash_models.announced.classwise import with_classes
from robusthash_models.announced.hswd import with_hswd
from robusthash_models.announced.pairwise import pairwise
from robusthash_models.announced.untrained import untrained


@hookimpl
def robusthash_models() -> Iterator[ModelSpec]:
    """Objectives, with our presets for small images and those of public repositories; and untrained models."""
    yield from pairwise()
    yield from with_classes()
    yield from with_hswd()
    yield from untrained()


@hookimpl
def robusthash_backbones() -> Iterator[BackboneSpec]:
    """A network for small images, and those of torchvision and timm."""
    yield from backbones()
