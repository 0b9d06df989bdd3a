"""The models of a record: given, or made again as they were made."""

from dataclasses import replace

from robusthash.contracts import IMAGE, Descriptor, ReadyModel
from robusthash.errors import InputError
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.rebuilding.given import Given
from robusthash.evaluation.rebuilding.settings import OWN, name_of, registered, start, training_options
from robusthash.evaluation.victims.checkpoints import train_checkpoint
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginKind, PluginOptions
from robusthash.results import ModelOrigin, ModelUse, PluginUse, Record
from robusthash.training import read_description


def plan_of(
    use: ModelUse, origin: ModelOrigin | None, defense: PluginUse | None, record: Record, given: Given, here: Resources
) -> VictimPlan:
    """The plan of a record's model: its checkpoint if that is given, else it is trained again, or found in the cache.

    Args:
        use: the model's entry in the record.
        origin: how it was trained; None if it was not, or if the record does not say so.
        defense: its defense's entry in the record.
        record: as stored.
        given: what the record cannot hold.
        here: the dataset and the plugins.

    Raises:
        InputError: it cannot be made again, and its file is not given.
        RobustHashError: its training failed.
    """
    host = here.host
    hardening = None if defense is None else given.defense or name_of(host, PluginKind.DEFENSE, defense)
    if use.backbone == OWN:
        return VictimPlan(model=given.own_model(use), bits=use.bits, defense=hardening)
    path = given.checkpoint_of(use, origin, defense)
    if path is not None:
        done = read_description(path).defense is not None
        return VictimPlan(model=str(path), bits=use.bits, defense=None if done else hardening)
    if not registered(host, PluginKind.MODEL, use):
        raise InputError(
            f"model {use.name!r} of the record is of {use.owner}, which makes no such model here",
            hint="name its checkpoint with --checkpoint, or install what made it",
        )
    name = name_of(host, PluginKind.MODEL, use)
    if isinstance(here.plugins.model(name).plugin, ReadyModel | Descriptor):
        return VictimPlan(model=name, bits=use.bits, defense=hardening)
    return VictimPlan(model=_trained(name, use, origin, record, given, here), bits=use.bits, defense=hardening)


def _trained(
    name: str, use: ModelUse, origin: ModelOrigin | None, record: Record, given: Given, here: Resources
) -> str:
    """The path of the checkpoint of a model that is trained as the record's was.

    Raises:
        InputError: it was trained on other data, or hardened with another seed than that of the run.
    """
    seed, setting = record.conditions.seed, here.setting
    backbones = origin.backbones if origin else {IMAGE: PluginUse(name=use.backbone.partition("+")[0], owner="")}
    if origin is not None:
        if origin.dataset_digest != record.dataset.digest:
            raise _asked(use, "was trained on other data than it was evaluated on")
        if origin.hardened not in (None, seed):
            raise _asked(use, f"was hardened with seed {origin.hardened}, and evaluated with {seed}")
        if origin.pretrained == "unknown":
            raise _asked(use, "was trained elsewhere")
    known = {modality: one for modality, one in backbones.items() if one.owner}
    image = backbones[IMAGE]
    own = replace(
        setting,
        backbone=name_of(here.host, PluginKind.BACKBONE, image) if image.owner else image.name,
        weights=start(origin.pretrained if origin else "none", given),
        checkpoint=None,
        image_size=origin.image_size if origin else setting.image_size,
        options={**_of_the_dataset(setting.options), **training_options(use, known, here.host)},
        seed=origin.seed if origin else seed,
    )
    resources = Resources(own, here.host, here.progress, observed=False)
    if own.image_size in (None, setting.image_size, here.data.query.images.size[0]):
        resources.data = here.data
    return str(train_checkpoint(VictimPlan(model=name, bits=use.bits), resources).path)


def _of_the_dataset(options: PluginOptions) -> PluginOptions:
    return {owner: values for owner, values in options.items() if owner.startswith(f"{PluginKind.DATASET}:")}


def _asked(use: ModelUse, why: str) -> InputError:
    return InputError(
        f"model {use.name!r} {use.label} of the record {why}, and cannot be made again from the record alone",
        hint="name its checkpoint with --checkpoint",
    )
