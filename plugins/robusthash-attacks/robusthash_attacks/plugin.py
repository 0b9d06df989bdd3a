"""The attacks of this distribution. Importable without torch."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from robusthash import hookimpl
from robusthash.specs import AttackSpec, Capability, Distance, Goal, Norm, Role
from robusthash_attacks.ensembles import ensembles
from robusthash_attacks.learnt.specs import generative, universal

_RNM = "huang2022fast"
_DHTA = "bai2020targeted"
_HAG = "yang2018adversarial"
_SAAT = "yuan2023semantic"
_CGAT = "wang2023cgat"
_TMA = "tolias2019targeted"

_LENGTHS = frozenset({Norm.LINF, Norm.L2})  #: what a gradient attack works within
_VECTORS = frozenset({Distance.COSINE, Distance.L2})

#: What each aim needs besides gradients.
_NEEDS = {
    "other": {Capability.ANCHORS},
    "p2p": {Capability.ANCHORS},
    "p2s": {Capability.ANCHORS},
    "centre": {Capability.LABELS, Capability.CODE_BANK},
    "mainstay": {Capability.LABELS, Capability.CODE_BANK},
    "to-mainstay": {Capability.CODE_BANK},
    "learnt": {Capability.CODE_BANK},
}
_TARGETED = {"p2p", "p2s", "to-mainstay", "learnt"}  #: aims that pull to a target label

#: 2,000 steps along the L2-normalised gradient with an annealed slope, as released for P2P and DHTA.
_RELEASED = {"steps": 2000, "step": "l2-unit", "step_size": 1.0, "scale": None}

#: What an ensemble's last members do: they go on from the strongest outcome of the others.
_REFINE = {"start": "best", "step": "fine"}
_REFINING = "a slope of 5 and small steps, from an ensemble's best outcome on"

#: What they do where a start is only half of it: a slope as steep, and steps of the usual size.
_FROM_BEST = ", with a slope of 5, from an ensemble's best outcome on"
_STEEP_FROM_BEST = {"scale": 5.0, "start": "best"}

#: Steps that shrink where they stop helping, with the default slope and with a fixed one, and small ones: the end of
#: each summary, and the options.
_ADAPTIVE: dict[str, tuple[str, dict[str, Any]]] = {
    "adaptive": ("adaptive steps", {"step": "adaptive"}),
    "steep": ("a slope of 3 and adaptive steps", {"step": "adaptive", "scale": 3.0}),
    "refine": (_REFINING, {"scale": 5.0, **_REFINE}),
}

#: Transfer presets: the end of each summary, and the engine's options. All start at the clean image, and anneal.
_TRANSFER: dict[str, tuple[str, dict[str, Any]]] = {
    "bim": ("started at the clean image (BIM)", {}),
    "mi": ("with momentum (MI-FGSM)", {"decay": 1.0}),
    "ni": ("with Nesterov momentum (NI-FGSM)", {"decay": 1.0, "nesterov": True}),
    "di": ("on randomly resized images (DI-FGSM)", {"diversity": 0.5}),
    "sini": ("with Nesterov momentum, over five scales (SI-NI-FGSM)", {"decay": 1.0, "nesterov": True, "scales": 5}),
    "vmi": ("with variance-tuned momentum (VMI-FGSM)", {"decay": 1.0, "variance": 5}),
}


@hookimpl
def robusthash_attacks() -> Iterator[AttackSpec]:
    """The attacks of this distribution."""
    yield AttackSpec(
        name="noise",
        factory="robusthash_attacks.baselines.noise:Noise",
        summary="Uniform noise, or random edits of a text: the baseline that every attack has to beat",
        goals=frozenset({Goal.UNTARGETED}),
        distances=frozenset(Distance),
        norms=frozenset(Norm),
        role=Role.REFERENCE,
    )
    for name, what in (
        ("mosaic", "Mosaic of uniform blocks"),
        ("brightness", "Increased brightness"),
        ("transparency", "White overlay"),
    ):
        yield AttackSpec(
            name=name,
            factory=f"robusthash_attacks.baselines.{name}:{name.title()}",
            summary=f"{what} at a given PSNR, a visible baseline that is not bound by epsilon",
            paper=_RNM,
            goals=frozenset({Goal.UNTARGETED}),
            distances=frozenset(Distance),
        )
    yield from universal()
    rnm, tanh = "robusthash_attacks.gradient.rnm:RNM", "robusthash_attacks.gradient.tanh:Tanh"
    yield _gradient("rnm", rnm, "away", "Relaxation-norm method, away from the query's own code", _RNM)
    yield _gradient(
        "rnm/other",
        rnm,
        "other",
        "Relaxation-norm method, untargeted as in its paper: to the code of another label",
        _RNM,
    )
    yield _gradient("rnm-p2p", rnm, "p2p", "Relaxation-norm method, pulled to one item's code", _RNM)
    yield _gradient("rnm-p2s", rnm, "p2s", "Relaxation-norm method, pulled to an anchor code", _RNM)
    yield _gradient("tanh", tanh, "away", "Tanh of the logits, away from the query's own code", _DHTA)
    yield _gradient("tanh-p2p", tanh, "p2p", "Tanh of the logits, pulled to one item's code (P2P)", _DHTA)
    yield _gradient("tanh-p2p/released", tanh, "p2p", "P2P, 2,000 steps, annealed as released", _DHTA, _RELEASED)
    yield _gradient("tanh-p2s", tanh, "p2s", "Tanh of the logits, pulled to an anchor code (DHTA)", _DHTA)
    yield _gradient("tanh-p2s/released", tanh, "p2s", "DHTA, 2,000 steps, annealed as released", _DHTA, _RELEASED)
    hag = "robusthash_attacks.gradient.hag:HAG"
    yield _gradient("hag", hag, "away", "Hamming-space adversarial generation, away from the query's own code", _HAG)
    released = {"steps": 2000, "step": "momentum", "step_size": 100 / 128, "scale": None}
    yield _gradient("hag/saat", hag, "away", "HAG with momentum and 2,000 steps, as released with SAAT", _HAG, released)
    hinge = "robusthash_attacks.gradient.hinge:Hinge"
    yield _gradient("hinge", hinge, "away", "Margin hinge on the logits, away from the query's own code")
    yield _gradient("hinge-center", hinge, "centre", "Margin hinge on the logits, away from the label's centre code")
    yield _gradient("hinge-p2s", hinge, "p2s", "Margin hinge on the logits, pulled to an anchor code")
    center = "robusthash_attacks.gradient.center:Center"
    yield _gradient("center", center, "centre", "CgAT's attack, away from the centre code of the query's label", _CGAT)
    mainstay = "robusthash_attacks.gradient.mainstay:Mainstay"
    yield _gradient(
        "mainstay", mainstay, "mainstay", "SAAT's attack, away from the mainstay code of the query's label", _SAAT
    )
    yield _gradient(
        "mainstay-target", mainstay, "to-mainstay", "SAAT's attack, pulled to the target label's mainstay code", _SAAT
    )
    yield _gradient(
        "mainstay-target/saat",
        mainstay,
        "to-mainstay",
        "SAAT's targeted attack, with the bit weights of the released code",
        _SAAT,
        {"saat_compat": True, "scale": None},
    )
    for preset, (what, options) in _TRANSFER.items():
        summary, released = f"SAAT's attack, {what}", {"start": "zero", "scale": None}
        yield _gradient(f"mainstay/{preset}", mainstay, "mainstay", summary, _SAAT, released | options)
    for name, factory, aim, what, paper, presets in (
        ("hag", hag, "away", "HAG", _HAG, ("adaptive",)),
        ("tanh", tanh, "away", "Tanh of the logits", _DHTA, ("adaptive",)),
        ("center", center, "centre", "CgAT's attack", _CGAT, ("adaptive",)),
        ("mainstay", mainstay, "mainstay", "SAAT's attack", _SAAT, _ADAPTIVE),
        ("tanh-p2s", tanh, "p2s", "DHTA", _DHTA, ("adaptive", "steep")),
        ("mainstay-target", mainstay, "to-mainstay", "SAAT's targeted attack", _SAAT, ("adaptive", "steep")),
    ):
        for preset in presets:
            how, options = _ADAPTIVE[preset]
            yield _gradient(f"{name}/{preset}", factory, aim, f"{what}, with {how}", paper, options)
    for name, more, options in (("tha", "", {}), ("tha/released", ", with the slope 1 as released", {"scale": 1.0})):
        summary = f"Targeted hashing attack, pulled to a learnt prototype code of the target label{more}"
        yield _gradient(name, "robusthash_attacks.gradient.tha:THA", "learnt", summary, "wang2021targeted", options)
    sdha, smooth = "robusthash_attacks.gradient.sdha:SDHA", "robusthash_attacks.gradient.smooth_ap:SmoothAP"
    for targeted, summary in (
        (False, "Smart deep hashing attack, away from all relevant codes"),
        (True, "Smart deep hashing attack, towards all codes of the target label"),
    ):
        yield _relevant("sdha-target" if targeted else "sdha", sdha, summary, "lu2021smart", targeted=targeted)
    for name, what, more, options in (
        ("smooth-ap", "the query's label last", "", {}),
        ("smooth-ap/steep", "the query's label last", ", with a slope of 5", {"scale": 5.0}),
        ("smooth-ap/refine", "the query's label last", f", with {_REFINING}", {"scale": 5.0, **_REFINE}),
        ("smooth-ap-target", "the target label first", "", {}),
        ("smooth-ap-target/steep", "the target label first", ", with a slope of 5", {"scale": 5.0}),
    ):
        summary = f"Descent on the smooth average precision: ranks items of {what}{more}"
        yield _relevant(name, smooth, summary, options=options, targeted="target" in name)
    for name, what, options in (
        ("rival", "the nearest other label", {}),
        ("rival/best", f"the nearest other label{_FROM_BEST}", _STEEP_FROM_BEST),
        ("rival/second", f"the second nearest other label{_FROM_BEST}", {"rank": 1, **_STEEP_FROM_BEST}),
        ("rival/third", f"the third nearest other label{_FROM_BEST}", {"rank": 2, **_STEEP_FROM_BEST}),
        ("rival/refine", f"the nearest other label, with {_REFINING}", {**_STEEP_FROM_BEST, **_REFINE}),
    ):
        summary, factory = f"Towards the code of {what}", "robusthash_attacks.gradient.rival:Rival"
        yield _descent(name, factory, summary, None, options, _NEEDS["mainstay"], targeted=False)
    for name, feedback, response in (
        ("square", "codes", "hash codes"),
        ("square/ids", "ids", "ranked ids"),
    ):
        yield AttackSpec(
            name=name,
            factory="robusthash_attacks.square:Square",
            summary=f"Square Attack: black-box random search on the {response} that the service returns",
            paper="andriushchenko2020square",
            options={"feedback": feedback},
            goals=frozenset({Goal.UNTARGETED}),
            needs=frozenset({Capability.QUERIES}),
            distances=frozenset(Distance) if feedback == "ids" else frozenset({Distance.HAMMING}),
        )
    yield from ensembles()
    yield from generative()
    yield from _on_descriptors()


def _on_descriptors() -> Iterator[AttackSpec]:
    """The attacks on models with continuous descriptors."""
    factory = "robusthash_attacks.gradient.descriptor:DescriptorAttack"
    for name, aim, what, options in (
        ("descriptor", "away", "away from the query's own descriptor", {}),
        ("descriptor/adaptive", "away", "away from the query's own descriptor, by Auto-PGD", {"step": "adaptive"}),
        ("descriptor-center", "centre", "away from the mean descriptor of its label", {}),
        ("descriptor-p2p", "p2p", "pulled to one item's descriptor", {}),
        ("descriptor-p2s", "p2s", "pulled to the mean descriptor of a label's items", {}),
    ):
        spec = _gradient(name, factory, aim, f"Cosine of continuous descriptors, {what}", _TMA, options)
        yield replace(spec, distances=_VECTORS)


def _gradient(
    name: str, factory: str, aim: str, summary: str, paper: str | None = None, options: dict[str, Any] | None = None
) -> AttackSpec:
    """An attack on the code, or the codes, that an aim stands for."""
    given, needs = {"aim": aim, **(options or {})}, _NEEDS.get(aim, set())
    return _descent(name, factory, summary, paper, given, needs, targeted=aim in _TARGETED)


def _relevant(
    name: str,
    factory: str,
    summary: str,
    paper: str | None = None,
    options: dict[str, Any] | None = None,
    *,
    targeted: bool,
) -> AttackSpec:
    """An attack on all items that are relevant to a query, or to its target."""
    given, needs = {"targeted": targeted, **(options or {})}, _NEEDS["to-mainstay" if targeted else "mainstay"]
    return _descent(name, factory, summary, paper, given, needs, targeted=targeted)


def _descent(
    name: str,
    factory: str,
    summary: str,
    paper: str | None,
    options: dict[str, Any],
    needs: set[Capability],
    *,
    targeted: bool,
) -> AttackSpec:
    """What all attacks along gradients have in common."""
    return AttackSpec(
        name=name,
        factory=factory,
        summary=summary,
        paper=paper,
        options=options,
        goals=frozenset({Goal.TARGETED if targeted else Goal.UNTARGETED}),
        needs=frozenset({Capability.GRADIENTS, *needs}),
        norms=_LENGTHS,
    )
