"""Fitted attacks: a file is used as it was learnt, told as what it is, and refused where it does not belong."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from robusthash.contracts import (
    Attack,
    AttackBatch,
    AttackContext,
    CodeBank,
    HashModel,
    LearningContext,
    Modality,
    silent,
)
from robusthash.errors import (
    CapabilityError,
    CheckpointError,
    OptionError,
    RobustHashError,
    RobustHashWarning,
    UsageError,
)
from robusthash.evaluation import Request, RunSettings, evaluate, fit_attack
from robusthash.evaluation.crafting import lessons
from robusthash.evaluation.crafting.fitted import load_fitted, save_fitted
from robusthash.evaluation.planning.fitted import FittedAttack, only_attack, read_fitted, with_fitted
from robusthash.evaluation.planning.fitting import described, read_fitting
from robusthash.evaluation.planning.training import fitting_request
from robusthash.files.tensors import load_tensors, save_tensors
from robusthash.host import PluginHost
from robusthash.results import Access, Record, ResultStore
from robusthash.specs import Capability, Precision
from robusthash.training import wrapped

pytestmark = pytest.mark.usefixtures("cache")

SETTING = RunSettings(queries=12, options={"uap": {"steps": "12", "batch": "16"}})
PLAIN = replace(SETTING, options={})
EPSILON = 0.1


def linear(seed: int, bits: int = 16, side: int = 16) -> HashModel:
    """A model that takes next to no time."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, bits))
    return wrapped(network, bits=bits, modalities={"image": Modality.image(side)}, name=f"linear{seed}")


@pytest.fixture(scope="module")
def one() -> HashModel:
    return linear(1)


