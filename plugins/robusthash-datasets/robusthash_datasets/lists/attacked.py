"""List files of a paper that attacks only some of its queries; a file of its code has their numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from robusthash.contracts import DatasetContext, Findings, RetrievalData
from robusthash.errors import DatasetError
from robusthash.files.opening import read_file
from robusthash_datasets.lists.files import Listing
from robusthash_datasets.lists.published import Published

FILE = "attack_query_index.txt"  #: from the folder reproduce of DHTA's code: a number per line, the first query is 0


@dataclass(frozen=True, kw_only=True)
class Attacked(Published):
    """List files, with the numbers of the queries that the paper attacks."""

    queries: Literal["all", "attacked"] = "all"  #: all listed queries, or those in attack_query_index.txt

    def _data(self, context: DatasetContext, listings: Mapping[str, Listing]) -> RetrievalData:
        if self.queries == "all":
            return super()._data(context, listings)
        numbers = self._numbers(self._folder(context) / FILE)
        query = listings["query"]
        rows = range(len(query.paths)) if query.lines is None else [line - 1 for line in query.lines]
        there = {row: item for item, row in enumerate(rows)}
        if query.lines is None and max(numbers) >= len(there):
            raise DatasetError(
                f"{self._folder(context) / FILE}: no query {max(numbers)}; {query.file} has {len(there)}",
                hint=self.fetch,
            )
        kept = [there[number] for number in numbers if number in there]  # bad lines may have been skipped
        chosen = replace(
            query,
            paths=tuple(query.paths[item] for item in kept),
            labels=query.labels[kept],
            lines=[rows[item] + 1 for item in kept],
        )
        return super()._data(context, {**listings, "query": chosen})

    def _name(self, context: DatasetContext) -> str:
        name = super()._name(context)
        return name if self.queries == "all" else f"{name}-attacked"

    def _compare(self, context: DatasetContext, listings: Mapping[str, Listing], found: Findings) -> None:
        super()._compare(context, listings, found)
        if self.queries == "attacked":
            file = self._folder(context) / FILE
            count = len(self._numbers(file))
            if count != self.known.get("attacked", count):
                what = f"{count} queries, published: {self.known['attacked']}"
                found.add("error", FILE, "counts", where=str(file), what=what)

    def _numbers(self, file: Path) -> list[int]:
        hint = f"put reproduce/{FILE} of the paper's code there, or set the option queries to all"
        try:
            lines = read_file(file).decode().split()
        except FileNotFoundError:
            raise DatasetError(f"no {file}", hint=hint) from None
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"cannot read {file}: {error}", hint=hint) from error
        numbers: dict[int, int] = {}
        for line, text in enumerate(lines, start=1):
            try:
                value = float(text)  # NumPy wrote them, as 3.380000000000000000e+03
                number = int(value)
            except (ValueError, OverflowError):
                raise DatasetError(f"{file}:{line}: {text!r} is not a number", hint=hint) from None
            if number != value or number < 0:
                raise DatasetError(f"{file}:{line}: {text} is not a query number", hint=hint)
            if number in numbers:
                raise DatasetError(f"{file}:{line}: query {number} is already on line {numbers[number]}", hint=hint)
            numbers[number] = line
        if not numbers:
            raise DatasetError(f"{file} is empty", hint=hint)
        return list(numbers)
