"""What a record cannot hold, from whoever has it: data, weights, files and objects."""

from dataclasses import dataclass
from pathlib import Path

from robusthash.checkpoints import is_checkpoint
from robusthash.contracts import Attack, Dataset, Defense, RetrievalData
from robusthash.errors import InputError
from robusthash.evaluation.planning.names import AnyModel, user_path
from robusthash.results import ModelOrigin, ModelUse, PluginUse
from robusthash.training import read_description


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a record names, and somebody has to hand over. What is not given is made again where that is possible.

    A file or object that a record names is never opened on the record's word alone: records may come from strangers.

    Attributes:
        data_root: folder with the dataset's files.
        checkpoints: weights of the victim, of the surrogate, or of a network of the user's own.
        models: networks of the user's own: ``path/to/file.py:build``, or objects.
        fitted: files of what attacks have learnt.
        weights: a backbone's initial weights, if the record names a file.
        dataset: the dataset, if no plugin registers it.
        attack: the attack, if no plugin registers it.
        defense: the defense, if no plugin registers it.
        device: where to compute; None is the kind of device of the record.
        shard_size: queries per shard; None is as in the record. Another one is another compute shape.
    """

    data_root: Path | None = None
    checkpoints: tuple[Path, ...] = ()
    models: tuple[AnyModel, ...] = ()
    fitted: tuple[Path, ...] = ()
    weights: Path | None = None
    dataset: Dataset | RetrievalData | None = None
    attack: Attack | None = None
    defense: Defense | None = None
    device: str | None = None
    shard_size: int | None = None

    def checkpoint_of(self, use: ModelUse, origin: ModelOrigin | None, defense: PluginUse | None) -> Path | None:
        """The checkpoint of a trained model: with the record's weights; else the only one, if it is of this model.

        One of several that has other weights is taken to be of another record.

        Args:
            use: the model's entry in the record.
            origin: how it was trained; None if that is not known.
            defense: its defense's entry in the record.

        Raises:
            CheckpointError: a file is no checkpoint.
        """
        found = {path: read_description(path) for path in self.checkpoints if is_checkpoint(path)}
        hardening = {None, defense.name if defense else None}
        alike = [
            path
            for path, one in found.items()
            if (one.model.name, one.bits) == (use.name, use.bits)
            and (one.defense.name if one.defense else None) in hardening
        ]
        exact = [path for path in alike if origin is not None and found[path].weights_digest == origin.weights]
        only = alike if len(found) == 1 or origin is None else []
        return next(iter(exact or only), None)

    def own_model(self, use: ModelUse) -> AnyModel:
        """The network of the user's own that a record names: by the name of its file, else the only one.

        Raises:
            InputError: there is none, or several could be meant.
        """
        named = [model for model in self.models if _stem(model) == use.name]
        found = named or list(self.models)
        if len(found) == 1:
            return found[0]
        which = "several are given" if found else "a record cannot hold its code"
        raise InputError(
            f"model {use.name!r} of the record is somebody's own, built by {use.owner}, and {which}",
            hint="name the file that builds it, --model path/to/file.py:build; in Python, pass model=",
        )

    def own_weights(self, use: ModelUse) -> Path | None:
        """The weights of a network of the user's own; None if the record names none.

        Raises:
            InputError: the record names some, and they are not given.
        """
        name = use.options.get("checkpoint")
        if name is None:
            return None
        found = [path for path in self.checkpoints if path.name == name] or list(self.checkpoints)
        if not found:
            raise InputError(f"model {use.name!r} was evaluated with the weights {name}", hint="--checkpoint FILE")
        return found[0]


def _stem(model: AnyModel) -> str | None:
    path = user_path(model)
    return path.stem if path else getattr(model, "name", None) or type(model).__name__
