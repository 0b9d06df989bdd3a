"""ComDefend: its loss by hand, what the model sees, its gradients, and that it is trained once and the same again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from robusthash.contracts import (
    ArrayImages,
    DefenseContext,
    HashModel,
    RetrievalData,
    Snapshots,
    Split,
    TrainedWrapper,
)
from robusthash.errors import OptionError, TrainingError
from robusthash.evaluation import RunSettings, VictimPlan
from robusthash.evaluation.victims.making import get_victim
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginHost, PluginKind
from robusthash.testing import SmallVictim, toy_images
from robusthash.training import defense_context, weights_digest
from robusthash_defenses.comdefend import ComDefend, Purified, Purifier, reconstruction_loss, slow_step

QUICK = ComDefend(width=1, epochs=2, lr=0.01)


def context(count: int = 40) -> DefenseContext:
    images, classes = toy_images(count, seed=0)
    levels = ArrayImages((images * 255).round().to(torch.uint8))
    labels = torch.nn.functional.one_hot(classes.long(), 4).to(torch.uint8) if classes.ndim == 1 else classes
    ids = tuple(map(str, range(count)))
    splits = {
        name: Split.of_images(name=name, images=levels, labels=labels.to(torch.uint8), ids=ids)
        for name in ("query", "database", "train")
    }
    names = tuple(map(str, range(labels.shape[1])))
    return defense_context(RetrievalData(name="toy", classes=names, **splits), seed=0)


@pytest.fixture(autouse=True)
def anything_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Victims with random weights retrieve nothing, which the training would refuse at its end."""
    monkeypatch.setattr("robusthash.training.trainer.loop.refuse_collapsed", lambda _probe, _bits: None)


def around(method: ComDefend) -> tuple[HashModel, Purified]:
    model = SmallVictim().eval()
    return model, method.around(model, 0)


def test_the_networks_are_those_of_the_paper() -> None:
    purifier = Purifier(16, 20.0)
    convolutions = [
        [layer for layer in part if isinstance(layer, torch.nn.Conv2d)] for part in (purifier.encoder, purifier.decoder)
    ]
    widths = [[layer.out_channels for layer in layers] for layers in convolutions]
    assert widths == [[16, 32, 64, 128, 256, 128, 64, 32, 12], [32, 64, 128, 256, 128, 64, 32, 16, 3]]
    assert [layers[0].in_channels for layers in convolutions] == [3, 12]
    images = toy_images(2, seed=0)[0]
    assert purifier.decode(purifier.code(images)).shape == images.shape


def test_the_loss_by_hand() -> None:
    purifier = Purifier(1, 0.0)
    images = toy_images(2, seed=0)[0]
    with torch.no_grad():
        purifier.encoder[-1].weight.zero_()  # type: ignore[operator, union-attr]
        purifier.encoder[-1].bias.fill_(100.0)  # type: ignore[operator, union-attr]
        purifier.decoder[-1].weight.zero_()  # type: ignore[operator, union-attr]
        purifier.decoder[-1].bias.zero_()  # type: ignore[operator, union-attr]
    # The code is 1 everywhere, and the image 0.5.
    expected = (images - 0.5).square().mean() + 0.1
    torch.testing.assert_close(reconstruction_loss(purifier, images, 0.1), expected)


def test_the_model_sees_the_decoded_bits() -> None:
    images = toy_images(3, seed=1)[0]
    for masked in (False, True):
        model, wrapped = around(replace(QUICK, masked=masked))
        purifier = wrapped.purifier
        bits = (purifier.encoder(images) > 0).float()
        torch.testing.assert_close(wrapped(images), model(purifier.decode(bits)))
        torch.testing.assert_close(wrapped(images), wrapped(images), rtol=0, atol=0)
        assert (wrapped.bits, wrapped.modality) == (model.bits, model.modality)


def test_the_stochastic_path_draws_noise_and_rounds_nothing() -> None:
    images = toy_images(3, seed=1)[0]
    model, wrapped = around(replace(QUICK, stochastic=True, noise=2.0))
    purifier = wrapped.purifier
    torch.manual_seed(5)
    found = wrapped(images)
    torch.manual_seed(5)
    torch.testing.assert_close(found, model(purifier.decode(purifier.code(images))))
    assert not torch.equal(found, wrapped(images))
    torch.manual_seed(5)
    code = purifier.code(images)
    assert bool(((code > 0.1) & (code < 0.9)).any())