@pytest.fixture(scope="module")
def other() -> HashModel:
    return linear(2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fitted")


@pytest.fixture(scope="module")
def fitted(host: PluginHost, cache: Path, one: HashModel, folder: Path) -> FittedAttack:
    request = fitting_request("uap", one, 16, SETTING, epsilon=EPSILON)
    return fit_attack(request, host, output=folder / "uap.safetensors", samples=folder / "samples", progress=silent)


def attacked(request: Request, host: PluginHost, results: Path) -> list[Record]:
    outcome = evaluate(request, host, results=results)
    assert not outcome.failures, outcome.failures[0].error
    return [record for record in outcome.records if record.attack.name != "noise"]


def test_a_file_gives_the_images_of_learning_in_the_run(
    fitted: FittedAttack, one: HashModel, host: PluginHost, tmp_path: Path
) -> None:
    plain = Request(models=(one,), attacks=("uap",), epsilons=(EPSILON,), setting=SETTING)
    (learnt,) = attacked(plain, host, tmp_path)
    (used,) = attacked(replace(plain, attacks=(fitted,)), host, tmp_path)
    store = ResultStore(tmp_path)
    for name, array in store.arrays(learnt).to_arrays().items():
        np.testing.assert_array_equal(array, store.arrays(used).to_arrays()[name])
    assert used.access is learnt.access is Access.WHITE_BOX
    assert used.digest != learnt.digest
    assert learnt.attack.fitted is None
    assert used.attack.fitted is not None
    assert used.attack.fitted.digest == fitted.fitting.digest
    assert used.outcome.cost.learning == learnt.outcome.cost.learning == fitted.fitting.spent
    assert used.attack.options == learnt.attack.options


def test_on_another_model_it_is_a_transfer_whether_or_not_its_own_is_at_hand(
    fitted: FittedAttack, one: HashModel, other: HashModel, host: PluginHost, tmp_path: Path
) -> None:
    """What an attack must know of the model that it was fitted on is in the file: the images are the same."""
    alone = Request(models=(other,), attacks=(fitted,), setting=SETTING)
    (absent,) = attacked(alone, host, tmp_path / "absent")
    (present,) = attacked(replace(alone, surrogates=(one,)), host, tmp_path / "present")
    assert absent.access is present.access is Access.TRANSFER
    assert absent.attack.surrogate is not None
    assert absent.attack.surrogate.digest == fitted.fitting.surrogate.digest != absent.victim.model.digest
    assert absent.reproducible() == present.reproducible()
    assert absent.attack.epsilon == EPSILON, "its own radius, if none is asked for"


def test_files_of_two_models_make_a_transfer_matrix(
    fitted: FittedAttack, one: HashModel, other: HashModel, host: PluginHost, folder: Path, tmp_path: Path
) -> None:
    request = fitting_request("uap", other, 16, SETTING, epsilon=EPSILON)
    second = fit_attack(request, host, output=folder / "second.safetensors", samples=None, progress=silent)
    grid = Request(models=(one, other), surrogates=(one, other), attacks=(fitted, second), setting=SETTING)
    records = attacked(grid, host, tmp_path)
    found = {
        ((record.attack.surrogate or record.victim.model).digest[:6], record.victim.model.digest[:6]): record.access
        for record in records
    }
    weights = [file.fitting.surrogate.digest[:6] for file in (fitted, second)]
    assert found == {
        (source, victim): Access.WHITE_BOX if source == victim else Access.TRANSFER
        for source in weights
        for victim in weights
    }


def test_a_surrogate_that_it_was_not_fitted_on_is_refused(
    fitted: FittedAttack, one: HashModel, other: HashModel, host: PluginHost, tmp_path: Path
) -> None:
    request = Request(models=(one,), surrogates=(other,), attacks=(fitted,), setting=SETTING)
    (failure,) = evaluate(request, host, results=tmp_path).failures
    assert isinstance(failure.error, CheckpointError)
    assert "none of the surrogates" in failure.error.message


@dataclass(frozen=True, kw_only=True)
class Curious(Attack):
    """Learns nothing of use, and looks at the surrogate when it perturbs."""

    shift: float = 0.0

    @property
    def learnt_from(self) -> frozenset[str]:
        return frozenset()

    @property
    def needs(self) -> frozenset[Capability]:
        return frozenset({Capability.GRADIENTS})

    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        return {"nothing": torch.zeros(1)}

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        context.surrogate(batch.inputs)
        return (batch.inputs + self.shift).clamp(0, 1)


def test_an_attack_that_looks_at_its_surrogate_asks_for_it(
    one: HashModel, other: HashModel, host: PluginHost, tmp_path: Path
) -> None:
    request = fitting_request(Curious(), one, 16, PLAIN, epsilon=EPSILON)
    file = fit_attack(request, host, output=tmp_path / "c.safetensors", samples=None, progress=silent)
    grid = Request(models=(other,), attacks=(file,), setting=PLAIN)
    (failure,) = evaluate(grid, host, results=tmp_path / "results").failures
    assert isinstance(failure.error, CapabilityError)
    assert "which is not at hand" in failure.error.message
    attacked(replace(grid, surrogates=(one,)), host, tmp_path / "results")
    unknown = FittedAttack.read(tmp_path / "c.safetensors")
    with pytest.raises(UsageError, match="unknown attack"):
        evaluate(replace(grid, attacks=(unknown,)), host, results=tmp_path / "results")
    again = FittedAttack.read(tmp_path / "c.safetensors", attack=Curious(shift=0.5))
    (record,) = attacked(replace(grid, surrogates=(one,), attacks=(again,)), host, tmp_path / "results")
    assert record.attack.options["shift"] == 0.5, "an option that learning does not depend on"


def test_an_option_that_learning_does_not_depend_on_may_differ_and_is_learnt_for_once(
    one: HashModel, host: PluginHost, tmp_path: Path
) -> None:
    options = {"tha": {"fit_steps": "5", "width": "8", "steps": "2"}}
    request = fitting_request("tha", one, 16, replace(SETTING, options=options), epsilon=EPSILON)
    file = fit_attack(request, host, output=tmp_path / "tha.safetensors", samples=None, progress=silent)
    assert file.fitting.learnt_from.keys() == {"width", "fit_steps", "fit_batch", "fit_rate"}
    grid = Request(models=(one,), attacks=(file,), setting=replace(SETTING, options={"tha": {"steps": "3"}}))
    (record,) = attacked(grid, host, tmp_path / "results")
    assert record.attack.options["steps"] == 3
    assert record.attack.options["fit_steps"] == 5
    more = replace(request, setting=replace(request.setting, options={"tha": {**options["tha"], "steps": "4"}}))
    found = fit_attack(more, host, output=None, samples=None, progress=silent)
    assert found.cached
    wrong = replace(grid, setting=replace(SETTING, options={"tha": {"width": "9"}}))
    with pytest.raises(OptionError, match=r"tha.safetensors was learnt with tha.width=8, not 9"):
        evaluate(wrong, host, results=tmp_path / "results")


def _with(**changes: Any) -> Callable[[Request], Request]:
    return lambda request: replace(request, **changes)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (_with(epsilons=(0.2,)), OptionError, "fitted for epsilon 0.1, and the run has 0.2"),
        (_with(models=("lsh",), bits=(32,)), CheckpointError, "fitted for bits 16, and lsh 32 bit on digits has 32"),
        (
            _with(models=(linear(1, side=24),), setting=replace(SETTING, image_size=24)),
            CheckpointError,
            r"fitted for inputs images of shape \(3, 16, 16\)",
        ),
        (
            _with(setting=replace(SETTING, options={"uap": {"steps": "13"}})),
            OptionError,
            "learnt with uap.steps=12, not 13",
        ),
    ],
    ids=["radius", "bits", "size", "option"],
)
def test_a_file_for_something_else_is_refused_before_anything_is_trained(
    change: Callable[[Request], Request],
    error: type[RobustHashError],
    says: str,
    fitted: FittedAttack,
    one: HashModel,
    host: PluginHost,
    tmp_path: Path,
) -> None:
    request = change(Request(models=(one,), attacks=(fitted,), setting=SETTING))
    with pytest.raises(error, match=says) as told:
        evaluate(request, host, results=tmp_path / "results")
    assert told.value.hint
    assert not (tmp_path / "results").exists()


