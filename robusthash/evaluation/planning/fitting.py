"""How an attack has learnt, as its file tells it. The file may be a stranger's. Importable without torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct
from msgspec.structs import asdict as struct_dict

from robusthash.checkpoints import FITTED_KEY, is_checkpoint, read_metadata
from robusthash.epsilon import Radius
from robusthash.errors import CheckpointError, OptionError
from robusthash.files.documents import parse_json
from robusthash.files.storage import digest
from robusthash.results import ModelUse, PluginUse, Spent
from robusthash.results.records.schema import Digest, Number, Part, PluginPart, Positive, SpentPart
from robusthash.specs import Direction, Distance, Norm, Precision

FORMAT = 1

_Finite = Annotated[float, Meta(ge=-1e30, le=1e30)]
_Named = Annotated[str, Meta(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class InputKind:
    """The inputs that something was learnt for.

    Attributes:
        modality: ``image`` or ``text``.
        shape: of one input, without the batch.
        low: smallest value of an element.
        high: largest value.
        levels: steps from ``low`` to ``high``; None if inputs are continuous.
    """

    modality: str
    shape: tuple[int, ...]
    low: float
    high: float
    levels: int | None

    def __str__(self) -> str:
        levels = "" if self.levels is None else f" in {self.levels} steps"
        return f"{self.modality}s of shape {self.shape} in [{self.low:g}, {self.high:g}]{levels}"


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """What an attack has learnt something from: all that could change it, and what it came to.

    Attributes:
        attack: the attack, with its options and version.
        learnt_from: the options that what it learns depends on.
        bounded: whether it stays within the radius.
        surrogate: the model that it was learnt on.
        defense: what hardens that model; None if nothing does.
        direction: modalities of the inputs, and of the items that they search.
        inputs: their kind.
        dataset: name of the dataset.
        dataset_digest: of its three splits.
        train_digest: of its train split, which is all of it that was learnt from.
        classes: label names.
        epsilon: size of the radius, in the norm.
        norm: of the threat.
        seed: of the learning.
        precision: of the passes through the surrogate.
        device: ``cpu`` or ``cuda``.
        processes: number of processes that learnt together.
        versions: of robusthash, torch and numpy.
        spent: cost of the learning.
        digest: of what was learnt; empty until it is stored.
    """

    attack: PluginUse
    learnt_from: Mapping[str, Any]
    bounded: bool
    surrogate: ModelUse
    defense: PluginUse | None = None
    direction: Direction = Direction.I2I
    inputs: InputKind
    dataset: str
    dataset_digest: str
    train_digest: str
    classes: tuple[str, ...]
    epsilon: float
    norm: Norm = Norm.LINF
    seed: int
    precision: str = Precision.FLOAT32.value
    device: str
    processes: int = 1
    versions: Mapping[str, str]
    spent: Spent = field(default_factory=Spent)
    digest: str = ""

    @property
    def key(self) -> str:
        """Digest of everything that could change what is learnt. Of the dataset, that is its train split."""
        return digest(
            {
                "attack": {"name": self.attack.name, "owner": self.attack.owner, "options": dict(self.learnt_from)},
                "model": self.surrogate.identity(),
                "defense": asdict(self.defense) if self.defense else None,
                "direction": str(self.direction),
                "inputs": asdict(self.inputs),
                "train": self.train_digest,
                "epsilon": self.epsilon,
                "seed": self.seed,
                "precision": self.precision,
                "device": self.device,
                "versions": dict(self.versions),
                **({} if self.processes == 1 else {"processes": self.processes}),
                **({} if self.norm is Norm.LINF else {"norm": str(self.norm)}),
            }
        )

    def fits(self, radius: Radius) -> bool:
        """Whether the attack can be run at a radius: at the one it was fitted for; at any if it is unbounded."""
        return not self.bounded or radius == self.radius

    @property
    def radius(self) -> Radius:
        """The radius that it was learnt for."""
        return Radius(size=self.epsilon, norm=self.norm)

    @property
    def model_name(self) -> str:
        """The model that it was learnt on, for people: ``dpsh 32 bit + cgat``."""
        hardened = f" + {self.defense.name}" if self.defense else ""
        return f"{self.surrogate.name} {self.surrogate.label}{hardened}"

    def on(self, model: ModelUse, defense: PluginUse | None) -> bool:
        """Whether a model is the one that it was learnt on: by weights and behaviour, whatever it is called."""
        same = (model.digest, model.size, model.distance) == (
            self.surrogate.digest,
            self.surrogate.size,
            self.surrogate.distance,
        )
        ours, theirs = (asdict(one) if one else None for one in (self.defense, defense))
        return same and ours == theirs


def read_fitting(path: Path) -> Fitting:
    """Reads how something was learnt, without what was learnt.

    Raises:
        CheckpointError: the file is missing, a pickle, truncated, of another format, or no fitted attack.
    """
    metadata = read_metadata(path)
    if FITTED_KEY not in metadata:
        model = is_checkpoint(path)
        raise CheckpointError(
            f"{path} is {'the checkpoint of a model' if model else 'no fitted attack'}",
            hint="name it with --model" if model else "robusthash fit ATTACK --model NAME --output FILE writes one",
        )
    try:
        found = parse_json(metadata[FITTED_KEY], _Format).format
        if found != FORMAT:
            raise CheckpointError(f"{path} has format {found}, but this version reads {FORMAT}", hint="fit it again")
        file = parse_json(metadata[FITTED_KEY], _File)
    except ValueError as error:
        raise CheckpointError(f"the description in {path} cannot be read: {error}", hint="fit it again") from error
    return file.fitting()


def described(fitting: Fitting) -> dict[str, Any]:
    """Plain values, of which :func:`read_fitting` makes the same again."""
    return {**asdict(fitting), "format": FORMAT}


class _Format(Struct):
    format: int


class _Model(PluginPart, kw_only=True):
    size: Positive
    distance: Distance
    backbone: str
    digest: _Named


class _Inputs(Part, kw_only=True):
    modality: _Named
    shape: Annotated[tuple[Positive, ...], Meta(min_length=1, max_length=4)]
    low: _Finite
    high: _Finite
    levels: Positive | None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"the box [{self.low}, {self.high}] is empty")


class _File(Part, kw_only=True):
    attack: PluginPart
    learnt_from: dict[str, Any]
    bounded: bool
    surrogate: _Model
    defense: PluginPart | None
    direction: Direction
    inputs: _Inputs
    dataset: str
    dataset_digest: str
    train_digest: str
    classes: tuple[str, ...]
    epsilon: Annotated[float, Meta(ge=0)]
    norm: Norm = Norm.LINF
    seed: Number
    precision: Precision
    device: str
    processes: Positive
    versions: dict[str, str]
    spent: SpentPart
    digest: Digest
    format: int

    def __post_init__(self) -> None:
        odd = [name for name, value in self.learnt_from.items() if self.attack.options.get(name) != value]
        if odd:
            raise ValueError(f"learnt_from: {odd[0]} is not as in the options of the attack")
        if self.direction.query != self.inputs.modality:
            raise ValueError(f"direction {self.direction} does not begin with inputs of {self.inputs.modality}s")
        try:
            Radius(size=self.epsilon, norm=self.norm)
        except OptionError as error:
            raise ValueError(error.message) from None

    def fitting(self) -> Fitting:
        plain = {name: getattr(self, name) for name in self.__struct_fields__ if name != "format"}
        return Fitting(
            **{
                **plain,
                "attack": PluginUse(**struct_dict(self.attack)),
                "surrogate": ModelUse(**struct_dict(self.surrogate)),
                "defense": PluginUse(**struct_dict(self.defense)) if self.defense else None,
                "inputs": InputKind(**struct_dict(self.inputs)),
                "spent": Spent(**struct_dict(self.spent)),
                "precision": self.precision.value,
            }
        )
