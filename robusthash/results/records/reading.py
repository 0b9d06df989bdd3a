"""Reads records from disk. Files may come from strangers: they are checked by schema and by digest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict

from robusthash.errors import InputError
from robusthash.files.documents import told
from robusthash.files.opening import read_file
from robusthash.files.storage import digest
from robusthash.results.records.flat import SCHEMA, by_labels, identity
from robusthash.results.records.migration import migrated
from robusthash.results.records.origins import ModelOrigin, Origins
from robusthash.results.records.outcome import Cost, Flag, Measure, Outcome, Spent
from robusthash.results.records.parts import (
    AttackUse,
    Conditions,
    DatasetUse,
    Effort,
    FittedUse,
    InputsUse,
    ModelUse,
    Scoring,
    VictimUse,
)
from robusthash.results.records.record import Record
from robusthash.results.records.schema import (
    Blank2,
    CostPart,
    File1,
    File2,
    ModelOriginPart,
    ModelPart2,
    OriginsPart,
    PluginPart,
)
from robusthash.results.rendering.escaping import visible
from robusthash.specs import PluginUse

#: Defaults of fields that files of schema 1 may lack.
_UNSAID: Mapping[str, Any] = {"surrogate": None, "precision": "float32", "compiled": False, "qualities": []}


def read_record(path: Path) -> Record:
    """Reads one record.

    Raises:
        InputError: it cannot be read, is not a valid record, or was changed after it was written.
    """
    try:
        content = read_file(path)
    except OSError as error:
        raise InputError(
            f"cannot read record {path}: {error.strerror or error}",
            hint="name a record's file, or at least 4 digits of its digest",
        ) from error
    return parse_record(content, str(path))


def parse_record(content: bytes | str, where: str, *, blank: bool = False) -> Record:
    """Reads the content of a record file.

    Args:
        content: JSON of this schema or an earlier one.
        where: path of the file, for errors.
        blank: whether it is one that has no numbers yet.

    Raises:
        InputError: it is not a valid record, or was changed after it was written.
    """
    try:
        plain = msgspec.json.decode(content)
        file = msgspec.convert(plain, Blank2) if blank else _checked(plain, where)
        own = digest(identity({**_UNSAID, **plain}))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        hint = "remove it, or evaluate again"
        raise InputError(f"{where} is not a record: {visible(told(error))}", hint=hint) from error
    if own != file.digest:
        raise InputError(
            f"{where} was changed after it was written: its digest is {file.digest[:12]}, its content gives {own[:12]}",
            hint="restore it, or evaluate again",
        )
    return _record(file)


def _checked(plain: Any, where: str) -> File2:
    schema = plain.get("schema") if isinstance(plain, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise InputError(f"{where} has schema {schema}, this version reads up to {SCHEMA}", hint="update robusthash")
    if schema == 1:
        return migrated(msgspec.convert(plain, File1))
    return msgspec.convert(plain, File2)


def _record(file: File2) -> Record:
    return Record(
        digest=file.digest,
        created=file.created,
        dataset=DatasetUse(**asdict(file.dataset)),
        victim=VictimUse(
            model=_model(file.model),
            defense=_plugin(file.defense) if file.defense else None,
            direction=file.direction,
        ),
        attack=AttackUse(
            **asdict(file.attack),
            goal=file.goal,
            epsilon=file.epsilon,
            norm=file.norm,
            inputs=InputsUse(**asdict(file.inputs)) if file.inputs else None,
            surrogate=_model(file.surrogate) if file.surrogate else None,
            role=file.role,
            effort=Effort(**asdict(file.effort)) if file.effort else None,
            passes=file.passes,
            precision=file.precision,
            compiled=file.compiled,
            fitted=FittedUse(**asdict(file.fitted)) if file.fitted else None,
        ),
        scoring=Scoring(
            protocols=file.protocols,
            headline=file.headline,
            relevance=file.relevance,
            retriever=_plugin(file.retriever),
            qualities=file.qualities,
            by=file.score_by,
        ),
        conditions=Conditions(
            seed=file.seed, shard_size=file.shard_size, versions=file.versions, environment=file.environment
        ),
        outcome=_outcome(file),
        origins=_origins(file.origins) if file.origins else None,
    )


def _outcome(file: File2) -> Outcome:
    return Outcome(
        metrics={
            stage: by_labels({name: Measure(**asdict(one)) for name, one in measures.items()})
            for stage, measures in file.metrics.items()
        },
        search=file.search,
        floors=by_labels(file.floors),
        imagery=file.imagery,
        cost=_cost(file.cost),
        flags=tuple(Flag(**asdict(flag)) for flag in file.flags),
        probe=file.probe,
    )


def _cost(cost: CostPart) -> Cost:
    learning = Spent(**asdict(cost.learning)) if cost.learning else None
    return Cost(**{**asdict(cost), "learning": learning})


def _origins(part: OriginsPart) -> Origins:
    return Origins(
        **{
            **asdict(part),
            "metrics": {name: _plugin(one) for name, one in part.metrics.items()},
            "victim": _origin(part.victim) if part.victim else None,
            "surrogate": _origin(part.surrogate) if part.surrogate else None,
        }
    )


def _origin(part: ModelOriginPart) -> ModelOrigin:
    backbones = {modality: _plugin(one) for modality, one in part.backbones.items()}
    return ModelOrigin(**{**asdict(part), "backbones": backbones})


def _plugin(part: PluginPart) -> PluginUse:
    return PluginUse(**asdict(part))


def _model(part: ModelPart2) -> ModelUse:
    content: Mapping[str, Any] = {name: value for name, value in asdict(part).items() if name != "bits"}
    return ModelUse(**content)
