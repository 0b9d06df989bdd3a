"""Checks a request, and looks up what its plan depends on, before anything is trained."""

from collections.abc import Iterable, Sequence

from robusthash.checkpoints import read_description
from robusthash.contracts import CrossModalHashModel, CrossModalObjective, Descriptor, Objective, ReadyModel
from robusthash.epsilon import Radius
from robusthash.errors import CapabilityError, CheckpointError, OptionError
from robusthash.evaluation.crafting.absent import kind_of
from robusthash.evaluation.planning.early import check_early
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.evaluation.planning.names import AnyAttack, AnyModel, checkpoint_path, registered_name, shown
from robusthash.evaluation.planning.plan import Cell, Known
from robusthash.evaluation.planning.request import AUTO, NO_DEFENSE, TRAIN, Request
from robusthash.evaluation.planning.roles import reference, yardstick
from robusthash.evaluation.victims.checkpoints import training_recipe
from robusthash.evaluation.victims.chosen import Method
from robusthash.evaluation.victims.resources import Resources
from robusthash.files.storage import digest
from robusthash.host import PluginKind
from robusthash.specs import Capability, Direction, Distance, Norm

_SHOWN = 4  #: classes that an error names
_FITTED_HINTS = {
    "direction": "add --direction {}",
    "inputs": "choose the --image-size that it was fitted for, or fit the attack again",
    "classes": "choose the dataset that it was fitted on, or fit the attack again",
    "bits": "choose a model of the same size, --bits {}, or fit the attack again",
}
_LOOKS_AT_A_MODEL = frozenset({Capability.GRADIENTS, Capability.CODE_BANK, Capability.ANCHORS})


def check(request: Request, resources: Resources, *, own_bits: bool = False) -> None:
    """Looks up every name and parses every option of a request.

    Args:
        request: the request.
        resources: the dataset and the plugins.
        own_bits: whether a checkpoint has its own code length, whatever is requested.

    Raises:
        UsageError: a name is unknown, or an option is wrong.
        CheckpointError: a file of weights cannot be read, or is of another model.
    """
    check_early(request, resources.host, own_bits=own_bits)
    _ = resources.device
    plugins, setting = resources.plugins, request.setting
    registered = _check_models(request, resources)
    behind: list[str] = []
    attacks = _attacks(request, resources)
    for attack in attacks:
        behind += plugins.behind(plugins.attack(attack).plugin)
        for option, values in request.vary.get(shown(attack), {}).items():
            for value in values:
                behind += plugins.behind(plugins.attack(attack, {option: value}).plugin)
    for defense in request.defenses:
        if defense != NO_DEFENSE:
            plugins.defense(defense)
    fitted = [one.full_name for one in attacks if isinstance(one, FittedAttack) and one.attack is None]
    used: dict[PluginKind, Iterable[object]] = {
        PluginKind.MODEL: registered,
        PluginKind.ATTACK: [*attacks, *fitted, *behind],
        PluginKind.DEFENSE: [defense for defense in request.defenses if defense != NO_DEFENSE],
        PluginKind.DATASET: [setting.dataset],
        PluginKind.METRIC: setting.metrics,
        PluginKind.RETRIEVER: plugins.names(PluginKind.RETRIEVER) if setting.retriever == AUTO else [setting.retriever],
        # Any of these may be chosen: by the data, by other options, beside the request.
        **{kind: plugins.names(kind) for kind in (PluginKind.BACKBONE, PluginKind.EXECUTOR)},
    }
    plugins.check_option_owners(used)
    if setting.backbone is not None:
        plugins.backbone(setting.backbone)
    if setting.retriever != AUTO:
        plugins.retriever(setting.retriever)
    if isinstance(setting.dataset, str):
        plugins.dataset(setting.dataset)
    _ = resources.metrics


def _check_models(request: Request, resources: Resources) -> list[str]:
    """The names of the registered models, whose options and recipes are sound."""
    setting = request.setting
    registered = [name for model in request.everyone if (name := registered_name(model)) is not None]
    methods = [resources.plugins.model(name) for name in registered]
    for method in methods:
        training_recipe(method, setting)
    if setting.options.get(TRAIN) and not any(
        isinstance(method.plugin, Objective | CrossModalObjective) for method in methods
    ):
        raise OptionError(
            f"options of training are set, {', '.join(setting.options[TRAIN])}, and no model is trained",
            hint="leave them out: closed forms, ready models and checkpoints have no recipe",
        )
    return registered


