"""What this distribution offers; importable without torch."""

from collections.abc import Iterator
from typing import Any

from robusthash import hookimpl
from robusthash.specs import AttackSpec, Capability, Goal

_RNM = "huang2022fast"
_DHTA = "bai2020targeted"
_HAG = "yang2018adversarial"

#: One unit step of the whole image's gradient, 2,000 times: as released for P2P and DHTA.
_RELEASED = {"steps": 2000, "step": "l2-unit", "step_size": 1.0}


@hookimpl
def robusthash_attacks() -> Iterator[AttackSpec]:
    """The attacks of this distribution."""
    yield AttackSpec(
        name="noise",
        factory="robusthash_attacks.noise:Noise",
        summary="Uniform noise, the baseline that every attack has to beat",
        goals=frozenset({Goal.UNTARGETED}),
    )
    rnm, tanh = "robusthash_attacks.rnm:RNM", "robusthash_attacks.tanh:Tanh"
    yield _gradient("rnm", rnm, "away", "Relaxation-norm method, away from the query's own code", _RNM)
    yield _gradient(
        "rnm/other", rnm, "other", "Relaxation-norm method, untargeted as its paper does it: to another label", _RNM
    )
    yield _gradient("rnm-p2p", rnm, "p2p", "Relaxation-norm method, pulled to one item's code", _RNM)
    yield _gradient("rnm-p2s", rnm, "p2s", "Relaxation-norm method, pulled to an anchor code", _RNM)
    yield _gradient("tanh-p2p", tanh, "p2p", "Annealed tanh, pulled to one item's code", _DHTA)
    yield _gradient("tanh-p2p/released", tanh, "p2p", "The same, with the released 2,000 steps", _DHTA, _RELEASED)
    yield _gradient("tanh-p2s", tanh, "p2s", "Annealed tanh, pulled to an anchor code (DHTA)", _DHTA)
    yield _gradient("tanh-p2s/released", tanh, "p2s", "The same, with the released 2,000 steps", _DHTA, _RELEASED)
    hag = "robusthash_attacks.hag:HAG"
    yield _gradient("hag", hag, "away", "Hamming-space adversarial generation, away from the query's own code", _HAG)
    released = {"steps": 2000, "step": "momentum", "step_size": 100 / 128}
    yield _gradient(
        "hag/saat", hag, "away", "The same, with momentum and 2,000 steps as released with SAAT", _HAG, released
    )


def _gradient(
    name: str, factory: str, aim: str, summary: str, paper: str, options: dict[str, Any] | None = None
) -> AttackSpec:
    targeted = aim in {"p2p", "p2s"}
    return AttackSpec(
        name=name,
        factory=factory,
        summary=summary,
        paper=paper,
        options={"aim": aim, **(options or {})},
        goals=frozenset({Goal.TARGETED if targeted else Goal.UNTARGETED}),
        needs=frozenset({Capability.GRADIENTS} | (set() if aim == "away" else {Capability.ANCHORS})),
    )