def test_an_attack_sees_through_unless_the_gradient_is_masked() -> None:
    images = toy_images(3, seed=2)[0]
    _, wrapped = around(QUICK)
    with torch.no_grad():
        wrapped.purifier.encoder[-1].bias.fill_(2000.0)  # type: ignore[operator, union-attr] - the sigmoid has no slope
    for masked in (False, True):
        wrapped.masked = masked
        leaf = images.clone().requires_grad_()
        logits = wrapped(leaf).sum()
        moved = torch.autograd.grad(logits, leaf)[0].abs().flatten(1).sum(1)
        assert bool((moved == 0).all() if masked else (moved > 0).all())


def test_the_slow_step_rises_by_its_scale() -> None:
    values = torch.tensor([-3.0, 0.0, 1.0], requires_grad=True)
    slow_step(values, 2.0).sum().backward()  # type: ignore[no-untyped-call]
    # The derivative of v / (s + |v|) is s / (s + |v|)**2.
    assert values.grad is not None
    torch.testing.assert_close(values.grad, torch.tensor([1 / 25, 1 / 4, 1 / 9]))


def test_only_the_purifier_learns_and_the_model_given_stays_as_it_is() -> None:
    model = SmallVictim().eval()
    before = weights_digest(model)
    purified, report = QUICK.train(model, context())
    assert isinstance(purified, Purified)
    assert weights_digest(model) == weights_digest(purified.model) == before
    assert not model.training
    assert not purified.training
    assert weights_digest(purified.purifier) != weights_digest(QUICK.around(model, 0).purifier)
    assert report.losses[1] < report.losses[0]


def test_a_seed_decides_it_and_a_broken_off_training_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def stop(done: int, total: int, what: str) -> None:
        if done == total:
            raise KilledError

    model, whole = SmallVictim().eval(), context()
    straight, _ = QUICK.train(model, whole)
    other, _ = QUICK.train(model, replace(whole, seed=1))
    kept = replace(whole, snapshots=Snapshots(tmp_path / "partial", "test", seconds=0))
    with pytest.raises(KilledError):
        QUICK.train(model, replace(kept, progress=stop))
    assert len(list(tmp_path.glob("partial.training-*"))) == 1
    resumed, report = QUICK.train(model, kept)
    assert report.epochs == 2
    assert weights_digest(resumed) == weights_digest(straight) != weights_digest(other)


def test_images_that_retrieve_nothing_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    flat = replace(QUICK, lr=1e-9)  # the networks stay at their start, and decode a grey
    with pytest.raises(TrainingError, match="collapsed"):
        flat.train(SmallVictim().eval(), context())


@pytest.mark.slow
def test_the_host_trains_it_once_and_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path))
    options = {"train": {"epochs": "1"}, "comdefend": {"width": "1", "epochs": "1", "lr": "0.01"}}
    host, calls = PluginHost.load(), []
    original = ComDefend.train

    def counted(method: ComDefend, *given: Any) -> object:
        calls.append(1)
        return original(method, *given)

    monkeypatch.setattr(ComDefend, "train", counted)
    # One epoch of a network this narrow purifies nothing away but the image: enough to be trained and kept.
    monkeypatch.setattr("robusthash.evaluation.victims.hardening.refuse_ruined", lambda *_, **__: None)

    def victim(seed: int) -> tuple[str, str]:
        resources = Resources(
            RunSettings(options=options, device="cpu", seed=seed), host, lambda _done, _total, _what: None
        )
        found = get_victim(VictimPlan(model="dpsh", bits=32, defense="comdefend"), resources)
        assert isinstance(found.model, Purified)
        return found.use.digest, weights_digest(found.model)

    first = victim(0)
    assert victim(0) == first
    assert len(calls) == 1
    assert victim(1)[0] != first[0]


@pytest.mark.parametrize("wrong", [{"width": 0}, {"noise": -1.0}, {"sparsity": -1.0}])
def test_other_values_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=f"{next(iter(wrong))}="):
        ComDefend(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["comdefend", "comdefend/fast", "comdefend/saat"])
def test_it_is_registered(name: str) -> None:
    host = PluginHost.load()
    method = host.create(host.find(PluginKind.DEFENSE, name), {})
    assert isinstance(method, ComDefend)
    assert isinstance(method, TrainedWrapper)
    assert method.stochastic == (name == "comdefend/saat")
