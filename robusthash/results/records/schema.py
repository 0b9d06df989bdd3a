"""The files of records as msgspec structs: schema 2 and its predecessor, schema 1."""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from robusthash.epsilon import Radius
from robusthash.errors import OptionError
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, Against
from robusthash.specs import Direction, Distance, Goal, Norm, Role, ScoreBy

_DEEPEST = 20  #: levels of nested options; they are traversed recursively

_MOST = 2**63 - 1  #: larger integers are not counts, and cannot be converted to floats safely

Number = Annotated[int, Meta(ge=-_MOST, le=_MOST)]
Count = Annotated[int, Meta(ge=0, le=_MOST)]
Positive = Annotated[int, Meta(ge=1, le=_MOST)]
Seconds = Annotated[float, Meta(ge=0)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Part(Struct, kw_only=True, forbid_unknown_fields=True):
    """A part of a file. Unknown fields are errors, as are missing ones."""


class PluginPart(Part):
    """A plugin object as it was used."""

    name: str
    owner: str
    options: dict[str, Any]

    def __post_init__(self) -> None:
        level: list[Any] = [self.options]
        for _ in range(_DEEPEST):
            level = [one for value in level for one in _inside(value)]
        if level:
            raise ValueError(f"options are nested more than {_DEEPEST} levels deep")


class DatasetPart(PluginPart):
    """The dataset."""

    digest: str
    queries: Count
    query_digest: str
    database: Count


class ModelPart1(PluginPart):
    """A model of schema 1, always a hash model."""

    bits: Positive
    backbone: str
    digest: str


class ModelPart2(PluginPart, kw_only=True):
    """A model."""

    bits: Positive | None
    distance: Distance
    size: Positive
    backbone: str
    digest: str

    def __post_init__(self) -> None:
        super().__post_init__()
        expected = self.size if self.distance is Distance.HAMMING else None
        if self.bits != expected:
            raise ValueError(f"bits is {self.bits}, but {self.distance} of size {self.size} has bits {expected}")


class MeasurePart(Part):
    """The mean of a metric over the queries."""

    value: float
    low: float
    high: float
    worst: float
    best: float


class FlagPart(Part):
    """A failed soundness check."""

    id: str
    message: str


class SpentPart(Part):
    """The cost of learning."""

    forward: Count
    backward: Count
    seconds: Seconds


class CostPart(Part, kw_only=True):
    """The cost of an attack."""

    forward: Count
    backward: Count
    seconds: Seconds
    queries: Count = 0
    learning: SpentPart | None = None


class FittedPart(Part, kw_only=True):
    """What an attack had learnt before the run."""

    digest: Digest
    owner: str
    epsilon: Annotated[float, Meta(ge=0)]
    seed: Number
    dataset_digest: str


class EffortPart(Part, kw_only=True):
    """How long an attack runs."""

    option: str
    value: Number | float


class InputsPart(Part, kw_only=True):
    """Attacked inputs that are not 8-bit images."""

    elements: Positive
    low: float
    high: float
    levels: Positive | None


class ModelOriginPart(Part, kw_only=True):
    """How a trained model was made."""

    weights: str
    backbones: dict[str, PluginPart]
    pretrained: str
    seed: Number
    image_size: Positive
    dataset_digest: str
    hardened: Number | None


class OriginsPart(Part, kw_only=True):
    """What making a record again needs besides."""

    dataset: str
    image_size: Positive | None
    metrics: dict[str, PluginPart]
    victim: ModelOriginPart | None
    surrogate: ModelOriginPart | None
    learnt: dict[str, str]


class CommonPart(Part, kw_only=True):
    """The fields that both schemas have."""

    measured: ClassVar[bool] = True  #: whether there are numbers

    digest: Digest
    created: str
    dataset: DatasetPart
    defense: PluginPart | None
    attack: PluginPart
    goal: Goal
    epsilon: Annotated[float, Meta(ge=0)]
    precision: str = "float32"
    compiled: bool = False
    protocols: Annotated[dict[str, str], Meta(min_length=1)]
    relevance: str
    retriever: PluginPart
    qualities: tuple[Count, ...] = ()
    seed: Number
    shard_size: Positive
    versions: dict[str, str]
    environment: dict[str, str]
    metrics: dict[str, dict[str, MeasurePart]]
    search: dict[str, dict[str, float]] = {}
    floors: dict[str, float]
    imagery: dict[str, float]
    cost: CostPart
    flags: tuple[FlagPart, ...]
    probe: dict[str, float] = {}

    def __post_init__(self) -> None:
        if "device" not in self.environment:
            raise ValueError("environment has no device")
        odd = next((name for name in self.protocols if Against.parse(name)[0] is not Against.OWN), None)
        if odd is not None:
            raise ValueError(f"protocols has {odd}, a name reserved for target labels")
        labels = (Against.OWN, Against.TARGET) if self.goal is Goal.TARGETED else (Against.OWN,)
        for stage in (CLEAN, ADVERSARIAL) if self.measured else ():
            for name in (against.qualify(metric) for metric in self.protocols for against in labels):
                if name not in self.metrics.get(stage, {}):
                    raise ValueError(f"metrics has no {name} of the {stage} queries")


class File1(CommonPart, kw_only=True):
    """Schema 1."""

    schema: Literal[1]
    model: ModelPart1
    surrogate: ModelPart1 | None = None


class File2(CommonPart, kw_only=True):
    """Schema 2."""

    schema: Literal[2]
    model: ModelPart2
    surrogate: ModelPart2 | None
    direction: Direction
    norm: Norm = Norm.LINF
    inputs: InputsPart | None = None
    role: Role
    effort: EffortPart | None
    passes: Positive
    headline: str
    score_by: ScoreBy = ScoreBy.CODES
    fitted: FittedPart | None = None
    origins: OriginsPart | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.headline not in self.protocols:
            raise ValueError(f"headline is {self.headline!r}, which is not among protocols")
        try:
            Radius(size=self.epsilon, norm=self.norm)
        except OptionError as error:
            raise ValueError(error.message) from None


class Blank2(File2, kw_only=True):
    """Schema 2, of a cell whose shards are not all there."""

    measured: ClassVar[bool] = False


def _inside(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
