"""A distribution with one plugin object of every kind, which does at one place what its options say.

The tests install it under a name and version of its own. Everything in it works unless ``at`` and ``fault`` are set.
"""

import os
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from robusthash import hookimpl
from robusthash.adversary import GradientAttack
from robusthash.contracts import (
    ArrayImages,
    Attack,
    Backbone,
    ClosedForm,
    Dataset,
    Defense,
    Descriptor,
    Distance,
    Executor,
    HashLayer,
    HashModel,
    Index,
    Modality,
    ModelWrapper,
    Neighbours,
    Objective,
    ReadyModel,
    RetrievalData,
    Retriever,
    Running,
    Split,
    TrainedDefense,
    TrainFeatures,
)
from robusthash.metrics import RankingMetric
from robusthash.metrics.ranking import precision_at
from robusthash.retrieval import TorchRetriever
from robusthash.specs import (
    AttackSpec,
    BackboneSpec,
    DatasetSpec,
    DefenseSpec,
    ExecutorSpec,
    Goal,
    MetricSpec,
    ModelSpec,
    RetrieverSpec,
)

SIDE, BITS, CLASSES = 16, 8, 2
OBSERVED = {"at": "", "fault": ""}  #: what the observer does, which has no options


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("no words")

    __repr__ = __str__


class OddError(BaseException):
    pass


def misbehave(fault, good=None):  # noqa: C901 - a table, in effect
    """Does what a fault is called, or returns a value of that kind."""
    match fault:
        case "raises":
            raise ZeroDivisionError("one over nothing")
        case "mute":
            raise MuteError
        case "odd":
            raise OddError("not an Exception")
        case "exits":
            raise SystemExit(0)
        case "imitates":
            raise KeyboardInterrupt
        case "ends":
            os._exit(0)
        case "generator":
            raise StopIteration
        case "recursion":
            return misbehave(fault, good)
        case "none":
            return None
        case "text":
            return "nonsense"
        case "nan":
            return good * float("nan")
        case "short":
            return good[:-1]
        case "vector":
            return good.expand(3) * torch.ones(3)
        case "double":
            return good.double()
        case "whole":
            return good.long()
        case "complex":
            return good.to(torch.complex64)
        case "detached":
            return good.detach()
        case "wide":
            return torch.cat([good, good], 1)
        case "numpy":
            return good.detach().numpy()
        case "gradients-off":
            torch.set_grad_enabled(False)
        case "double-default":
            torch.set_default_dtype(torch.float64)
        case "threads":
            torch.set_num_threads(torch.get_num_threads() + 1)
        case "environment":
            os.environ["ROBUSTHASH_CACHE"] = "/nowhere"
        case "folder":
            os.chdir("/")
        case "numpy-errors":
            np.seterr(all="raise")
        case "seed":
            torch.manual_seed(3)
            np.random.seed(3)  # noqa: NPY002 - what plugins do
        case "prints":
            print("a plugin says hello")  # noqa: T201 - likewise
    return good


@dataclass(frozen=True, kw_only=True)
class Part:
    at: str = ""
    fault: str = ""

    def act(self, place, good=None):
        return misbehave(self.fault, good) if self.at == place else good


@dataclass(frozen=True, kw_only=True)
class BrokenAttack(Part, Attack):
    def perturb(self, batch, context):
        context.surrogate(batch.inputs)
        return self.act("perturb", batch.inputs.clone())

    @property
    def needs(self):
        return self.act("needs", frozenset())


@dataclass(frozen=True, kw_only=True)
class BrokenLearner(Part, Attack):
    def fit(self, context):
        return self.act("fit", {"w": torch.zeros(1)})

    def perturb(self, batch, context):
        return batch.inputs.clone()


@dataclass(frozen=True, kw_only=True)
class BrokenGradient(Part, GradientAttack):
    def loss(self, logits, aim, progress):
        return self.act("loss", -(logits * aim).mean(1))


class Images(ArrayImages):
    def __init__(self, array, part):
        super().__init__(array)
        self.part = part

    def read(self, indices):
        return self.part.act("read", super().read(indices))

    def identity(self):
        return self.part.act("identity", super().identity())


