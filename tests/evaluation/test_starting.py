"""Attacks that start where another one, which learns, leaves each query: fitted, run and told by the host."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import robusthash
from robusthash.errors import CapabilityError, OptionError, UnknownNameError, UsageError
from robusthash.evaluation import Request, evaluate
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.host import PluginHost
from robusthash.testing import SmallVictim, toy_batch

SHORT = {"uap": {"steps": "20"}, "train": {"epochs": "3"}}
STAND = {"steps": "1", "step_size": "1e-6", "keep_best": "false", "stop": "false"}  #: a step that moves nothing


def asked(small: Request, *attacks: str, **options: dict[str, str]) -> Request:
    """The small grid with these attacks."""
    return replace(small, attacks=attacks, setting=replace(small.setting, options={**SHORT, **options}))


@pytest.mark.usefixtures("cache")
def test_it_starts_at_the_outcome_of_the_attack_alone(
    small: Request, last_cell: Callable[[Request], PreparedCell]
) -> None:
    """The same patterns, from the same cached file, with the options of the run; a further try does not start there."""
    started = last_cell(asked(small, "hinge", hinge={"start": "uap", **STAND})).job
    alone = last_cell(asked(small, "uap")).job
    rows = range(8)
    found, expected = craft(started, rows), craft(alone, rows)
    torch.testing.assert_close(found.adversarial.unrounded, expected.adversarial.unrounded, rtol=0, atol=2e-6)
    assert started.learning == alone.learning
    again = craft(started, rows, restart=1)
    assert not torch.allclose(again.adversarial.unrounded, expected.adversarial.unrounded, atol=1e-2)


@pytest.mark.usefixtures("cache")
def test_the_record_says_where_it_started_and_what_that_cost(small: Request, host: PluginHost, tmp_path: Path) -> None:
    options = {"uap": {"steps": "20"}, "hinge": {"start": "uap", "steps": "2"}}
    records = evaluate(asked(small, "uap", "hinge", **options), host, results=tmp_path).records
    uap, hinge = (next(one for one in records if one.attack.name == name) for name in ("uap", "hinge"))
    told = hinge.attack.options["start"]["uap"]
    assert told == {"owner": uap.attack.owner, **uap.attack.options}
    assert hinge.outcome.cost.learning == uap.outcome.cost.learning
    assert hinge.outcome.cost.learning is not None
    # Its own passes are counted as from anywhere: the aim's, and one for each step and the end.
    assert hinge.outcome.cost.forward <= (1 + 3) * 20
    other = {"uap": {"steps": "30"}, "hinge": {"start": "uap", "steps": "2"}}
    (_, another) = evaluate(asked(small, "hinge", **other), host, results=tmp_path).records
    assert another.digest != hinge.digest, "an option of the start may change the numbers"


@pytest.mark.parametrize(
    ("attack", "start", "error", "says"),
    [
        ("hinge", "uap-target", OptionError, "'hinge' cannot start at 'uap-target', which is targeted"),
        ("hinge-p2s", "uap", OptionError, "targeted attack 'hinge-p2s' cannot start at 'uap', which is untargeted"),
        ("hinge", "patch", OptionError, "'patch', which is not bounded by epsilon"),
        ("hinge", "noise", OptionError, "'noise', which is no attack that learns"),
        ("hinge", "rnm", OptionError, "'rnm', which is no attack that learns"),
        ("tha", "tha", OptionError, "'tha', which is no attack that learns and then takes no steps"),
        ("hinge", "strongest", OptionError, "'strongest', which is no attack that learns"),
        ("hinge", "uapp", UnknownNameError, "uapp"),
    ],
)  # fmt: skip
def test_a_start_that_does_not_fit_is_refused_before_anything_is_trained(
    attack: str, start: str, error: type[UsageError], says: str, host: PluginHost
) -> None:
    with pytest.raises(error, match=says) as caught:
        Plugins(host, {attack: {"start": start}}).attack(attack)
    assert caught.value.exit_code == 2
    assert caught.value.hint


@pytest.mark.usefixtures("cache")
def test_an_unfit_start_in_a_sweep_ends_the_run_at_once(small: Request, host: PluginHost, tmp_path: Path) -> None:
    request = replace(asked(small, "hinge"), vary={"hinge": {"start": ("zero", "prosgan")}})
    with pytest.raises(OptionError, match="which is targeted"):
        evaluate(request, host, results=tmp_path)


@pytest.mark.usefixtures("cache")
def test_an_ensemble_fits_the_start_of_its_members_once(
    small: Request, host: PluginHost, tmp_path: Path, last_cell: Callable[[Request], PreparedCell]
) -> None:
    seen: list[str] = []
    ensemble = {"members": "hinge,rnm", "restarts": "1"}
    members = {name: {"start": "uap", "steps": "2"} for name in ("hinge", "rnm")}
    options = {"uap": {"steps": "10", "patience": "0"}, "strongest": ensemble, **members}
    request = asked(small, "strongest", **options)
    outcome = evaluate(request, host, results=tmp_path, progress=lambda _done, _total, what: seen.append(what))
    assert seen.count("universal pattern") == 10
    record = outcome.records[-1]
    assert record.attack.options["members"]["rnm"]["start"]["uap"]["steps"] == 10
    alone = last_cell(asked(small, "uap", uap=options["uap"])).job.learning
    assert record.outcome.cost.learning == alone, "counted once, too"


def test_on_inputs_of_ones_own_there_is_nothing_to_start_at() -> None:
    victim = SmallVictim()
    with pytest.raises(CapabilityError, match="needs a whole retrieval system"):
        robusthash.attack("hinge", start="uap")(victim, toy_batch(victim).inputs, epsilon="8/255")
