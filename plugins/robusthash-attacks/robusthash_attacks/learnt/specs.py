"""The attacks of this folder. Importable without torch."""

from collections.abc import Iterator
from typing import Any

from robusthash.specs import AttackSpec, Capability, Distance, Goal, Norm

_UAP = "li2019universal"
_PATCH = "brown2017adversarial"
_PROSGAN = "wang2021prototype"
_UAAGAN = "zhao2019unsupervised"


def universal() -> Iterator[AttackSpec]:
    """Attacks with one pattern for all queries."""
    for name, factory, what, paper in (
        ("uap", "robusthash_attacks.learnt.uap:UAP", "perturbation", _UAP),
        ("patch", "robusthash_attacks.learnt.patch:Patch", "visible patch", _PATCH),
    ):
        for targeted, of in ((False, "for all queries"), (True, "for each target label")):
            yield AttackSpec(
                name=f"{name}-target" if targeted else name,
                factory=factory,
                summary=f"One universal {what} {of}, learnt on the train split",
                paper=paper,
                options={"aim": "to-mainstay" if targeted else "away"},
                goals=frozenset({Goal.TARGETED if targeted else Goal.UNTARGETED}),
                needs=frozenset({Capability.GRADIENTS, Capability.CODE_BANK}),
                distances=frozenset({Distance.HAMMING}) if targeted else frozenset(Distance),
                norms=frozenset({Norm.LINF, Norm.L2} if name == "uap" else {Norm.LINF}),
            )


def generative() -> Iterator[AttackSpec]:
    """Attacks by a generator."""
    published: dict[str, Any] = {
        "bound": "none",
        "network": "published",
        "batch": 24,
        "rate": 1e-4,
        "filters": 64,
        "blocks": 6,
        "steps": 43_800,
        "prototype_steps": 30_000,
        "prototype_width": 4096,
        "reconstruction_weight": 50.0,
        "deception_weight": 1.0,
    }
    for name, summary, options in (
        ("prosgan", "ProS-GAN within epsilon: a small generator of residuals, told the target label's code", {}),
        ("prosgan/cvpr21", "ProS-GAN as released: a generator of whole images, unbounded", {"prototype": "likelihood"}),
        (
            "prosgan/tmm",
            "ProS-GAN as released for its journal version, unbounded",
            {"prototype": "circle", "hash_loss": "adaptive", "hash_weight": 1.0},
        ),
    ):
        yield AttackSpec(
            name=name,
            factory="robusthash_attacks.learnt.prosgan.attack:ProsGAN",
            summary=summary,
            paper=_PROSGAN,
            options={**published, **options} if "/" in name else options,
            goals=frozenset({Goal.TARGETED}),
            needs=frozenset({Capability.GRADIENTS, Capability.CODE_BANK}),
        )
    paper = {
        "condition": "none",
        "network": "published",
        "loss": "metric",
        "reconstruction_weight": 0.1,
        "deception_weight": 1.0,
    }
    for name, summary, options in (
        ("uaa-gan", "UAA-GAN: a generator shown the query's own code, away from it; unsupervised", {}),
        (
            "uaa-gan/paper",
            "UAA-GAN with the objective of its paper and a discriminator; its constants are ours",
            paper,
        ),
    ):
        yield AttackSpec(
            name=name,
            factory="robusthash_attacks.learnt.uaagan.attack:UAAGAN",
            summary=summary,
            paper=_UAAGAN,
            options=options,
            goals=frozenset({Goal.UNTARGETED}),
            needs=frozenset({Capability.GRADIENTS, Capability.CODE_BANK}),
            distances=frozenset(Distance),
        )
