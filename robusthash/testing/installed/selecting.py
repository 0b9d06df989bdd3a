"""The contract of each plugin object that is tested, as a class that pytest collects."""

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from robusthash import testing
from robusthash.adversary import GradientAttack
from robusthash.contracts import (
    Backbone,
    ClosedForm,
    CrossModalObjective,
    DatasetContext,
    Descriptor,
    Ensemble,
    Objective,
    ReadyModel,
    TextBackbone,
)
from robusthash.errors import OptionError, UnknownNameError
from robusthash.files.caching import cache_folder
from robusthash.host import Owner, PluginHost, PluginKind, Registered, is_for, options_of, require_one_owner
from robusthash.host.discovery import same_name
from robusthash.host.kinds import check_kind
from robusthash.specs import AttackSpec, Capability
from robusthash.testing.installed.outcome import Tested
from robusthash.testing.installed.process import SELECTION, Selection

#: Contract and fixture of each kind, by the class of its objects; the first that fits.
_CONTRACTS: dict[PluginKind, tuple[tuple[type, str, str], ...]] = {
    PluginKind.ATTACK: (
        (Ensemble, "EnsembleContract", "ensemble"),
        (GradientAttack, "GradientAttackContract", "attack"),
        (object, "AttackContract", "attack"),
    ),
    PluginKind.MODEL: (
        (Objective, "ObjectiveContract", "objective"),
        (CrossModalObjective, "CrossModalObjectiveContract", "objective"),
        (ClosedForm, "ClosedFormContract", "method"),
        (ReadyModel, "ReadyModelContract", "method"),
        (Descriptor, "DescriptorContract", "descriptor"),
    ),
    PluginKind.BACKBONE: (
        (Backbone, "BackboneContract", "backbone"),
        (TextBackbone, "TextBackboneContract", "backbone"),
    ),
    PluginKind.DEFENSE: ((object, "DefenseContract", "defense"),),
    PluginKind.RETRIEVER: ((object, "RetrieverContract", "retriever"),),
    PluginKind.DATASET: ((object, "DatasetContract", "dataset"),),
    PluginKind.METRIC: ((object, "MetricContract", "metric"),),
    PluginKind.EXECUTOR: ((object, "ExecutorContract", "executor"),),
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A class of tests.

    Attributes:
        about: what it tests, without any outcome yet.
        tests: the subclass of a contract; its attribute ``folder`` is that of the plugin's source.
    """

    about: Tested
    tests: type


@cache
def selected() -> tuple[list[Case], dict[str, str]]:
    """The cases of this process's selection, and why others have none."""
    return cases(PluginHost.load(), msgspec.json.decode(os.environ[SELECTION], type=Selection))


def cases(host: PluginHost, selection: Selection) -> tuple[list[Case], dict[str, str]]:
    """The cases of a selection, and why others have none.

    Raises:
        UnknownNameError: nothing has the name.
        OptionError: an option or a declaration is of nothing that is tested.
        RobustHashError: an object cannot be made.
    """
    registered, owners = _selected(host, selection)
    found, untested = [], {}
    for one in registered:
        made = host.create(one, options_of(host, one, selection.options))
        check_kind(made, one)
        missing = _missing(host, made)
        if missing:
            untested[one.spec.name] = f"an ensemble of {', '.join(missing)}, not installed here"
            continue
        found.append(_case(one, made, selection))
    found += [_observer(module, owner) for owner in owners for module in host.observers(owner)]
    names = sorted({one.spec.name for one in registered})
    for owner in selection.options:
        if not any(is_for(owner, one) for one in registered):
            raise OptionError(f"an option of {owner!r}, which is not tested", hint=f"tested: {', '.join(names)}")
    require_one_owner(host, selection.options, registered)
    for name in selection.declared:
        if not any(hasattr(getattr(testing, case.about.contract), name) for case in found):
            raise OptionError(f"no contract has the attribute {name!r}", hint="see the page of its kind")
    return found, untested


def _missing(host: PluginHost, made: object) -> list[str]:
    """The members of an ensemble that are not registered."""
    members = made.members if isinstance(made, Ensemble) else ()
    known = {name for one in host.all(PluginKind.ATTACK) for name in (one.spec.name, one.full_name)}
    return [name for name in members if name not in known]


def _selected(host: PluginHost, selection: Selection) -> tuple[list[Registered], list[Owner]]:
    kinds = [kind for kind in PluginKind if selection.kind in (None, kind)]
    owners = [owner for owner in host.owners if owner.distribution in {selection.name, same_name(selection.name)}]
    if owners:
        of_owners = [one for kind in kinds for one in host.all(kind) if one.owner in owners]
        return of_owners, owners if selection.kind is None else []
    try:
        found = host.find_all(selection.name)
    except UnknownNameError as error:
        error.hint = f"{error.hint}; distributions: {', '.join(owner.distribution for owner in host.owners)}"
        raise
    return [one for one in found if one.kind in kinds], []


def _case(one: Registered, made: object, selection: Selection) -> Case:
    contract, name = next((contract, name) for cls, contract, name in _CONTRACTS[one.kind] if isinstance(made, cls))
    body: dict[str, Any] = {
        name: pytest.fixture(lambda _self: made),
        "spec": pytest.fixture(lambda _self: one.spec),
        **_known(one, made),
        **selection.declared,
    }
    if one.kind is PluginKind.DATASET:
        root = None if selection.data_root is None else Path(selection.data_root)
        context = DatasetContext(root=root, cache=cache_folder())
        body["context"] = pytest.fixture(lambda _self: context)
    about = Tested(kind=one.kind, name=one.spec.name, owner=str(one.owner), contract=contract)
    return Case(about=about, tests=_class(about, body, one.spec.factory.partition(":")[0]))


def _known(one: Registered, made: object) -> dict[str, bool]:
    """What an attack's spec and options say about it, so that nobody has to declare it."""
    known: dict[str, bool] = {}
    if isinstance(one.spec, AttackSpec):
        known["beats_noise"] = not one.spec.needs.isdisjoint({Capability.GRADIENTS, Capability.QUERIES})
    if isinstance(made, GradientAttack):
        known["turns_every_bit"] = not made.diversity  # resized views mix the pixels of different bits
    return known


def _observer(module: Any, owner: Owner) -> Case:
    about = Tested(kind="observer", name=module.__name__, owner=str(owner), contract="ObserverContract")
    body = {"observer": pytest.fixture(lambda _self: module)}
    return Case(about=about, tests=_class(about, body, module.__name__))


def _class(about: Tested, body: dict[str, Any], module: str) -> type:
    folder = Path(sys.modules[module].__file__ or "").parent
    name = f"{about.kind} {about.name}"
    return type(name, (getattr(testing, about.contract),), {**body, "folder": folder})