@dataclass(frozen=True, kw_only=True)
class BrokenData(Part, Dataset):
    def load(self, context):
        return self.act("load", self._data())

    def verify(self, context):
        return self.act("verify", [])

    def _data(self):
        pixels = torch.randint(0, 256, (24, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
        labels = torch.eye(CLASSES, dtype=torch.uint8).repeat(12, 1)
        if self.at == "labels":
            labels = self.act("labels", labels)

        def split(name, rows):
            ids = tuple(str(row) for row in rows)
            images = Images(pixels[list(rows)].to(torch.uint8), self)
            return Split.of_images(name=name, images=images, labels=labels[list(rows)], ids=ids)

        database = split("database", range(4, 24))
        data = RetrievalData(
            name="broken-data",
            classes=("even", "odd"),
            query=split("query", range(4)),
            database=database,
            train=replace(database, name="train"),
            backbone="broken-net",
        )
        return replace(data, epsilon=7.0) if self.at == "epsilon" else data


class Net(nn.Module):
    def __init__(self, part):
        super().__init__()
        self.part = part
        self.layer = nn.Linear(3 * 4 * 4, 6)

    def forward(self, images):
        return self.part.act("features", self.layer(nn.functional.avg_pool2d(images, 4).flatten(1)))

    def get_extra_state(self):
        return {"kept": "elsewhere"}

    def set_extra_state(self, state):
        pass


class PlainNet(Net):
    get_extra_state = nn.Module.get_extra_state
    set_extra_state = nn.Module.set_extra_state


@dataclass(frozen=True, kw_only=True)
class BrokenNet(Part, Backbone):
    image_size: int = SIDE

    def build(self, weights):
        built = Net(self) if self.at == "state" else PlainNet(self)
        return self.act("build", (built, 6))


@dataclass(frozen=True, kw_only=True)
class BrokenObjective(Part, Objective):
    def head(self, *, bits, classes, seed):
        return self.act("head", nn.Linear(bits, classes))

    def relax(self, logits, step):
        return self.act("relax", torch.tanh(logits))

    def loss(self, relaxed, labels, pairs, step):
        return self.act(
            "loss", (relaxed.square() - 1).square().mean() - (relaxed @ pairs.codes.T * pairs.similar).mean()
        )


@dataclass(frozen=True, kw_only=True)
class BrokenForm(Part, ClosedForm):
    def project(self, train: TrainFeatures, bits, random):
        weight = torch.from_numpy(random.generator(0).normal(size=(bits, train.values.shape[1])))
        if self.at == "weight":
            return HashLayer(weight=self.act("weight", weight), bias=torch.zeros(bits))
        return self.act("project", HashLayer.centred(weight, train.values.mean(0)))


@dataclass(frozen=True, kw_only=True)
class BrokenDescriptor(Part, Descriptor):
    @property
    def distance(self):
        return self.act("distance", Distance.COSINE)

    def describe(self, features):
        return self.act("describe", features)


class Ready(HashModel):
    def __init__(self, part):
        super().__init__()
        self.part = part
        self.bits = BITS
        self.modality = Modality.image(SIDE)
        torch.manual_seed(0)
        self.layer = nn.Linear(3 * SIDE * SIDE, BITS)

    def forward(self, inputs):
        logits = self.layer(inputs.flatten(1) - 0.5)
        return logits * float("nan") if self.part.at == "nan" else self.part.act("forward", logits)


class Stateful(Ready):
    get_extra_state = Net.get_extra_state
    set_extra_state = Net.set_extra_state


@dataclass(frozen=True, kw_only=True)
class BrokenModel(Part, ReadyModel):
    @property
    def bits(self):
        return self.act("bits", BITS)

    def build(self, modalities):
        if self.at == "state":
            return Stateful(self)
        if self.at == "quantised":
            model = Ready(self)
            model.register_buffer("scale", torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8))
            return model
        return self.act("build", Ready(self))


@dataclass(frozen=True, kw_only=True)
class BrokenDefense(Part, Defense):
    def harden(self, model, context):
        return self.act("harden", Wrapper(model, self))


class Wrapper(ModelWrapper):
    def __init__(self, model, part):
        super().__init__(model)
        self.part = part

    def forward(self, inputs):
        logits = self.model(inputs)
        return logits * float("nan") if self.part.at == "nan" else self.part.act("forward", logits)


@dataclass(frozen=True, kw_only=True)
class BrokenTrained(Part, TrainedDefense):
    def train(self, model, context):
        return self.act("train")


@dataclass(frozen=True, kw_only=True)
class BrokenSearch(Part, Retriever):
    @property
    def capabilities(self):
        return self.act("capabilities", TorchRetriever(device="cpu").capabilities)

    def _index(self, items, space, key):
        return self.act("index", BrokenIndex(self, items, space, key))


class BrokenIndex(Index):
    def __init__(self, part, items, space, key):
        super().__init__(items, space, key, part.capabilities)
        self.part = part
        self.inner = TorchRetriever(device="cpu").index(items, space)

    def _search(self, queries, k):
        found = self.inner.search(queries, k)
        if self.part.at == "ids":
            return Neighbours(distances=found.distances, ids=self.part.act("ids", found.ids))
        if self.part.at == "distances":
            return Neighbours(distances=self.part.act("distances", found.distances), ids=found.ids)
        return self.part.act("search", found)

    def _close(self):
        self.part.act("close")


@dataclass(frozen=True, kw_only=True)
class BrokenMetric(Part, RankingMetric):
    @property
    def name(self):
        return self.act("name", "broken-metric")

    def per_query(self, counts):
        scores = precision_at(counts, 5)
        if self.at == "expected":
            return replace(scores, expected=self.act("expected", scores.expected))
        if self.at == "band":
            return replace(scores, expected=scores.expected + 2)
        return self.act("per_query", scores)


@dataclass(frozen=True, kw_only=True)
class BrokenPlace(Part, Executor):
    def start(self, workplace):
        return self.act("start", Place(workplace, self))


class Place(Running):
    def __init__(self, workplace, part):
        self.workplace, self.part = workplace, part

    def __enter__(self):
        return self.part.act("enter", self)

    def __exit__(self, *_):
        self.part.act("leave")

    def run(self, tasks):
        self.part.act("run")
        for task in tasks:
            yield self.part.act("finish", self.workplace.here(task))


def _spec(kind, name, cls, **more):
    return kind(name=name, factory=f"{__name__}:{cls.__name__}", summary=cls.__name__, **more)


@hookimpl
def robusthash_attacks():
    yield from (
        _spec(AttackSpec, name, cls, goals=frozenset({Goal.UNTARGETED}))
        for name, cls in (
            ("broken", BrokenAttack),
            ("broken-learner", BrokenLearner),
            ("broken-gradient", BrokenGradient),
        )
    )


@hookimpl
def robusthash_datasets():
    yield _spec(DatasetSpec, "broken-data", BrokenData)


@hookimpl
def robusthash_backbones():
    yield _spec(BackboneSpec, "broken-net", BrokenNet)


@hookimpl
def robusthash_models():
    yield _spec(ModelSpec, "broken-model", BrokenModel)
    yield _spec(ModelSpec, "broken-form", BrokenForm)
    yield _spec(ModelSpec, "broken-descriptor", BrokenDescriptor)
    yield _spec(ModelSpec, "broken-loss", BrokenObjective, recipe={"epochs": 1, "batch_size": 10})


@hookimpl
def robusthash_defenses():
    yield _spec(DefenseSpec, "broken-defense", BrokenDefense)
    yield _spec(DefenseSpec, "broken-training", BrokenTrained)


@hookimpl
def robusthash_retrievers():
    yield _spec(RetrieverSpec, "broken-search", BrokenSearch, preference=-9)


@hookimpl
def robusthash_metrics():
    yield _spec(MetricSpec, "broken-metric", BrokenMetric)


@hookimpl
def robusthash_executors():
    yield _spec(ExecutorSpec, "broken-place", BrokenPlace)


@hookimpl
def robusthash_run_started(cells):
    if OBSERVED["at"] == "run_started":
        misbehave(OBSERVED["fault"])


@hookimpl
def robusthash_cell_finished(record):
    if OBSERVED["at"] == "cell_finished":
        misbehave(OBSERVED["fault"])


@hookimpl
def robusthash_run_finished(records):
    if OBSERVED["at"] == "run_finished":
        misbehave(OBSERVED["fault"])
