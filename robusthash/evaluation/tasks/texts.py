"""Writes adversarial texts as somebody would type them, with their effect, into a manifest."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from robusthash.contracts import Progress
from robusthash.errors import CapabilityError
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.evaluation.tasks.effect import Effect, effects, recipe
from robusthash.evaluation.tasks.rewriting import rewritten
from robusthash.files.storage import write_atomically


@dataclass(frozen=True, kw_only=True)
class Text(Effect):
    """One adversarial text.

    Attributes:
        source: the item's id.
        before: the text as a person wrote it.
        after: the edited text.
        changes: each edited word, as ``dog > dig``.
        edits: how many edits that is, in the threat's norm.
        places: number of places in the text that changed: a word that is there twice is edited twice.
    """

    source: str
    before: str
    after: str
    changes: tuple[str, ...]
    edits: int
    places: int


def save_texts(prepared: PreparedCell, output: Path, progress: Progress) -> list[Text]:
    """Attacks texts and writes them into ``manifest.json``.

    Args:
        prepared: the attack, its victim and the queries.
        output: folder of the file; an existing one is replaced.
        progress: called after each batch.

    Returns:
        One entry per text, in the order of the queries.

    Raises:
        CapabilityError: the texts have no known words, or the threat does not count edits.
        PluginError: the attack failed.
        StorageError: the file cannot be written.
    """
    system, radius = prepared.system, prepared.cell.radius
    view = system.resources.queries.view(system.modality.name)
    if not radius.norm.counts or view.vocabulary is None:
        raise CapabilityError(
            f"texts within {radius} cannot be written: they have fractions of words, or words that are not known",
            hint="--edits 3, --edits words:3, or robusthash eval",
        )
    texts: list[Text] = []
    for rows in prepared.shards:
        texts += _batch(prepared, rows)
        progress(rows.stop, len(view), str(prepared.cell))
    manifest = {**recipe(prepared), "texts": [asdict(text) for text in texts]}
    write_atomically(output / "manifest.json", (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode())
    return texts


def _batch(prepared: PreparedCell, rows: range) -> Iterator[Text]:
    system, job = prepared.system, prepared.job
    view, threat = job.inputs, job.threat
    crafted = craft(job, rows)
    clean, delivered = crafted.clean, crafted.adversarial.inputs
    distances = threat.distance(delivered, clean).tolist()
    middle = threat.box.low + threat.box.width / 2
    written = view.written(rows)
    for row, effect in enumerate(effects(job, crafted, system.database.index)):
        pairs = threat.pairs(delivered[row] >= middle, clean[row] >= middle)
        edited = rewritten(written[row], pairs, view.vocabulary or (), threat.norm)
        yield Text(
            source=system.resources.queries.ids[rows[row]],
            before=written[row],
            after=edited.text,
            changes=edited.changes,
            edits=int(distances[row]),
            places=edited.places,
            **effect,
        )
