"""Plugin objects as a run uses them: looked up by name or passed as objects, with the run's options."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from robusthash.adversary import DescentAttack
from robusthash.boundary import IN_MEMORY, Whose, foreign, own
from robusthash.contracts import (
    Attack,
    Backbone,
    Dataset,
    Defense,
    Ensemble,
    Retriever,
)
from robusthash.errors import ContractError, OptionError, UsageError
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.evaluation.planning.names import AnyAttack, AnyDefense
from robusthash.evaluation.planning.plan import Varied
from robusthash.evaluation.planning.request import TRAIN
from robusthash.evaluation.victims.chosen import METHODS, NETWORKS, Chosen, Method, Network, Plugin
from robusthash.evaluation.victims.declared import check_declared
from robusthash.host import (
    PluginHost,
    PluginKind,
    PluginOptions,
    Registered,
    options_of,
    require_one_owner,
    require_owners,
)
from robusthash.metrics import RankingMetric
from robusthash.options import as_plain
from robusthash.results import PluginUse

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Plugins:
    """Looks up plugins by name, or accepts them as objects, and creates them with the run's options.

    Args:
        host: the plugins.
        options: by plugin name, then by field.
    """

    def __init__(self, host: PluginHost, options: PluginOptions) -> None:
        self.host = host
        self.options = options
        self._attacks: dict[tuple[AnyAttack, str], Chosen[Attack]] = {}

    def attack(self, named: AnyAttack, varied: Mapping[str, Any] = _NOTHING) -> Chosen[Attack]:
        """An attack, created once. Its entry in the record has the options of its members, and of the one it starts at.

        Args:
            named: registered name, the attack itself, or the file of what it has learnt, whose options those of the run
                replace, as far as what was learnt does not depend on them.
            varied: options that replace those of the run.

        Raises:
            CheckpointError: what was learnt is of a plugin that is not installed, or of other options.
            ContractError: a member of an ensemble is an ensemble, unbounded, or has another goal.
            OptionError: it cannot start at the attack that it names, or an ensemble gives a member a wrong value.
            UsageError: as for :meth:`choose`.
        """
        key = named, repr(sorted(varied.items()))
        if key not in self._attacks:
            self._attacks[key] = self._attack(named, varied)
        return self._attacks[key]

    def _attack(self, named: AnyAttack, varied: Mapping[str, Any]) -> Chosen[Attack]:
        if isinstance(named, FittedAttack):
            return self._fitted(named, varied)
        options = {**self._options(PluginKind.ATTACK, named), **varied} if isinstance(named, str) else varied
        chosen = self.choose(PluginKind.ATTACK, named, Attack, options)
        if not isinstance(chosen.plugin, Ensemble):
            return self._started(chosen)
        self._check_members(chosen, chosen.plugin)
        members = [
            self._started(
                self.choose(PluginKind.ATTACK, name, Attack, {**self._options(PluginKind.ATTACK, name), **dict(given)})
            )
            for name, given in self.named_members(chosen.plugin)
        ]
        # The place is stored because JSON objects have no order, and the arrays refer to members by their place.
        told = {
            member.use.name: {"place": place, "owner": member.use.owner, **member.use.options}
            for place, member in enumerate(members)
        }
        return replace(chosen, use=replace(chosen.use, options={**chosen.use.options, "members": told}))

    def _check_members(self, chosen: Chosen[Attack], ensemble: Ensemble) -> None:
        """Refuses members that cannot be judged beside the others.

        Raises:
            ContractError: one is an ensemble, unbounded, or has another goal.
        """
        for name in ensemble.members:
            member = self.choose(PluginKind.ATTACK, name, Attack)
            plugin = member.plugin
            if isinstance(plugin, Ensemble) or plugin.goal is not ensemble.goal or not plugin.bounded:
                raise ContractError(
                    f"{member.use.name!r} cannot be a member of {chosen.use.name!r} of {chosen.use.owner}",
                    hint=f"members are bounded {ensemble.goal} attacks, and no ensembles",
                )

    def _fitted(self, file: FittedAttack, varied: Mapping[str, Any]) -> Chosen[Attack]:
        fitting = file.fitting
        if file.attack is None:
            # The record has the options of a start under its name, which is the option.
            stored = {
                name: next(iter(value)) if isinstance(value, Mapping) else value
                for name, value in fitting.attack.options.items()
            }
            asked = self._options(PluginKind.ATTACK, file.full_name)
            chosen = self.choose(PluginKind.ATTACK, file.full_name, Attack, {**stored, **asked, **varied})
        else:
            chosen = self.choose(PluginKind.ATTACK, file.attack, Attack, varied)
        learnt_from = chosen.learnt_from
        for name in sorted({*learnt_from, *fitting.learnt_from}):
            if learnt_from.get(name) != fitting.learnt_from.get(name):
                raise OptionError(
                    f"{file.path} was learnt with {file.name}.{name}={fitting.learnt_from.get(name)}, "
                    f"not {learnt_from.get(name)}",
                    hint="leave the option out, or fit the attack again with it",
                )
        return self._started(replace(chosen, fitted=file))

    def members(self, attack: Attack) -> list[Chosen[Attack]]:
        """The members of an ensemble; an empty list for other attacks."""
        named = self.named_members(attack) if isinstance(attack, Ensemble) else []
        return [self.attack(name, dict(given)) for name, given in named]

    def named_members(self, ensemble: Ensemble) -> list[tuple[str, Varied]]:
        """The members of an ensemble by name, each with what the ensemble gives it and it would not have without.

        What the run gives a member replaces what the ensemble does. An option that it does not have is not given.
        """
        named = []
        for member in ensemble.members:
            with foreign(ensemble, f"say which options it gives {member}"):
                given = dict(ensemble.given(member))
            own, alone = self._options(PluginKind.ATTACK, member), self._alone(member)
            different = {
                name: one for name, one in given.items() if name in alone and name not in own and alone[name] != one
            }
            named.append((member, tuple(sorted(different.items()))))
        return named

    def start(self, attack: Attack) -> Chosen[Attack] | None:
        """The attack from whose outcome another one starts; None if there is none."""
        return None if attack.starts_at is None else self.choose(PluginKind.ATTACK, attack.starts_at, Attack)

    def behind(self, attack: Attack) -> list[str]:
        """Full names of the attacks that one runs: an ensemble's members, and those that they, or it, start at."""
        members = self.members(attack)
        starts = [one.plugin.starts_at for one in members] + [attack.starts_at]
        return [*(member.full_name for member in members), *(name for name in starts if name is not None)]

    def _started(self, chosen: Chosen[Attack]) -> Chosen[Attack]:
        """An attack whose entry in the record has the options of the one that it starts at.

        Raises:
            OptionError: it cannot start there.
        """
        start = self.start(chosen.plugin)
        if start is None:
            return chosen
        plugin, name, options = start.plugin, start.use.name, chosen.use.options
        if isinstance(plugin, Ensemble | DescentAttack) or type(plugin).fit is Attack.fit:
            fault = "is no attack that learns and then takes no steps"
        elif not plugin.bounded:
            fault = "is not bounded by epsilon"
        elif plugin.goal is not chosen.plugin.goal:
            fault = f"is {plugin.goal}"
        else:
            told = {name: {"owner": start.use.owner, **start.use.options}}
            return replace(chosen, use=replace(chosen.use, options={**options, "start": told}))
        raise OptionError(
            f"{chosen.plugin.goal} attack {chosen.use.name!r} cannot start at {name!r}, which {fault}",
            hint=f"start at zero, at random, or at a bounded {chosen.plugin.goal} attack that learns",
        )

    def defense(self, named: AnyDefense) -> Chosen[Defense]:
        """A defense by name, or the object itself."""
        return self.choose(PluginKind.DEFENSE, named, Defense)

    def model(self, name: str) -> Chosen[Method]:
        """The method that makes a model, by the model's name."""
        return self.choose(PluginKind.MODEL, name, METHODS)

    def backbone(self, name: str, options: Mapping[str, Any] | None = None) -> Chosen[Backbone]:
        """A backbone of images by name.

        Args:
            name: registered name.
            options: used instead of the run's, such as those that a checkpoint describes.

        Raises:
            UsageError: it is one of texts.
        """
        found = self.network(name, options)
        if isinstance(found.plugin, Backbone):
            return Chosen(plugin=found.plugin, use=found.use, full_name=found.full_name, spec=found.spec)
        raise UsageError(
            f"backbone {name!r} of {found.use.owner} is for texts",
            hint=f"a model with two towers has an option for it, such as -o dcmh.text={name}",
        )

    def network(self, name: str, options: Mapping[str, Any] | None = None) -> Chosen[Network]:
        """A backbone of any modality, as for :meth:`backbone`."""
        return self.choose(PluginKind.BACKBONE, name, NETWORKS, options)

    def metric(self, named: str | RankingMetric) -> Chosen[RankingMetric]:
        """A ranking metric by name, or the object itself."""
        return self.choose(PluginKind.METRIC, named, RankingMetric)

    def dataset(self, named: str | Dataset) -> Chosen[Dataset]:
        """A dataset by name, or the object itself; it is not loaded."""
        return self.choose(PluginKind.DATASET, named, Dataset)

    def retriever(self, named: str | Retriever) -> Chosen[Retriever]:
        """A retriever by name, or the object itself."""
        return self.choose(PluginKind.RETRIEVER, named, Retriever)

    def choose(
        self,
        kind: PluginKind,
        named: object,
        contract: type[Plugin] | tuple[type[Plugin], ...],
        options: Mapping[str, Any] | None = None,
    ) -> Chosen[Plugin]:
        """A plugin object of any kind, with the run's options.

        Args:
            kind: its kind.
            named: registered name, or the object itself.
            contract: the class that it must have, or several to choose from.
            options: used instead of the run's.

        Raises:
            UnknownNameError: nothing is registered under this name.
            AmbiguousNameError: two distributions register this name.
            OptionError: an option is wrong, or options accompany an object.
            UsageError: an object does not have the class of its kind.
            PluginError: a plugin does not, or it declares what its contract does not allow.
        """
        if not isinstance(named, str):
            return self._given(kind, named, contract, options or {})
        registered = self.host.find(kind, named)
        given = options_of(self.host, registered, self.options) if options is None else options
        plugin = self.host.create(registered, given)
        if not isinstance(plugin, contract):
            raise ContractError(
                f"{kind} {named!r} of {registered.owner} is a {type(plugin).__name__}, not a {_names(contract)}",
                hint="report it to the plugin's author",
            )
        check_declared(plugin)
        use = PluginUse(name=registered.spec.name, owner=str(registered.owner), options=as_plain(plugin))
        return Chosen(plugin=plugin, use=use, full_name=registered.full_name, spec=registered.spec)

    def _given(
        self,
        kind: PluginKind,
        plugin: object,
        contract: type[Plugin] | tuple[type[Plugin], ...],
        varied: Mapping[str, Any],
    ) -> Chosen[Plugin]:
        """A plugin passed as an object: named by the spec whose options it has, else by its class."""
        if not isinstance(plugin, contract):
            raise UsageError(
                f"{plugin!r} is a {type(plugin).__name__}, not a {_names(contract)}",
                hint=f"pass the name of a {kind}, or an object of this class",
            )
        if varied:
            raise OptionError(
                f"options {', '.join(varied)} are set for the object {type(plugin).__name__}",
                hint="an object already has its options",
            )
        factory = f"{type(plugin).__module__}:{type(plugin).__qualname__}"
        one = self._announced(kind, plugin, factory)
        unknown = Whose(what=f"{kind} {type(plugin).__name__!r}", owner=f"{IN_MEMORY} {factory}")
        own(plugin, one.whose if one else unknown)
        check_declared(plugin)
        if one is not None:
            use = PluginUse(name=one.spec.name, owner=str(one.owner), options=as_plain(plugin))
            return Chosen(plugin=plugin, use=use, full_name=one.full_name, spec=one.spec)
        use = PluginUse(name=type(plugin).__name__, owner=f"{IN_MEMORY} {factory}", options=_plain(plugin))
        return Chosen(plugin=plugin, use=use, full_name=factory)

    def _announced(self, kind: PluginKind, plugin: object, factory: str) -> Registered | None:
        """The spec of an object's class whose options it has; an exact match, else the most specific one."""
        fitting = []
        for one in self.host.all(kind):
            if one.spec.factory == factory:
                preset = self.host.create(one, {})
                if all(getattr(preset, name) == getattr(plugin, name) for name in one.spec.options):
                    fitting.append((preset == plugin, len(one.spec.options), one))
        return max(fitting, key=lambda entry: entry[:2])[2] if fitting else None

    def names(self, kind: PluginKind) -> list[str]:
        """The full names of all objects of a kind."""
        return [one.full_name for one in self.host.all(kind)]

    def check_option_owners(self, used: Mapping[PluginKind, Iterable[object]]) -> None:
        """Refuses options of plugins that the run does not use, and options that could be of several of its plugins.

        Args:
            used: names of the plugins in use, by kind; objects among them are ignored.

        Raises:
            OptionError: an option belongs to none of these plugins, or to several.
        """
        found = [self.host.find(kind, name) for kind, names in used.items() for name in names if isinstance(name, str)]
        require_owners(self.options, found, others=[TRAIN])
        require_one_owner(self.host, self.options, found)

    def _alone(self, member: str) -> Mapping[str, Any]:
        """The options of an attack as it would be evaluated by itself."""
        return self.choose(PluginKind.ATTACK, member, Attack).use.options

    def _options(self, kind: PluginKind, name: str) -> dict[str, Any]:
        return options_of(self.host, self.host.find(kind, name), self.options)


def _names(contract: type | tuple[type, ...]) -> str:
    return " or ".join(one.__name__ for one in (contract if isinstance(contract, tuple) else (contract,)))


def _plain(plugin: object) -> dict[str, Any]:
    """Options of an object, or an empty dictionary if it is not a dataclass."""
    return as_plain(plugin) if hasattr(type(plugin), "__dataclass_fields__") else {}
