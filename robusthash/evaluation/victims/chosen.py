"""A plugin object with what a run knows of it, and the classes that models and feature networks may have."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from robusthash.contracts import (
    Attack,
    Backbone,
    ClosedForm,
    CrossModalObjective,
    Descriptor,
    Objective,
    ReadyModel,
    TextBackbone,
)
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.results import PluginUse
from robusthash.specs import AttackSpec, Role, Spec

Plugin = TypeVar("Plugin")
Method = Objective | CrossModalObjective | ClosedForm | Descriptor | ReadyModel  #: what a registered model can be
METHODS = (Objective, CrossModalObjective, ClosedForm, Descriptor, ReadyModel)
Network = Backbone | TextBackbone  #: what builds a feature network
NETWORKS = (Backbone, TextBackbone)


@dataclass(frozen=True, kw_only=True)
class Chosen(Generic[Plugin]):
    """A plugin object with its options.

    Attributes:
        plugin: the object.
        use: its entry in the record.
        full_name: ``distribution/name``, which is unique; it keys the randomness of an attack.
        spec: the spec that registers it; None for an object that no plugin registers.
        fitted: the file of what an attack has learnt; None if it is to learn, or has nothing to learn.
    """

    plugin: Plugin
    use: PluginUse
    full_name: str
    spec: Spec | None = None
    fitted: FittedAttack | None = None

    @property
    def learnt_from(self) -> dict[str, Any]:
        """The options that what an attack learns depends on."""
        names = self.plugin.learnt_from if isinstance(self.plugin, Attack) else None
        return {name: value for name, value in self.use.options.items() if names is None or name in names}

    @property
    def role(self) -> Role:
        """The role of an attack; ``Role.ATTACK`` for objects that no plugin registers."""
        return self.spec.role if isinstance(self.spec, AttackSpec) else Role.ATTACK
