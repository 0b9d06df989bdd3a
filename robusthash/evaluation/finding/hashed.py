"""Hashed items: codes or descriptors with the items' names, and with what made them, so that no others are compared."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from robusthash.contracts import HashModel, Images, Inputs, Space
from robusthash.errors import InputError
from robusthash.evaluation.victims.victim import Victim
from robusthash.specs import Distance, PluginUse


@dataclass(frozen=True, kw_only=True)
class Maker:
    """What made representations, of what kind of inputs.

    Attributes:
        model: the model's name, for people.
        digest: of its weights, and of what it computes on fixed made-up inputs.
        defense: its defense; None for an undefended model.
        distance: in which its outputs are compared.
        size: code length in bits, or number of dimensions.
        modality: of the items.
        shape: of one input.
        resize: length that the shorter side of pictures is resized to before the crop; None for items that are not
            read from pictures of any size.
        keeps: whether pictures that have the size already are taken as they are.
    """

    model: str
    digest: str
    defense: PluginUse | None
    distance: Distance
    size: int
    modality: str
    shape: tuple[int, ...]
    resize: int | None
    keeps: bool = False

    @classmethod
    def of(cls, victim: Victim, model: HashModel, view: Inputs) -> "Maker":
        """The maker of what a tower of a victim makes of some inputs.

        Args:
            victim: the victim.
            model: the tower, or the victim's only model.
            view: the inputs.
        """
        return cls(
            model=victim.use.name,
            digest=victim.use.digest,
            defense=victim.defense,
            distance=model.space.distance,
            size=model.space.size,
            modality=model.modality.name,
            shape=tuple(model.modality.shape),
            resize=view.resize if isinstance(view, Images) else None,
            keeps=isinstance(view, Images) and view.keeps,
        )

    @property
    def space(self) -> Space:
        """The space of the representations."""
        return Space(distance=self.distance, size=self.size)

    def require_comparable(self, other: "Maker", what: str) -> None:
        """Refuses items that another model made, or this one of other inputs.

        Args:
            other: what made the items.
            what: where they are, for the error.

        Raises:
            InputError: distances to them mean nothing.
        """
        differ = [
            (name, ours, theirs)
            for name, ours, theirs in (
                ("size", str(self.space), str(other.space)),
                ("model", self._named(), other._named()),
            )
            if ours != theirs
        ]
        if self.modality == other.modality:
            differ += [("inputs", str(self.shape), str(other.shape))] * (self.shape != other.shape)
            if self.keeps != other.keeps and None not in (self.resize, other.resize):
                kinds = ("pictures of the size are enlarged, too", "pictures of the size are taken as they are")
                differ.append(("preprocessing", kinds[self.keeps], kinds[other.keeps]))
            if self.resize != other.resize and None not in (self.resize, other.resize):
                differ.append(("preprocessing", f"shorter side {self.resize}", f"shorter side {other.resize}"))
        if differ:
            raise InputError(
                f"{what} cannot be searched: "
                + "; ".join(f"{name} {theirs}, and {ours} of the queries" for name, ours, theirs in differ),
                hint="hash the items again with this model, or search with the model that made the file",
            )

    def _named(self) -> str:
        defense = f" + {self.defense.name} {dict(self.defense.options)}" if self.defense else ""
        return f"{self.model}{defense} {self.digest[:12]}"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where items are.

    Attributes:
        folder: absolute path of the folder that names are relative to; None for a dataset.
        dataset: name of the dataset; None for a folder.
        split: name of its split.
    """

    folder: str | None = None
    dataset: str | None = None
    split: str | None = None

    def __str__(self) -> str:
        """The folder, or ``digits, database split``."""
        return self.folder if self.folder is not None else f"{self.dataset}, {self.split} split"


@dataclass(frozen=True, kw_only=True, eq=False)
class Hashed:
    """Items as a model hashes them.

    Attributes:
        made: what made them.
        representation: packed codes, (n, ceil(bits / 8)) uint8, or descriptors, (n, d) float32, on the CPU.
        names: one per item: a path relative to the folder, or the id in the dataset.
        source: where the items are.
        classes: label names, one per column of the labels; empty without labels.
        labels: (n, classes) uint8, multi-hot; None for pictures without labels.
        skipped: items that could not be read, each with the reason; they have no row.
    """

    made: Maker
    representation: Tensor
    names: tuple[str, ...]
    source: Source
    classes: tuple[str, ...] = ()
    labels: Tensor | None = None
    skipped: tuple[tuple[str, str], ...] = field(default=())

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"<Hashed: {len(self)} items of {self.source}, {self.made.model} {self.made.space}>"

    @property
    def codes(self) -> Tensor:
        """Unpacked codes, (n, bits) int8 in {-1, +1}; descriptors unchanged."""
        return self.made.space.codes(self.representation)

    def labels_of(self, item: int) -> tuple[str, ...]:
        """Names of an item's labels."""
        if self.labels is None:
            return ()
        return named_labels(self.labels[item], self.classes)

    def write(self, path: Any) -> None:
        """Writes them to a file: safetensors, or codes alone as CSV or JSON lines, by the suffix of its name.

        Args:
            path: of the file; an existing one is replaced.

        Raises:
            OptionError: the suffix is none of these.
            StorageError: the file cannot be written.
        """
        from robusthash.evaluation.finding.files import write_hashed

        write_hashed(self, path)

    @classmethod
    def read(cls, path: Any) -> "Hashed":
        """Reads a safetensors file that :meth:`write` has written.

        Raises:
            InputError: it cannot be read, or is no such file.
        """
        from robusthash.evaluation.finding.files import read_hashed

        return read_hashed(path)


def named_labels(row: Tensor, classes: Sequence[str]) -> tuple[str, ...]:
    """Names of the labels that a row has.

    Args:
        row: (classes,) uint8, multi-hot.
        classes: label names.
    """
    return tuple(classes[column] for column in row.nonzero().flatten().tolist())
