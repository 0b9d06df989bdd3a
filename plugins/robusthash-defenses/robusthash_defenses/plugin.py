"""What this distribution offers; importable without torch."""

from collections.abc import Callable, Iterator
from typing import Any

from robusthash import hookimpl
from robusthash.specs import DefenseSpec

_FAST = {"steps": 3, "epochs": 10}

# Common to the three repositories: 7 steps of 2/255 within 8/255 on a model in training mode, and a learning rate that
# is divided by ten after half and after three quarters of the batches.
_RELEASED = {"epsilon": 8 / 255, "step_size": 2 / 255, "inner_train": True, "schedule": "batch-milestones"}


@hookimpl
def robusthash_defenses() -> Iterator[DefenseSpec]:
    """The defenses of this distribution."""
    yield DefenseSpec(
        name="bit-depth",
        factory="robusthash_defenses.bit_depth:BitDepth",
        summary="Quantises the inputs to a few levels per channel, with gradients for adaptive attacks",
        paper="xu2018feature",
    )
    yield DefenseSpec(
        name="jpeg",
        factory="robusthash_defenses.jpeg:Jpeg",
        summary="Compresses the inputs with JPEG, with gradients for adaptive attacks",
        paper="guo2018countering",
    )
    yield DefenseSpec(
        name="smoothed",
        factory="robusthash_defenses.smoothed:Smoothing",
        summary="Each bit is the majority vote of noisy copies of the input; it can be certified",
        paper="cohen2019certified",
    )
    yield DefenseSpec(
        name="smoothed-trained",
        factory="robusthash_defenses.smoothed_training:TrainedSmoothing",
        summary="The same votes, by a network that is trained on noisy images first",
        paper="cohen2019certified",
    )
    yield from _comdefend()
    yield from _cgat()
    yield from _saat()
    yield from _atrdh()
    yield from _trades()
    yield from _crdat()
    yield from _fare()


def _presets(factory: str, paper: str) -> Callable[[str, str, dict[str, Any]], DefenseSpec]:
    """Makes the specs of a method's presets, of their names, summaries and options."""

    def preset(name: str, summary: str, options: dict[str, Any]) -> DefenseSpec:
        return DefenseSpec(name=name, factory=factory, summary=summary, options=options, paper=paper)

    return preset


def _comdefend() -> Iterator[DefenseSpec]:
    preset = _presets("robusthash_defenses.comdefend:ComDefend", "jia2019comdefend")
    yield preset(
        "comdefend", "Compresses and decodes the inputs by trained networks, with gradients for adaptive attacks", {}
    )
    fast = {"width": 4, "lr": 0.003, "epochs": 20}
    yield preset(
        "comdefend/fast", "ComDefend with a quarter of the channels, a larger learning rate and fewer epochs", fast
    )
    yield preset(
        "comdefend/saat",
        "ComDefend as in SAAT's code, with noise and without rounding at inference",
        {"stochastic": True},
    )


def _cgat() -> Iterator[DefenseSpec]:
    preset = _presets("robusthash_defenses.cgat:CgAT", "wang2023cgat")
    yield preset("cgat", "Adversarial training on images pushed away from the centre code of their label", {})
    yield preset("cgat/fast", "CgAT with 3 inner steps and a third of the epochs", _FAST)
    yield preset(
        "cgat/released",
        "CgAT as in its authors' code",
        _RELEASED | {"jaccard": False, "augment": "flip-crop", "first_codes": "training", "shared_bank": True},
    )


def _saat() -> Iterator[DefenseSpec]:
    preset = _presets("robusthash_defenses.saat:SAAT", "yuan2023semantic")
    yield preset("saat", "Adversarial training on images pushed away from the mainstay code of their label", {})
    yield preset("saat/fast", "SAAT with 3 inner steps and half the epochs", _FAST)
    yield preset(
        "saat/released",
        "SAAT as in its authors' code",
        _RELEASED | {"lr": 0.05, "momentum": 0.0, "weight_decay": 1e-5, "shared_bank": True},
    )


def _atrdh() -> Iterator[DefenseSpec]:
    preset = _presets("robusthash_defenses.atrdh:ATRDH", "wang2021targeted")
    yield preset("atrdh", "Adversarial training on images pulled to learnt codes of other labels", {})
    yield preset("atrdh/fast", "ATRDH with 3 inner steps and a third of the epochs", _FAST)
    released = _RELEASED | {"lr": 1e-4, "epochs": 100, "width": 4096}
    yield preset("atrdh/released", "ATRDH as in its authors' code", released)
    yield preset("atrdh/saat", "ATRDH as in SAAT's code", released | {"weight": 2.0})


def _trades() -> Iterator[DefenseSpec]:
    preset = _presets("robusthash_defenses.trades:TRADES", "zhang2019theoretically")
    yield preset("trades", "Adversarial training on images whose codes diverge most from the clean ones", {})
    yield preset("trades/fast", "TRADES with 3 inner steps and a third of the epochs", _FAST)


def _crdat() -> Iterator[DefenseSpec]:
    preset = _presets("robusthash_defenses.crdat:CRDAT", "zhu2025crdat")
    yield preset(
        "crdat", "Adversarial training of a student of the clean model's codes and features, without labels", {}
    )
    yield preset("crdat/fast", "CRDAT with 3 inner steps and a third of the epochs", _FAST)


def _fare() -> Iterator[DefenseSpec]:
    preset = _presets("robusthash_defenses.fare:FARE", "schlarmann2024robust")
    yield preset(
        "fare", "Adversarial training that keeps the outputs of clean images on attacked ones, without labels", {}
    )
    yield preset("fare/fast", "FARE with 3 inner steps and a third of the epochs", _FAST)
    released = {"epsilon": 4 / 255, "steps": 10, "step_size": 1 / 255, "epochs": 2, "batch_size": 128}
    fitting = {"keeps": "features", "optimizer": "adamw", "lr": 1e-5, "weight_decay": 1e-4}
    yield preset("fare/released", "FARE as its authors tune CLIP for two epochs of ImageNet", released | fitting)