def test_a_file_for_other_classes_is_refused(
    fitted: FittedAttack, one: HashModel, host: PluginHost, tmp_path: Path
) -> None:
    content = load_fitted(fitted.path)
    labels = torch.zeros(len(content.bank.labels), 2, dtype=torch.uint8)
    bank, fitting = CodeBank(codes=content.bank.codes, labels=labels), replace(fitted.fitting, classes=("cat", "dog"))
    save_fitted(tmp_path / "pets.safetensors", content.tensors, bank, fitting)
    file = FittedAttack.read(tmp_path / "pets.safetensors")
    with pytest.raises(CheckpointError, match="fitted for classes cat, dog"):
        evaluate(Request(models=(one,), attacks=(file,), setting=SETTING), host, results=tmp_path)


def test_what_is_written_is_read_and_equal_content_gives_equal_bytes(fitted: FittedAttack, tmp_path: Path) -> None:
    assert read_fitting(fitted.path) == replace(fitted.fitting, classes=fitted.fitting.classes)
    content = load_fitted(fitted.path)
    again = save_fitted(tmp_path / "again.safetensors", content.tensors, content.bank, content.fitting)
    assert again == fitted.fitting
    assert (tmp_path / "again.safetensors").read_bytes() == fitted.path.read_bytes()


def test_pictures_of_a_few_train_images_are_kept(fitted: FittedAttack, folder: Path, host: PluginHost) -> None:
    (pictures,) = (folder / "samples").iterdir()
    assert pictures.name == f"uap-{fitted.fitting.key[:12]}"
    assert [path.name for path in sorted(pictures.iterdir())] == ["00001.png", "00002.png"]
    with Image.open(pictures / "00002.png") as picture:
        assert picture.size == (8 * 66 - 2, 3 * 66 - 2)


Damage = Callable[[dict[str, Any], dict[str, Tensor]], None]


def _field(path: str, value: object) -> Damage:
    def change(content: dict[str, Any], _tensors: dict[str, Tensor]) -> None:
        *above, last = path.split(".")
        for name in above:
            content = content[name]
        content[last] = value

    return change


