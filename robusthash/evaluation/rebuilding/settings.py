"""The run settings of a record, with what only the reader of the record has."""

from collections.abc import Mapping
from typing import Any

from robusthash.boundary import IN_MEMORY
from robusthash.errors import AmbiguousNameError, InputError, OptionError, UnknownNameError
from robusthash.evaluation.planning.choices import parse_choice
from robusthash.evaluation.planning.names import AnyDataset
from robusthash.evaluation.planning.request import TRAIN, RunSettings
from robusthash.evaluation.rebuilding.given import Given
from robusthash.host import PluginHost, PluginKind
from robusthash.metrics import RankingMetric
from robusthash.results import ModelUse, PluginUse, Record
from robusthash.specs import NAMED_WEIGHTS, Precision, Relevance, ScoreBy

OWN = "own"  #: backbone of a network of the user's own, in the record
_PLACE, _OWNER = "place", "owner"  #: what the record has of an attack behind another one, beside its options
_BEHIND = ("members", "start")  #: options that name other attacks, and have their options in the record

Options = dict[str, dict[str, Any]]


def settings_of(record: Record, given: Given, host: PluginHost) -> RunSettings:
    """The settings that a record was evaluated in.

    The data root, and files, are not in a record. What is trained again has settings of its own:
    :func:`~robusthash.evaluation.rebuilding.models.plan_of`.

    Args:
        record: as stored.
        given: what it cannot hold.
        host: the plugins.

    Raises:
        InputError: the record was made with something that is not given, or that is not installed.
    """
    victim, conditions, scoring = record.victim.model, record.conditions, record.scoring
    own = next((use for use in (victim, record.attack.surrogate) if use and use.backbone == OWN), None)
    descriptor = victim if victim.bits is None and victim.backbone != OWN else None
    options: Options = {}
    dataset = _dataset(record, given, host, options)
    _add(options, host, PluginKind.RETRIEVER, scoring.retriever)
    if given.attack is None:
        _add_attack(options, host, record.attack)
    if record.victim.defense is not None and given.defense is None:
        _add(options, host, PluginKind.DEFENSE, record.victim.defense)
    for use in (victim, record.attack.surrogate):
        if use is not None and use.backbone != OWN and registered(host, PluginKind.MODEL, use):
            _add(options, host, PluginKind.MODEL, use, leave=(TRAIN, *_SAID_BY_THE_HOST))
    weights, backbone = "none", None
    if descriptor is not None:
        weights, backbone = start(str(descriptor.options.get("weights", "none")), given), descriptor.backbone
        options[f"{PluginKind.BACKBONE}:{backbone}"] = dict(descriptor.options.get("backbone") or {})
    return RunSettings(
        dataset=dataset,
        data_root=given.data_root,
        image_size=record.origins.image_size if record.origins else None,
        queries=record.dataset.queries,
        backbone=backbone,
        weights=weights,
        checkpoint=given.own_weights(own) if own else None,
        retriever=name_of(host, PluginKind.RETRIEVER, scoring.retriever),
        metrics=_metrics(record, host),
        score_by=scoring.by,
        relevance=parse_choice(Relevance, "relevance", scoring.relevance),
        options=options,
        seed=conditions.seed,
        shard_size=given.shard_size or conditions.shard_size,
        device=given.device or conditions.environment["device"],
        qualities=scoring.qualities,
        precision=parse_choice(Precision, "precision", record.attack.precision),
        compiled=record.attack.compiled,
    )


def scoring_settings(record: Record, host: PluginHost) -> RunSettings:
    """The settings by which stored codes are scored as in a record: those of its metrics and its retriever alone.

    Args:
        record: as stored.
        host: the plugins.

    Raises:
        InputError: it was scored with something that is not installed, or was passed as an object.
    """
    options: Options = {}
    _add(options, host, PluginKind.RETRIEVER, record.scoring.retriever)
    return RunSettings(
        retriever=name_of(host, PluginKind.RETRIEVER, record.scoring.retriever),
        metrics=_metrics(record, host),
        score_by=record.scoring.by,
        options=options,
    )


_SAID_BY_THE_HOST = ("libraries", "weights", "backbone")  #: options of a model in a record that are not the plugin's


def start(weights: str, given: Given) -> str:
    """The initial weights of a backbone: a name, or the file that is given for a digest.

    Raises:
        InputError: no file is given.
    """
    if weights in NAMED_WEIGHTS:
        return weights
    if given.weights is None:
        raise InputError(
            f"a backbone of the record started from weights of its own, {weights[:19]}...",
            hint="name the file with --weights, or the trained model with --checkpoint",
        )
    return str(given.weights)


def registered(host: PluginHost, kind: PluginKind, use: PluginUse) -> bool:
    """Whether what a record used is installed, in whatever version."""
    try:
        name_of(host, kind, use)
    except InputError:
        return False
    return True


