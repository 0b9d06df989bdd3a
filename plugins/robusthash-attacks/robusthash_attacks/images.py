"""Base classes of attacks on images alone."""

from dataclasses import dataclass

from robusthash.contracts import IMAGE, Attack


@dataclass(frozen=True, kw_only=True)
class ImageAttack(Attack):
    """Perturbs images."""

    @property
    def modalities(self) -> frozenset[str]:  # noqa: D102 - as in the base class
        return frozenset({IMAGE})


@dataclass(frozen=True, kw_only=True)
class Visible(ImageAttack):
    """Alters images without a bound: epsilon is not read."""

    @property
    def bounded(self) -> bool:  # noqa: D102 - as in the base class
        return False
