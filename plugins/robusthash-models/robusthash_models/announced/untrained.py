"""Models without gradient training."""

from collections.abc import Iterator

from robusthash.specs import ModelSpec


def untrained() -> Iterator[ModelSpec]:
    """Models without gradient training: projections of features in closed form, and perceptual hashes."""
    for name, summary, paper in (
        ("lsh", "Random projections of the backbone's features", "charikar2002similarity"),
        ("itq", "Principal components of the backbone's features, rotated towards binary codes", "gong2011iterative"),
    ):
        yield ModelSpec(
            name=name, factory=f"robusthash_models.baselines.{name}:{name.upper()}", summary=summary, paper=paper
        )
    yield ModelSpec(
        name="features",
        factory="robusthash_models.baselines.features:Features",
        summary="The backbone's features at unit norm, searched as continuous descriptors by their cosine",
    )
    folder = "robusthash_models.perceptual"
    yield ModelSpec(
        name="phash",
        factory=f"{folder}.phash:PHash",
        summary="Perceptual hash of the library ImageHash: a black box of 64 bits",
        paper="zauner2010implementation",
    )
    yield ModelSpec(
        name="pdq",
        factory=f"{folder}.pdq:PDQ",
        summary="Perceptual hash of Meta's ThreatExchange: a black box of 256 bits",
        paper="dalins2019pdq",
    )