def known(request: Request, resources: Resources) -> Known:
    """Facts about plugins and data that the plan depends on.

    Args:
        request: the request.
        resources: the dataset and the plugins.

    Raises:
        UsageError: there is no reference attack, or no yardstick for a model that needs one.
        CapabilityError: the dataset has not what a direction needs.
        DatasetError: the dataset cannot be read.
    """
    plugins = resources.plugins
    for direction in request.directions:
        if direction not in resources.directions:
            raise CapabilityError(
                f"dataset {resources.data.name} has {' and '.join(resources.data.modalities)}s, and not what direction "
                f"{direction} needs: {direction.query} queries, {direction.item} items",
                hint=f"--direction {', '.join(resources.directions)}",
            )
    attacks = _attacks(request, resources)
    sizes: dict[AnyModel, int | None] = {}
    yardsticks: dict[AnyModel, tuple[AnyAttack, ...]] = {}
    for model in request.everyone:
        distance = _distance(model, resources)
        own = _own_size(model, resources)
        if own is not None:
            sizes[model] = own[0]
        if request.attacks is None:
            yardsticks[model] = tuple(yardstick(resources.host, distance, norm) for norm in _norms(request, resources))
    return Known(
        epsilon=resources.data.epsilon,
        l2=resources.data.epsilon_l2,
        directions=resources.directions,
        reference=reference(resources.host),
        yardsticks=yardsticks,
        model_independent=frozenset(
            attack for attack in attacks if not _LOOKS_AT_A_MODEL & plugins.attack(attack).plugin.needs
        ),
        sizes=sizes,
        norms={attack: plugins.attack(attack).plugin.norms for attack in attacks},
        edited=_edited(resources),
        usual={model: _across(resources) for model in request.everyone if _has_towers(model, resources)},
    )


def check_fitted(cells: Iterable[Cell], resources: Resources) -> None:
    """Refuses fitted attacks that were learnt for other data or other models than those of a plan.

    Args:
        cells: the plan.
        resources: the dataset.

    Raises:
        CheckpointError: a file is for other inputs, classes, directions, or outputs.
    """
    data = resources.data
    for cell in cells:
        if not isinstance(cell.attack, FittedAttack):
            continue
        fitting = cell.attack.fitting
        inputs = kind_of(data.modalities[cell.direction.query])
        here = {
            "direction": (str(fitting.direction), str(cell.direction)),
            "inputs": (str(fitting.inputs), str(inputs)),
            "classes": (_told(fitting.classes), _told(data.classes)),
            "bits": (str(fitting.surrogate.bits), str(cell.victim.bits)),
        }
        for what, (theirs, ours) in here.items():
            if theirs != ours:
                raise CheckpointError(
                    f"{cell.attack.path} was fitted for {what} {theirs}, and {cell.victim} on {data.name} has {ours}",
                    hint=_FITTED_HINTS[what].format(theirs),
                )


def _told(classes: Sequence[str]) -> str:
    names = ", ".join(classes[:_SHOWN]) + (" ..." if len(classes) > _SHOWN else "")
    return f"{names} ({len(classes)}, {digest({'classes': list(classes)})[:6]})"


def _attacks(request: Request, resources: Resources) -> list[AnyAttack]:
    """All attacks of a request, the reference first."""
    if request.attacks is not None:
        asked = request.attacks
    else:
        norms = _norms(request, resources)
        asked = tuple(
            yardstick(resources.host, _distance(model, resources), norm) for model in request.models for norm in norms
        )
    return list(dict.fromkeys((reference(resources.host), *asked)))


def _norms(request: Request, resources: Resources) -> list[Norm]:
    """The norms of the request's radii."""
    asked = request.epsilons or (() if request.edits else (Norm.LINF,))
    plain = [one if isinstance(one, Norm) else one.norm if isinstance(one, Radius) else Norm.LINF for one in asked]
    counted = (edits.among(norms) for norms in _edited(resources).values() for edits in request.edits)
    return list(dict.fromkeys([*plain, *(radius.norm for radius in counted if radius is not None)]))


def _edited(resources: Resources) -> dict[Direction, tuple[Norm, ...]]:
    """The norms that count the edits of a direction's queries, by direction, where there are any."""
    norms = {way: resources.queries.view(way.query).modality.edited for way in resources.directions}
    return {way: found for way, found in norms.items() if found}


def _across(resources: Resources) -> tuple[Direction, ...]:
    """Directions in which what searches is of another kind than what is searched; the first one if there are none."""
    found = tuple(way for way in resources.directions if way.query != way.item)
    return found or resources.directions[:1]


def _has_towers(model: AnyModel, resources: Resources) -> bool:
    """Whether a model has several towers; of what is not built yet, whether that is known."""
    if not isinstance(model, str):
        return isinstance(model, CrossModalHashModel)
    path = checkpoint_path(model)
    if path is not None:
        return bool(read_description(path).towers)
    return isinstance(_method(model, resources), CrossModalObjective)


def _distance(model: AnyModel, resources: Resources) -> Distance:
    """The distance by which a model's outputs are compared."""
    if not isinstance(model, str):
        return model.space.distance
    method = _method(model, resources)
    return method.distance if isinstance(method, Descriptor) else Distance.HAMMING


def _own_size(model: AnyModel, resources: Resources) -> tuple[int | None] | None:
    """The code length of a model in a tuple, (None,) for descriptors; None if the request sets the code length."""
    if not isinstance(model, str):
        return (model.space.size if model.space.binary else None,)
    method = _method(model, resources)
    if isinstance(method, ReadyModel):
        return (method.bits,)
    return (None,) if isinstance(method, Descriptor) else None


def _method(model: str, resources: Resources) -> Method | None:
    """The plugin of a registered model; None for a file."""
    name = registered_name(model)
    return resources.plugins.model(name).plugin if name else None
