"""Migration from schema 1 to 2. The only place in the core that knows plugins and options by name."""

from msgspec.structs import asdict

from robusthash.results.records.flat import usual_headline
from robusthash.results.records.schema import CommonPart, EffortPart, File1, File2, ModelPart1, ModelPart2
from robusthash.specs import Direction, Distance, Role

_ROLES = {"noise": Role.REFERENCE, "strongest": Role.YARDSTICK}
_EFFORT = "steps"
_PASSES = "passes"


def migrated(file: File1) -> File2:
    """Converts a file of schema 1 to schema 2."""
    options = file.attack.options
    effort, passes = _count(options.get(_EFFORT)), _count(options.get(_PASSES))
    return File2(
        **{name: getattr(file, name) for name in CommonPart.__struct_fields__},
        schema=2,
        model=_model(file.model),
        surrogate=_model(file.surrogate) if file.surrogate else None,
        direction=Direction.I2I,
        role=_ROLES.get(file.attack.name, Role.ATTACK),
        effort=None if effort is None else EffortPart(option=_EFFORT, value=effort),
        passes=passes or 1,
        headline=usual_headline(file.protocols),
    )


def _model(model: ModelPart1) -> ModelPart2:
    return ModelPart2(**asdict(model), distance=Distance.HAMMING, size=model.bits)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None