def _tensor(name: str, change: Callable[[Tensor], Tensor]) -> Damage:
    def changed(content: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        from robusthash.files.tensors import tensors_digest

        tensors[name] = change(tensors[name])
        content["digest"] = tensors_digest(tensors)  # a stranger can compute it, too

    return changed


def _deep(content: dict[str, Any], _tensors: dict[str, Tensor]) -> None:
    nested: dict[str, Any] = {}
    for _ in range(50):
        nested = {"a": nested}
    content["attack"]["options"]["steps"] = content["learnt_from"]["steps"] = nested


DAMAGES: dict[str, tuple[Damage, str]] = {
    "another format": (_field("format", 2), "format 2"),
    "an unknown field": (_field("more", 1), "unknown field"),
    "no attack": (_field("attack", None), "attack: Expected `object`"),
    "a radius beyond the box": (_field("epsilon", 1.5), "epsilon"),
    "no radius": (_field("epsilon", "8/255"), "epsilon"),
    "a shape of nothing": (_field("inputs.shape", [3, 0, 16]), "inputs.shape"),
    "an empty box": (_field("inputs.high", 0.0), "the box"),
    "a direction of texts": (_field("direction", "t2i"), "direction t2i"),
    "a size beyond counting": (_field("surrogate.size", 2**70), "surrogate.size"),
    "no digest": (_field("digest", "../.."), "digest"),
    "a negative cost": (_field("spent.forward", -1), "spent.forward"),
    "options that were not learnt from": (_field("learnt_from.steps", 5), "learnt_from"),
    "options nested without end": (_deep, "nested"),
    "other tensors": (_field("digest", "0" * 64), "is not what was learnt"),
    "NaN": (_tensor("learnt.patterns", lambda one: one * torch.nan), "NaN"),
    "codes of another length": (_tensor("bank.codes", lambda one: one[:, :1]), "codes of the train split"),
    "codes of another type": (_tensor("bank.codes", lambda one: one.float()), "codes of the train split"),
    "labels of other items": (_tensor("bank.labels", lambda one: one[1:]), "labels of the train split"),
    "labels of other classes": (_tensor("bank.labels", lambda one: one[:, 1:]), "labels of the train split"),
    "labels out of range": (_tensor("bank.labels", lambda one: one + 7), "out of range"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_strangers_file_is_checked(name: str, fitted: FittedAttack, tmp_path: Path) -> None:
    damage, says = DAMAGES[name]
    content, tensors = json.loads(json.dumps(described(fitted.fitting))), load_tensors(fitted.path)
    damage(content, tensors)
    path = tmp_path / "strange.safetensors"
    save_tensors(path, tensors, metadata={"robusthash-fitted": json.dumps(content)})
    with pytest.raises(CheckpointError, match=says) as told:
        load_fitted(path)
    assert told.value.hint
    assert str(path) in told.value.message


def test_a_model_and_a_fitted_attack_are_told_apart(fitted: FittedAttack, host: PluginHost, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="a fitted attack, not a model"):
        evaluate(Request(models=(str(fitted.path),), attacks=("noise",)), host, results=tmp_path)
    save_tensors(tmp_path / "model.safetensors", {"w": torch.ones(1)}, metadata={"robusthash": "{}"})
    with pytest.raises(CheckpointError, match="the checkpoint of a model"):
        FittedAttack.read(tmp_path / "model.safetensors")
    save_tensors(tmp_path / "plain.safetensors", {"w": torch.ones(1)})
    with pytest.raises(CheckpointError, match="no fitted attack"):
        FittedAttack.read(tmp_path / "plain.safetensors")


@pytest.mark.parametrize(("attack", "says"), [("rnm", "learns nothing"), ("strongest", "learns nothing")])
def test_what_learns_nothing_is_not_fitted(attack: str, says: str, one: HashModel, host: PluginHost) -> None:
    request = fitting_request(attack, one, 16, replace(SETTING, options={}))
    with pytest.raises(UsageError, match=says):
        fit_attack(request, host, output=None, samples=None, progress=silent)


@pytest.mark.parametrize("computed", [True, False])
def test_bfloat16_is_learnt_in_only_where_it_is_computed(
    computed: bool, one: HashModel, host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "has_bfloat16", lambda _: computed)
    half = replace(SETTING, precision=Precision.BF16, options={"uap": {"steps": "1", "batch": "2"}})
    told = nullcontext() if computed else pytest.warns(RobustHashWarning, match="this processor has no bfloat16")
    with told:
        request = fitting_request("uap", one, 16, half, epsilon=EPSILON)
        fitting = fit_attack(request, host, output=None, samples=None, progress=silent).fitting
    assert fitting.precision == ("bf16" if computed else "float32")


def test_a_file_stands_for_its_attack(fitted: FittedAttack) -> None:
    assert with_fitted(None, ()) is None
    assert with_fitted(None, (fitted,)) == (fitted,)
    assert with_fitted(("rnm", "uap"), (fitted,)) == ("rnm", fitted)
    assert only_attack("rnm", None) == "rnm"
    assert [file.path for file in read_fitted([fitted.path, fitted.path])] == [fitted.path]
    found = only_attack("uap", fitted.path)
    assert isinstance(found, FittedAttack)
    with pytest.raises(UsageError, match=r"is of attack 'uap', not of 'rnm'"):
        only_attack("rnm", fitted.path)
    with pytest.raises(UsageError, match="no attack is named"):
        only_attack(None, None)
