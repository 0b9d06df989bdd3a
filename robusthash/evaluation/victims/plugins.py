"""Plugin objects as a run uses them: found by name or given as they are, with the run's options, each made once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from robusthash.contracts import (
    Attack,
    Backbone,
    ClosedForm,
    Dataset,
    Defense,
    Descriptor,
    Ensemble,
    Objective,
    ReadyModel,
    Retriever,
)
from robusthash.errors import ContractError, OptionError, UnknownNameError, UsageError
from robusthash.evaluation.planning.names import AnyAttack, AnyDefense
from robusthash.evaluation.planning.request import PluginOptions
from robusthash.host import PluginHost, PluginKind, Registered
from robusthash.metrics import RankingMetric
from robusthash.options import as_plain
from robusthash.results import PluginUse
from robusthash.specs import AttackSpec, Distance, Goal, Role, Spec

TRAIN = "train"  #: the owner of training options: ``-o train.epochs=5``
IN_MEMORY = "in memory"  #: the owner of an object that no plugin has registered

_NOTHING: Mapping[str, Any] = MappingProxyType({})

Plugin = TypeVar("Plugin")
Method = Objective | ClosedForm | Descriptor | ReadyModel  #: what a registered model may be
METHODS = (Objective, ClosedForm, Descriptor, ReadyModel)


@dataclass(frozen=True, kw_only=True)
class Chosen(Generic[Plugin]):
    """A plugin object with its options.

    Attributes:
        plugin: the object.
        use: what the record says of it.
        full_name: ``distribution/name``, which no other can have: the key of an attack's randomness.
        spec: what announces it; None for an object that no plugin has registered.
    """

    plugin: Plugin
    use: PluginUse
    full_name: str
    spec: Spec | None = None

    @property
    def role(self) -> Role:
        """What an attack is among the others."""
        return self.spec.role if isinstance(self.spec, AttackSpec) else Role.ATTACK


class Plugins:
    """Makes what is asked for, by name or by object.

    Args:
        host: the plugins.
        options: by plugin name, then by field.
    """

    def __init__(self, host: PluginHost, options: PluginOptions) -> None:
        self.host = host
        self.options = options
        self._attacks: dict[tuple[AnyAttack, str], Chosen[Attack]] = {}

    def attack(self, named: AnyAttack, varied: Mapping[str, Any] = _NOTHING) -> Chosen[Attack]:
        """An attack; the same one whenever it is asked for. Of an ensemble, the record has every member's options.

        Args:
            named: registered name, or the attack itself.
            varied: options beside the run's.

        Raises:
            ContractError: a member of an ensemble is an ensemble itself, pulls to a target, or is not held to epsilon.
        """
        key = named, repr(sorted(varied.items()))
        if key not in self._attacks:
            self._attacks[key] = self._attack(named, varied)
        return self._attacks[key]

    def _attack(self, named: AnyAttack, varied: Mapping[str, Any]) -> Chosen[Attack]:
        options = {**self.options.get(named, {}), **varied} if isinstance(named, str) else varied
        chosen = self.choose(PluginKind.ATTACK, named, Attack, options)
        if not isinstance(chosen.plugin, Ensemble):
            return chosen
        members = [self.choose(PluginKind.ATTACK, member, Attack) for member in chosen.plugin.members]
        for member in members:
            plugin = member.plugin
            if isinstance(plugin, Ensemble) or plugin.goal is Goal.TARGETED or not plugin.bounded:
                raise ContractError(
                    f"{member.use.name!r} cannot be a member of {chosen.use.name!r} of {chosen.use.owner}"
                )
        # The place is told because JSON keeps no order, and the arrays name the member of each query by it.
        told = {
            member.use.name: {"place": place, "owner": member.use.owner, **member.use.options}
            for place, member in enumerate(members)
        }
        return replace(chosen, use=replace(chosen.use, options={**chosen.use.options, "members": told}))

    def members(self, attack: Attack) -> list[Chosen[Attack]]:
        """The attacks that an ensemble is made of; none for any other attack."""
        return [self.attack(name) for name in attack.members] if isinstance(attack, Ensemble) else []

    @property
    def reference(self) -> str:
        """The attack that every other one is shown beside.

        Raises:
            UsageError: none is installed, or several are.
        """
        return self._only([one for one in self._specs() if one[1].role is Role.REFERENCE], "reference attack")

    def yardstick(self, distance: Distance) -> str:
        """The attack that models are ranked by, and attacked with where none is named.

        Args:
            distance: of the models' outputs.

        Raises:
            UsageError: none is installed, or several are.
        """
        found = [one for one in self._specs() if one[1].role is Role.YARDSTICK and distance in one[1].distances]
        return self._only(found, f"attack that models are ranked by at {distance} distance")

    def _specs(self) -> list[tuple[Registered, AttackSpec]]:
        found = self.host.all(PluginKind.ATTACK)
        return [(one, one.spec) for one in found if isinstance(one.spec, AttackSpec)]

    @staticmethod
    def _only(found: list[tuple[Registered, AttackSpec]], what: str) -> str:
        if len(found) == 1:
            return found[0][1].name
        owners = ", ".join(f"{spec.name} of {one.owner}" for one, spec in found)
        raise UsageError(
            f"{len(found)} plugins announce the {what}" + (f": {owners}" if owners else ""),
            hint="install robusthash-attacks, or remove all but one",
        )

    def defense(self, named: AnyDefense) -> Chosen[Defense]:
        """A defense."""
        return self.choose(PluginKind.DEFENSE, named, Defense)

    def model(self, name: str) -> Chosen[Method]:
        """What makes a model, by the model's name."""
        return self.choose(PluginKind.MODEL, name, METHODS)

    def backbone(self, name: str, options: Mapping[str, Any] | None = None) -> Chosen[Backbone]:
        """A backbone by name.

        Args:
            name: registered name.
            options: in place of the run's, as a checkpoint describes them.
        """
        return self.choose(PluginKind.BACKBONE, name, Backbone, options)

    def metric(self, named: str | RankingMetric) -> Chosen[RankingMetric]:
        """A ranking metric."""
        return self.choose(PluginKind.METRIC, named, RankingMetric)

    def dataset(self, named: str | Dataset) -> Chosen[Dataset]:
        """A dataset, before it is loaded."""
        return self.choose(PluginKind.DATASET, named, Dataset)

    def retriever(self, named: str | Retriever) -> Chosen[Retriever]:
        """A retriever."""
        return self.choose(PluginKind.RETRIEVER, named, Retriever)

    def choose(
        self,
        kind: PluginKind,
        named: object,
        contract: type[Plugin] | tuple[type[Plugin], ...],
        options: Mapping[str, Any] | None = None,
    ) -> Chosen[Plugin]:
        """A plugin object by kind, with the run's options.

        Args:
            kind: what it is.
            named: registered name, or the object itself.
            contract: what it must be, or one of several.
            options: in place of the run's.

        Raises:
            UnknownNameError: nothing is registered under this name.
            OptionError: an option of it is wrong.
            UsageError: its factory does not make such a thing.
        """
        if not isinstance(named, str):
            return self._given(kind, named, contract, options or {})
        registered = self.host.find(kind, named)
        given = self.options.get(named, self.options.get(registered.spec.name, {})) if options is None else options
        plugin = self.host.create(registered, given)
        if not isinstance(plugin, contract):
            raise UsageError(
                f"{kind} {named!r} of {registered.owner} is a {type(plugin).__name__}, not a {_names(contract)}",
                hint="report it to the plugin's author",
            )
        use = PluginUse(name=registered.spec.name, owner=str(registered.owner), options=as_plain(plugin))
        return Chosen(plugin=plugin, use=use, full_name=registered.full_name, spec=registered.spec)

    def _given(
        self,
        kind: PluginKind,
        plugin: object,
        contract: type[Plugin] | tuple[type[Plugin], ...],
        varied: Mapping[str, Any],
    ) -> Chosen[Plugin]:
        """An object as it is: under the registered name whose options it has, else under its class's."""
        if not isinstance(plugin, contract):
            raise UsageError(
                f"{plugin!r} is a {type(plugin).__name__}, not a {_names(contract)}",
                hint=f"give the name of a {kind}, or such an object",
            )
        if varied:
            raise OptionError(
                f"options {', '.join(varied)} stand beside the object {type(plugin).__name__}",
                hint="an object has its options already",
            )
        factory = f"{type(plugin).__module__}:{type(plugin).__qualname__}"
        one = self._announced(kind, plugin, factory)
        if one is not None:
            use = PluginUse(name=one.spec.name, owner=str(one.owner), options=as_plain(plugin))
            return Chosen(plugin=plugin, use=use, full_name=one.full_name, spec=one.spec)
        use = PluginUse(name=type(plugin).__name__, owner=f"{IN_MEMORY} {factory}", options=_plain(plugin))
        return Chosen(plugin=plugin, use=use, full_name=factory)

    def _announced(self, kind: PluginKind, plugin: object, factory: str) -> Registered | None:
        """The spec that an object is made by: of those of its class, one whose own options it has, the most of them."""
        fitting = []
        for one in self.host.all(kind):
            if one.spec.factory == factory:
                preset = self.host.create(one, {})
                if all(getattr(preset, name) == getattr(plugin, name) for name in one.spec.options):
                    fitting.append((preset == plugin, len(one.spec.options), one))
        return max(fitting, key=lambda entry: entry[:2])[2] if fitting else None

    def check_option_owners(self, names: Iterable[object]) -> None:
        """Refuses options of plugins that this run does not use.

        Args:
            names: of the plugins in use; objects among them have no options.

        Raises:
            OptionError: an option belongs to none of them.
        """
        used = {name for name in names if isinstance(name, str)} | {TRAIN}
        for owner in self.options:
            if owner not in used:
                unknown = UnknownNameError("option owner", owner, used)
                raise OptionError(unknown.message, hint=unknown.hint)


def _names(contract: type | tuple[type, ...]) -> str:
    return " or ".join(one.__name__ for one in (contract if isinstance(contract, tuple) else (contract,)))


def _plain(plugin: object) -> dict[str, Any]:
    """Options of an object, if it is a dataclass of options."""
    return as_plain(plugin) if hasattr(type(plugin), "__dataclass_fields__") else {}