def name_of(host: PluginHost, kind: PluginKind, use: PluginUse) -> str:
    """The name of what a record used, as short as it is unique: caches of trainings are named by it.

    Args:
        host: the plugins.
        kind: of the plugin object.
        use: its entry in the record.

    Raises:
        InputError: it was passed as an object, or is not installed.
    """
    if use.owner.startswith(IN_MEMORY):
        raise InputError(
            f"{kind} {use.name!r} of the record was passed as an object, {use.owner}",
            hint=f"in Python, pass the same one: robusthash.reproduce(record, {kind}=...)",
        )
    distribution = use.owner.removeprefix("file ").partition(" ")[0]
    try:
        full = host.find(kind, f"{distribution}/{use.name}").full_name
    except UnknownNameError as error:
        raise InputError(
            f"{kind} {use.name!r} of the record is of {use.owner}, which is not installed here",
            hint=f"install {distribution}, or name its file with --plugin-file",
        ) from error
    try:
        return use.name if host.find(kind, use.name).full_name == full else full
    except AmbiguousNameError:
        return full


def _add(options: Options, host: PluginHost, kind: PluginKind, use: PluginUse, *, leave: tuple[str, ...] = ()) -> None:
    """Adds the options of what a record used to those of the settings.

    Raises:
        InputError: it is not installed.
    """
    values = {name: value for name, value in use.options.items() if name not in leave}
    if values:
        options[f"{kind}:{name_of(host, kind, use)}"] = values


def _add_attack(options: Options, host: PluginHost, use: PluginUse) -> None:
    """Likewise of an attack, and of those behind it: an ensemble's members, and the attack that one starts at."""
    plain = dict(use.options)
    for option in _BEHIND:
        behind = plain.get(option)
        if not isinstance(behind, Mapping):
            continue
        uses = [
            PluginUse(
                name=name,
                owner=str(one[_OWNER]),
                options={key: value for key, value in one.items() if key not in (_PLACE, _OWNER)},
            )
            for name, one in sorted(behind.items(), key=lambda item: item[1].get(_PLACE, 0))
            if isinstance(one, Mapping) and _OWNER in one
        ]
        if len(uses) != len(behind):
            raise InputError(f"option {option} of attack {use.name!r} in the record names no attacks")
        names = [name_of(host, PluginKind.ATTACK, one) for one in uses]
        plain[option] = names if option == "members" else names[0]
        for one in uses:
            _add_attack(options, host, one)
    _add(options, host, PluginKind.ATTACK, PluginUse(name=use.name, owner=use.owner, options=plain))


def _dataset(record: Record, given: Given, host: PluginHost, options: Options) -> AnyDataset:
    if given.dataset is not None:
        return given.dataset
    name = record.origins.dataset if record.origins else record.dataset.name
    use = PluginUse(name=name, owner=record.dataset.owner, options=record.dataset.options)
    _add(options, host, PluginKind.DATASET, use)
    return name_of(host, PluginKind.DATASET, use)


def _metrics(record: Record, host: PluginHost) -> tuple[str | RankingMetric, ...]:
    """The metrics of a record, its headline first. They are objects, since several may be of one plugin.

    Raises:
        InputError: one is not installed, or not known.
    """
    uses, scoring = record.origins.metrics if record.origins else {}, record.scoring
    found: list[str | RankingMetric] = []
    headline, names = scoring.exact or scoring.headline, list(scoring.protocols)
    if scoring.by is not ScoreBy.CODES:  # those of returned lists come with those of the exact ranking
        names = [name for name in names if scoring.by.qualify(name) in scoring.protocols]
    for name in sorted(names, key=lambda name: name != headline):
        use = uses.get(name)
        try:
            one = host.find(PluginKind.METRIC, name_of(host, PluginKind.METRIC, use) if use else name)
            metric = host.create(one, use.options if use else {})
        except (UnknownNameError, OptionError) as error:
            raise InputError(
                f"metric {name!r} of the record cannot be made: {error.message}", hint=error.hint
            ) from error
        if not isinstance(metric, RankingMetric) or metric.name != name:
            raise InputError(f"metric {name!r} of the record is not the one that is installed under this name")
        found.append(metric)
    return tuple(found)


def training_options(use: ModelUse, backbones: Mapping[str, PluginUse], host: PluginHost) -> Options:
    """The options that a model is trained with.

    Args:
        use: the model's entry in the record.
        backbones: its feature networks, by modality.
        host: the plugins.

    Raises:
        InputError: the method or a feature network is not installed.
    """
    options: Options = {}
    _add(options, host, PluginKind.MODEL, use, leave=(TRAIN,))
    recipe = use.options.get(TRAIN)
    if isinstance(recipe, Mapping):
        options[TRAIN] = dict(recipe)
    for backbone in backbones.values():
        _add(options, host, PluginKind.BACKBONE, backbone)
    return options
