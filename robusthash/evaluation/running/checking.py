"""Checks a request, and looks up what its plan depends on, before anything is trained."""

from robusthash.contracts import Descriptor, ReadyModel
from robusthash.evaluation.planning.early import check_early
from robusthash.evaluation.planning.names import AnyAttack, AnyModel, registered_name, shown
from robusthash.evaluation.planning.plan import Known
from robusthash.evaluation.planning.request import AUTO, NO_DEFENSE, Request
from robusthash.evaluation.victims.plugins import Method
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginKind
from robusthash.specs import Capability, Distance

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
    plugins, setting = resources.plugins, request.setting
    registered = [name for model in request.everyone if (name := registered_name(model))]
    for name in registered:
        plugins.model(name)
    members: list[str] = []
    attacks = _attacks(request, resources)
    for attack in attacks:
        members += plugins.attack(attack).use.options.get("members", ())
        for option, values in request.vary.get(shown(attack), {}).items():
            for value in values:
                plugins.attack(attack, {option: value})
    for defense in request.defenses:
        if defense != NO_DEFENSE:
            plugins.defense(defense)
    backbones = [entry.spec.name for entry in resources.host.all(PluginKind.BACKBONE)]
    retrievers = [entry.spec.name for entry in resources.host.all(PluginKind.RETRIEVER)]
    searched = retrievers if setting.retriever == AUTO else [setting.retriever]
    executors = [entry.spec.name for entry in resources.host.all(PluginKind.EXECUTOR)]
    used = [*executors, *registered, *attacks, *members, *request.defenses, setting.dataset, *setting.metrics]
    plugins.check_option_owners([*used, *searched, *backbones])
    if setting.backbone is not None:
        plugins.backbone(setting.backbone)
    if setting.retriever != AUTO:
        plugins.retriever(setting.retriever)
    if isinstance(setting.dataset, str):
        plugins.dataset(setting.dataset)
    _ = resources.metrics


def known(request: Request, resources: Resources) -> Known:
    """Facts about plugins and data that the plan depends on.

    Args:
        request: the request.
        resources: the dataset and the plugins.

    Raises:
        UsageError: there is no reference attack, or no yardstick for a model that needs one.
        DatasetError: the dataset cannot be read.
    """
    plugins = resources.plugins
    attacks = _attacks(request, resources)
    sizes: dict[AnyModel, int | None] = {}
    yardstick: dict[AnyModel, AnyAttack] = {}
    for model in request.everyone:
        distance = _distance(model, resources)
        own = _own_size(model, resources)
        if own is not None:
            sizes[model] = own[0]
        if request.attacks is None:
            yardstick[model] = plugins.yardstick(distance)
    return Known(
        epsilon=resources.data.epsilon,
        directions=resources.directions,
        reference=plugins.reference,
        yardstick=yardstick,
        model_independent=frozenset(
            attack for attack in attacks if not _LOOKS_AT_A_MODEL & plugins.attack(attack).plugin.needs
        ),
        sizes=sizes,
    )


def _attacks(request: Request, resources: Resources) -> list[AnyAttack]:
    """All attacks of a request, the reference first."""
    plugins = resources.plugins
    if request.attacks is not None:
        asked = request.attacks
    else:
        asked = tuple(plugins.yardstick(_distance(model, resources)) for model in request.models)
    return list(dict.fromkeys((plugins.reference, *asked)))


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
