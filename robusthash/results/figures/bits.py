"""Which bits an attack turns, and how balanced they are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robusthash.errors import InputError
from robusthash.results.figures.canvas import COLOURS, canvas, literal
from robusthash.results.figures.naming import attack_names, victim_name
from robusthash.results.records.arrays import QueryArrays
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN
from robusthash.results.report.details.codes import ones, turned

_SIZE = (7.0, 2.2)  #: of a panel, in inches
_TITLE = 200


def save_bits(
    records: Sequence[Record],
    arrays: Mapping[str, QueryArrays],
    database: Mapping[str, np.ndarray[Any, Any]],
    path: Path,
) -> None:
    """Draws a panel for each attack on one victim: a bar a bit, as high as the share of queries whose bit turned.

    The mark at each bit is the share of database items in which it is +1: 0.5 is a balanced bit.

    Args:
        records: of attacks on one victim.
        arrays: of their queries, by the digest of the record.
        database: ``packed`` codes of its items.
        path: of the file; its suffix gives the format: ``.svg``, ``.png`` or ``.pdf``.

    Raises:
        InputError: the victim has no bits, the records are of several victims, or their codes were not stored.
        OptionError: the suffix is no supported format.
        MissingDependencyError: matplotlib is not installed.
        StorageError: the file cannot be written.
    """
    title, size = victim_name(records), records[0].victim.model.bits
    if size is None:
        raise InputError(f"{title}: descriptors have no bits", hint="choose a model with codes, with --model")
    balance = ones(database["packed"], size)
    width, height = _SIZE
    with canvas(path, width, height * len(records)) as figure:
        figure.suptitle(literal(title, _TITLE), fontsize="small", wrap=True)
        all_axes = figure.subplots(len(records), sharex=True, squeeze=False)[:, 0]
        for record, name, axes in zip(records, attack_names(records), all_axes, strict=True):
            codes = arrays[record.digest]
            flips = turned(codes.codes_at(CLEAN), codes.codes_at(ADVERSARIAL), size)
            place = np.arange(size)
            axes.bar(place, flips, color=COLOURS[0], label="turned by the attack, share of queries")
            axes.plot(place, balance, "_", color=COLOURS[1], label="+1, share of database items")
            axes.axhline(0.5, color="black", linewidth=0.5, linestyle=":")
            told = f"{name}: {flips.mean():.1%} of all bits turned"
            axes.set_title(literal(told, _TITLE), fontsize="small", wrap=True)
            axes.set_ylim(0, 1)
            axes.set_xlim(-1, size)
        all_axes[-1].set_xlabel("bit")
        figure.legend(*all_axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize="small")
