"""What is wrong is told in one error that says what, and how to fix it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import robusthash as rh
from robusthash.contracts import CodeBank, HashModel, Modality
from robusthash.errors import CapabilityError, InputError, OptionError, RobustHashError, UnknownNameError, UsageError

IMAGES = torch.full((3, 3, 16, 16), 51 / 255)
NET = nn.Sequential(nn.Flatten(), nn.Linear(768, 8))


class Texts(HashModel):
    """Takes texts."""

    def __init__(self) -> None:
        super().__init__()
        self.bits = 8
        self.modality = Modality.text(6)
        self.layer = nn.Linear(6, 8)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layer(inputs)
        return logits


@pytest.fixture(scope="module")
def model() -> HashModel:
    return rh.wrap(NET, image_size=16)


@dataclass(frozen=True)
class Wrong:
    """A call, and what its error says."""

    call: Callable[[Any], Any]
    says: str
    hint: str
    error: type[RobustHashError] = UsageError


def evaluated(*attacks: Any, **arguments: Any) -> Callable[[Any], Any]:
    return lambda model: rh.evaluate(model, *(attacks or ("rnm",)), **arguments)


def attacked(images: Any = IMAGES, name: str = "rnm", **arguments: Any) -> Callable[[Any], Any]:
    return lambda model: rh.attack(name)(model, images, **{"epsilon": 0.1, **arguments})


ONE_HOT = np.eye(3, dtype=np.uint8)
BANK = CodeBank(codes=torch.ones(4, 8, dtype=torch.int8), labels=torch.ones(4, 3, dtype=torch.uint8))
SHORT = CodeBank(codes=torch.ones(4, 6, dtype=torch.int8), labels=torch.ones(4, 3, dtype=torch.uint8))

EVALUATE = {
    "a model that is a number": Wrong(lambda _: rh.evaluate(3), "model is 3, an int", "a name"),
    "no models": Wrong(lambda _: rh.evaluate([]), "no model", "pass a name"),
    "a bare network": Wrong(lambda _: rh.evaluate(NET), "bare network, Sequential", "robusthash.wrap"),
    "a misspelt model": Wrong(lambda _: rh.evaluate("dpsk"), "unknown model 'dpsk'", "dpsh", UnknownNameError),
    "a list of wrong attacks": Wrong(evaluated([3]), "attack is 3, an int", "in a list"),
    "no attacks": Wrong(evaluated([]), "no attack", "pass a name"),
    "a misspelt attack": Wrong(evaluated("rmn"), "unknown attack 'rmn'", "rnm", UnknownNameError),
    "a class of attacks": Wrong(evaluated(dict), "attack is <class 'dict'>, a type", "an Attack"),
    "epsilon as levels": Wrong(evaluated(epsilons=8), "epsilon 8 is outside", "8/255", OptionError),
    "epsilon as a word": Wrong(evaluated(epsilons="x"), "epsilon 'x' is not a number", "8/255", OptionError),
    "epsilon as None": Wrong(evaluated(epsilons=[None]), "epsilon is None", "8/255", OptionError),
    "bits as text": Wrong(evaluated(bits="32"), "bits is '32', a str", "an integer"),
    "no bits": Wrong(evaluated(bits=0), "bits is 0", "at least 1"),
    "a singular": Wrong(evaluated(epsilon=0.1), "unknown argument 'epsilon'", "did you mean 'epsilons'"),
    "a misspelt setting": Wrong(evaluated(query=5), "unknown argument 'query'", "did you mean 'queries'"),
    "an unknown setting": Wrong(evaluated(zzz=5), "unknown argument 'zzz'", "known: "),
    "flat options": Wrong(evaluated(options={"steps": 3}), "options is {'steps': 3}, a dict", '{"rnm": {"steps'),
    "a misspelt option": Wrong(evaluated(options={"rnm": {"step_": 3}}), "step_", "step", OptionError),
    "options of another": Wrong(evaluated(options={"hag": {"steps": 3}}), "'hag'", "rnm", OptionError),
    "a dataset that is a number": Wrong(evaluated(dataset=3), "dataset is 3", "a Dataset"),
    "a misspelt dataset": Wrong(evaluated(dataset="digit"), "unknown dataset", "digits", UnknownNameError),
    "a retriever that is a number": Wrong(evaluated(retriever=3), "retriever is 3", "a Retriever"),
    "a device that is none": Wrong(evaluated(device="tpu"), "unknown device 'tpu'", "cpu"),
    "a device of another type": Wrong(evaluated(device=0), "device is 0", "a name"),
    "a direction that is none": Wrong(evaluated(directions="x2y"), "unknown direction 'x2y'", "i2t", OptionError),
    "a direction without texts": Wrong(evaluated(directions="t2i"), "text", "direction", CapabilityError),
    "no metrics": Wrong(evaluated(metrics=[]), "no metric", "pass a name"),
    "a misspelt metric": Wrong(evaluated(metrics="mab"), "unknown metric 'mab'", "map", UnknownNameError),
    "a relevance that is none": Wrong(evaluated(relevance="any"), "unknown relevance", "share-any", OptionError),
    "a flat sweep": Wrong(evaluated(vary={"steps": [1]}), "vary is {'steps': [1]}", '{"rnm": {"steps'),
    "a sweep of a number": Wrong(evaluated(vary=3), "vary is 3, an int", '{"rnm": {"steps'),
    "a defense that is a number": Wrong(evaluated(defenses=3), "defense is 3", "a Defense"),
    "results that are a number": Wrong(evaluated(results=3), "results is 3", "a path"),
    "no workers": Wrong(evaluated(workers=0), "workers is 0", "at least 1"),
    "half a worker": Wrong(evaluated(workers=1.5), "workers is 1.5, a float", "an integer"),
    "an executor that is a number": Wrong(evaluated(executor=3), "executor is 3", "an Executor"),
    "workers beside an executor": Wrong(evaluated(executor="local", workers=2), "executor", "workers", OptionError),
    "no queries": Wrong(evaluated(queries=0), "queries is 0", "at least 1"),
    "images of another size": Wrong(evaluated(image_size=24), "(3, 16, 16)", "image-size"),
    "texts for a dataset of images": Wrong(lambda _: rh.evaluate(Texts(), "rnm"), "text", "direction", CapabilityError),
    "a negative seed": Wrong(evaluated(seed=-1), "seed is -1", "at least 0"),
}

ATTACK = {
    "channels last": Wrong(attacked(IMAGES.permute(0, 2, 3, 1)), "shape (3, 16, 16, 3)", "channels come first"),
    "one image": Wrong(attacked(IMAGES[0]), "shape (3, 16, 16), and", "inputs[None]"),
    "no images": Wrong(attacked(IMAGES[:0]), "shape (0, 3, 16, 16)", "at least one"),
    "another size": Wrong(attacked(IMAGES[..., :8]), "takes (n, 3, 16, 16)", "resize"),
    "levels as floats": Wrong(attacked(IMAGES * 255), "range from 51 to 51", "divide them by 255"),
    "normalised images": Wrong(attacked(IMAGES - 1), "outside [0, 1]", "normalis"),
    "NaN": Wrong(attacked(IMAGES * torch.nan), "NaN", "check how they are loaded"),
    "long integers": Wrong(attacked(IMAGES.long()), "inputs are int64", "uint8"),
    "no images at all": Wrong(attacked("cat.png"), "inputs are 'cat.png', a str", "a tensor or an array"),
    "a ragged list": Wrong(attacked([[1.0], [1.0, 2.0]]), "inputs are", "a tensor or an array"),
    "a misspelt attack": Wrong(attacked(name="rmn"), "unknown attack 'rmn'", "rnm", UnknownNameError),
    "a misspelt option": Wrong(lambda _: rh.attack("rnm", stepz=3), "stepz", "steps", OptionError),
    "an option of an object": Wrong(
        lambda _: rh.attack(rh.attack("rnm").attack, steps=3), "steps", "has its options", OptionError
    ),
    "no attack": Wrong(lambda _: rh.attack(3), "attack is 3, an int", "a name"),  # type: ignore[arg-type]
    "epsilon as levels": Wrong(attacked(epsilon=8), "epsilon 8 is outside", "8/255", OptionError),
    "labels missing": Wrong(attacked(name="center", bank=BANK), "needs labels", "labels=...", CapabilityError),
    "a bank missing": Wrong(attacked(name="center", labels=ONE_HOT), "needs bank", "bank=...", CapabilityError),
    "anchors missing": Wrong(attacked(name="rnm-p2s"), "needs anchors", "anchors=...", CapabilityError),
    "class ids": Wrong(attacked(name="center", labels=[0, 1, 2], bank=BANK), "labels have shape (3,)", "one_hot"),
    "labels of others": Wrong(
        attacked(name="center", labels=ONE_HOT[:2], bank=BANK), "labels have shape (2, 3), for 3", "multi-hot"
    ),
    "labels that count": Wrong(attacked(name="center", labels=ONE_HOT * 2, bank=BANK), "0 and 1", "multi-hot"),
    "a bank of another model": Wrong(
        attacked(name="center", labels=ONE_HOT, bank=SHORT), "a model of 8 bits", "one code"
    ),
    "a bank that is a list": Wrong(attacked(name="center", labels=ONE_HOT, bank=[1]), "bank is [1]", "CodeBank"),
    "anchors of another length": Wrong(
        attacked(name="rnm-p2s", anchors=np.ones((3, 9, 6), dtype=np.int8)), "anchors have shape (3, 9, 6)", "8"
    ),
    "anchors that are logits": Wrong(
        attacked(name="rnm-p2s", anchors=np.full((3, 9, 8), 0.3)), "anchors", "not logits"
    ),
    "ids of others": Wrong(attacked(ids=[1, 2]), "ids have shape (2,), for 3", "one integer an input"),
    "ids that are floats": Wrong(attacked(ids=[1.0, 2.0, 3.0]), "ids are float32", "integers"),
    "a batch of none": Wrong(attacked(batch_size=0), "batch_size is 0", "at least 1"),
    "an ensemble": Wrong(attacked(name="strongest"), "needs a whole retrieval system", "evaluate", CapabilityError),
    "a query attack": Wrong(attacked(name="square"), "needs a whole retrieval system", "evaluate", CapabilityError),
    "an attack that learns": Wrong(attacked(name="tha"), "has to learn first", "fit", CapabilityError),
    "an attack on pictures": Wrong(
        lambda _: rh.attack("mosaic")(Texts(), torch.zeros(2, 6), epsilon=1),
        "perturbs images",
        "attack",
        CapabilityError,
    ),
    "an attack on descriptors": Wrong(attacked(name="descriptor"), "distance", "plugins show", CapabilityError),
    "a bare network": Wrong(lambda _: attacked()(NET), "bare network, Sequential", "robusthash.wrap"),
    "a name": Wrong(lambda _: attacked()("dpsh"), "model is 'dpsh', a str", "robusthash.train"),
    "a number": Wrong(lambda _: attacked()(3), "model is 3, an int", "a hash model"),
}

OTHERS = {
    "no network": Wrong(lambda _: rh.wrap(3, image_size=16), "network is 3", "torch.nn.Module"),  # type: ignore[call-overload]
    "no image size": Wrong(lambda _: rh.wrap(NET), "image_size is missing", "image_size=64"),
    "three sides": Wrong(lambda _: rh.wrap(NET, image_size=(1, 2, 3)), "image_size is (1, 2, 3)", "(64, 48)"),  # type: ignore[call-overload]
    "a side of none": Wrong(lambda _: rh.wrap(NET, image_size=0), "image_size is 0", "at least 1"),
    "a network of another size": Wrong(lambda _: rh.wrap(NET, image_size=32), "Sequential", "size"),
    "other bits": Wrong(lambda _: rh.wrap(NET, bits=16, image_size=16), "(2, 8)", "bits"),
    "images as output": Wrong(lambda _: rh.wrap(nn.Identity(), image_size=16), "(2, 3, 16, 16)", "raw output"),
    "no defense": Wrong(lambda model: rh.harden(3, model), "defense is 3", "a Defense"),  # type: ignore[arg-type]
    "a misspelt defense": Wrong(lambda model: rh.harden("jpg", model), "'jpg'", "jpeg", UnknownNameError),
    "output of a wrapper": Wrong(lambda model: rh.harden("jpeg", model, output="x"), "no checkpoint", "leave it out"),
    "a model that is an object": Wrong(lambda model: rh.train(model), "model is a LogitModel", "a name"),
    "a model that needs no training": Wrong(lambda _: rh.train("phash"), "not trained", "robusthash eval"),
    "a recipe that is none": Wrong(
        lambda _: rh.train("dpsh", options={"train": {"epoch": 1}}), "epoch", "epochs", OptionError
    ),
    "a misspelt keyword": Wrong(lambda _: rh.train("dpsh", back="x"), "unknown argument 'back'", "backbone"),  # type: ignore[call-arg]
    "no dataset": Wrong(lambda _: rh.load_dataset("digitz"), "unknown dataset", "digits", UnknownNameError),
    "a dataset that is a list": Wrong(lambda _: rh.load_dataset([]), "dataset is []", "a Dataset"),  # type: ignore[arg-type]
    "a missing folder": Wrong(lambda _: rh.load_results("nowhere"), "nowhere", "", InputError),
    "results that are a number": Wrong(lambda _: rh.load_results(3), "results folder is 3", "a path"),  # type: ignore[arg-type]
    "a missing checkpoint": Wrong(lambda _: rh.Checkpoint.read("no.safetensors"), "no.safetensors", "", InputError),
    "metrics of logits": Wrong(
        lambda _: rh.metrics.map([[0.3, 1.2]], [0], [[0.1, 0.2]], [0]), "neither signs nor bits", "binarise"
    ),
}


@pytest.mark.parametrize("wrong", EVALUATE.values(), ids=EVALUATE)
def test_evaluate(wrong: Wrong, model: HashModel) -> None:
    check(wrong, model)


@pytest.mark.parametrize("wrong", ATTACK.values(), ids=ATTACK)
def test_attack(wrong: Wrong, model: HashModel) -> None:
    check(wrong, model)


@pytest.mark.parametrize("wrong", OTHERS.values(), ids=OTHERS)
def test_others(wrong: Wrong, model: HashModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check(wrong, model)


def check(wrong: Wrong, model: HashModel) -> None:
    with pytest.raises(wrong.error) as raised:
        wrong.call(model)
    assert wrong.says in raised.value.message
    assert raised.value.hint, raised.value.message
    assert wrong.hint in raised.value.hint
    assert "\n" not in str(raised.value)
