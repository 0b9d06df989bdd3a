"""Made-up results folders with arrays, databases and pictures, to test what reads them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from robusthash.results.records.arrays import PIXELS, QueryArrays, input_digest
from robusthash.results.records.outcome import Measure
from robusthash.results.records.pictures import SHOWN, Pictures
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, Against, ScoreKey
from robusthash.results.records.store import ResultStore
from robusthash.testing.records import with_digest

Array = np.ndarray[Any, Any]

_CLASSES = 10
_TRACED = 20  #: steps in a trace
_THUMBNAIL = 8  #: pixels


def store_made_up(
    store: ResultStore,
    records: Iterable[Record],
    *,
    queries: int = 60,
    items: int = 200,
    pictures: int = 0,
    side: int = 8,
) -> list[Record]:
    """Stores records with arrays that fit them: codes, scores, neighbours, labels, a trace, and a database.

    Args:
        store: the folder.
        records: from :func:`robusthash.testing.records.make_record`; their means become those of the arrays.
        queries: rows of the arrays.
        items: of the database.
        pictures: queries of each record with pictures.
        side: height and width of these pictures.

    Returns:
        The records as stored, with the digests that they have now.
    """
    stored = []
    for number, record in enumerate(records):
        random = np.random.default_rng(number)
        bits = record.victim.model.size
        labels = np.eye(_CLASSES, dtype=np.uint8)[random.integers(_CLASSES, size=items)]
        database = {"packed": _packed(random, items, bits), "labels": labels}
        arrays, images = _arrays(random, record, queries, items, pictures, side)
        known = with_digest(_measured(record, arrays))
        store.save(known, arrays)
        if pictures:
            store.save_pictures(known, _pictures(random, images, arrays))
        store.save_database(known, database)
        stored.append(known)
    return stored


def _packed(random: np.random.Generator, count: int, bits: int) -> Array:
    return np.packbits(random.integers(0, 2, size=(count, bits), dtype=np.uint8), axis=1)


def _arrays(
    random: np.random.Generator, record: Record, queries: int, items: int, pictures: int, side: int
) -> tuple[QueryArrays, Array]:
    bits = record.victim.model.size
    clean = random.integers(0, 2, size=(queries, bits), dtype=np.uint8)
    flipped = random.random((queries, bits)) < random.random(bits)
    scores = {}
    for stage in (CLEAN, ADVERSARIAL):
        for against in record.outcome.metrics[stage]:
            for name in record.scoring.protocols:
                mean = record.measure(stage, metric=name, against=against).value
                values = mean + 0.2 * (random.random(queries) - 0.5)
                scores[ScoreKey(stage, name, against)] = values.clip(0, 1)
    images = random.integers(0, 256, size=(2, pictures, side, side, 3), dtype=np.uint8)
    digests = np.zeros((queries, 16), np.uint8)
    for row, image in enumerate(images[1]):
        digests[row] = input_digest(image.transpose(2, 0, 1))
    columns = {
        "ids": np.arange(queries),
        "labels": np.eye(_CLASSES, dtype=np.uint8)[random.integers(_CLASSES, size=queries)],
        "hamming": flipped.sum(1),
        "trace": np.sort(random.integers(0, bits + 1, size=(queries, _TRACED)).astype(np.int16), axis=1)[:, ::-1],
        PIXELS: digests,
    }
    if Against.TARGET is record.attack.against:
        columns["targets"] = np.roll(columns["labels"], 1, axis=1)
    neighbours = {stage: random.integers(items, size=(queries, 2 * SHOWN)) for stage in (CLEAN, ADVERSARIAL)}
    arrays = QueryArrays(
        codes={CLEAN: np.packbits(clean, axis=1), ADVERSARIAL: np.packbits(clean ^ flipped, axis=1)},
        scores=scores,
        neighbours=neighbours,
        columns=columns,
    )
    return arrays, images


def _measured(record: Record, arrays: QueryArrays) -> Record:
    """The record with the means of its arrays."""
    metrics = {
        stage: {
            against: {
                name: _centred(float(arrays.scores[ScoreKey(stage, name, against)].mean()))
                if ScoreKey(stage, name, against) in arrays.scores
                else measure
                for name, measure in found.items()
            }
            for against, found in measures.items()
        }
        for stage, measures in record.outcome.metrics.items()
    }
    return replace(record, outcome=replace(record.outcome, metrics=metrics))


def _centred(value: float) -> Measure:
    return Measure(value=value, low=value - 0.01, high=value + 0.01, worst=value - 0.005, best=value + 0.005)


def _pictures(random: np.random.Generator, images: Array, arrays: QueryArrays) -> Pictures:
    clean, adversarial = images
    shown = [arrays.neighbours[stage][: len(clean), :SHOWN] for stage in (CLEAN, ADVERSARIAL)]
    items = np.unique(np.concatenate([one.ravel() for one in shown])).astype(np.int64)
    return Pictures(
        rows=np.arange(len(clean), dtype=np.int64),
        clean=clean,
        adversarial=adversarial,
        items=items,
        item_images=random.integers(0, 256, size=(len(items), _THUMBNAIL, _THUMBNAIL, 3), dtype=np.uint8),
        cam_clean=random.integers(0, 256, size=(len(clean), 4, 4), dtype=np.uint8),
        cam_adversarial=random.integers(0, 256, size=(len(clean), 4, 4), dtype=np.uint8),
    )
