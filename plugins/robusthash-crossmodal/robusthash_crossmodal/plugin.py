"""What this distribution offers; each room lists its own. Importable without torch."""

from collections.abc import Iterator

from robusthash import hookimpl
from robusthash.specs import AttackSpec, BackboneSpec, DatasetSpec, DefenseSpec, ModelSpec
from robusthash_crossmodal.attacks.specs import attacks
from robusthash_crossmodal.data.specs import datasets
from robusthash_crossmodal.defenses.specs import defenses
from robusthash_crossmodal.victims.specs import backbones, models


@hookimpl
def robusthash_models() -> Iterator[ModelSpec]:
    """The models of this distribution."""
    yield from models()


@hookimpl
def robusthash_backbones() -> Iterator[BackboneSpec]:
    """The feature networks of this distribution."""
    yield from backbones()


@hookimpl
def robusthash_datasets() -> Iterator[DatasetSpec]:
    """The datasets of this distribution."""
    yield from datasets()


@hookimpl
def robusthash_attacks() -> Iterator[AttackSpec]:
    """The attacks of this distribution."""
    yield from attacks()


@hookimpl
def robusthash_defenses() -> Iterator[DefenseSpec]:
    """The defenses of this distribution."""
    yield from defenses()
