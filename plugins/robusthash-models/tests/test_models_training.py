"""The defaults on real images: they learn, in seconds, and the specs are usable as they stand."""

import subprocess
import sys
from dataclasses import replace
from importlib import import_module

import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import interpolate, one_hot

from robusthash.contracts import (
    ArrayImages,
    Backbone,
    ClosedForm,
    Descriptor,
    Objective,
    ReadyModel,
    RetrievalData,
    Split,
)
from robusthash.errors import MissingDependencyError
from robusthash.hashing import pack
from robusthash.metrics import distance_histograms
from robusthash.metrics.protocols import MeanAveragePrecision
from robusthash.specs import Spec
from robusthash.training import Recipe, build_network, train, weights_digest
from robusthash_models import plugin

CPU = torch.device("cpu")
MODELS = {spec.name: spec for spec in plugin.robusthash_models()}
BACKBONES = {spec.name: spec for spec in plugin.robusthash_backbones()}


def made(spec: Spec) -> object:
    module, attribute = spec.factory.split(":")
    return getattr(import_module(module), attribute)(**spec.options)


@pytest.mark.parametrize("name", MODELS)
def test_model_specs_make_models_and_recipes(name: str) -> None:
    try:
        method = made(MODELS[name])
    except MissingDependencyError as error:
        pytest.skip(error.message)
    assert isinstance(method, Objective | ClosedForm | Descriptor | ReadyModel)
    Recipe(**MODELS[name].recipe)


@pytest.mark.parametrize("name", BACKBONES)
def test_backbone_specs_make_backbones(name: str) -> None:
    if name == "timm":
        pytest.importorskip("timm")
    named = {"name": "resnet18"} if name in ("timm", "torchvision") else {}
    assert isinstance(made(replace(BACKBONES[name], options={**BACKBONES[name].options, **named})), Backbone)


def test_the_published_presets_differ_where_the_code_does() -> None:
    assert MODELS.keys() >= {f"dpsh/{family}" for family in ("prosgan", "saat", "cgat", "deephash", "jiangqy")}
    assert MODELS.keys() >= {f"hashnet/{family}" for family in ("prosgan", "saat", "deephash", "official")}
    recipes = {name: Recipe(**spec.recipe) for name, spec in MODELS.items()}
    assert (recipes["dpsh/prosgan"].lr, recipes["dpsh/prosgan"].momentum) == (0.05, 0.0)
    assert (recipes["dpsh/saat"].lr, recipes["dpsh/saat"].momentum) == (0.01, 0.9)
    assert recipes["dpsh/deephash"].optimizer == "rmsprop"
    assert recipes["dpsh/cgat"].augment == "flip-crop"


def test_the_plugin_module_imports_nothing_heavy() -> None:
    code = "import sys, robusthash_models.plugin as p; list(p.robusthash_models()); list(p.robusthash_backbones()); "
    code += "print(sorted(sys.modules.keys() & {'torch', 'numpy', 'torchvision', 'faiss'}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@pytest.fixture(scope="module")
def digits() -> RetrievalData:
    bunch = load_digits()
    images = torch.from_numpy(bunch.images).unsqueeze(1) / 16 * 255
    large = interpolate(images, size=(16, 16), mode="bilinear").round().to(torch.uint8).expand(-1, 3, -1, -1)
    labels = one_hot(torch.from_numpy(bunch.target).long()).to(torch.uint8)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))

    def split(name: str, chosen: torch.Tensor) -> Split:
        ids = tuple(map(str, chosen.tolist()))
        return Split.of_images(
            name=name, images=ArrayImages(large[chosen].contiguous()), labels=labels[chosen], ids=ids
        )

    return RetrievalData(
        name="digits",
        classes=tuple("0123456789"),
        query=split("query", order[:300]),
        database=split("database", order[300:]),
        train=split("train", order[300:1300]),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dpsh", "hashnet", "dsdh", "greedyhash", "csq", "dpn", "orthohash"])
def test_defaults_retrieve_digits(name: str, digits: RetrievalData) -> None:
    objective, backbone = made(MODELS[name]), made(BACKBONES["small-cnn"])
    assert isinstance(objective, Objective)
    assert isinstance(backbone, Backbone)
    network = build_network(backbone, bits=32, image_size=16, weights="none", seed=0)
    report = train(network, objective, Recipe(**MODELS[name].recipe), digits, seed=0, device=CPU)
    queries = pack(network.codes(digits.query.images.inputs(range(300))))
    database = pack(network.codes(digits.database.images.inputs(range(len(digits.database)))))
    labels = digits.query.labels, digits.database.labels
    histograms = distance_histograms(queries, database, *labels, bits=32)
    # Measured .989 to .997 over three seeds, and .983 to .996 for losses with class centres.
    assert MeanAveragePrecision().per_query(histograms).mean() > 0.97
    # Of the Hadamard matrix of size 32, two columns are constant over the first ten rows.
    assert report.probes[-1].constant_bits == (2 if name in ("csq", "dpn") else 0)


@pytest.mark.parametrize(
    "name", ["dpsh", "hashnet", "hashnet/prosgan", "dsdh", "greedyhash", "csq/official", "orthohash"]
)
def test_one_epoch_gives_the_same_bytes_twice(name: str, digits: RetrievalData) -> None:
    digests = set()
    for _ in range(2):
        objective, backbone = made(MODELS[name]), made(BACKBONES["small-cnn"])
        assert isinstance(objective, Objective)
        assert isinstance(backbone, Backbone)
        network = build_network(backbone, bits=16, image_size=16, weights="none", seed=0)
        train(network, objective, Recipe(**{**MODELS[name].recipe, "epochs": 1}), digits, seed=0, device=CPU)
        digests.add(weights_digest(network))
    assert len(digests) == 1
