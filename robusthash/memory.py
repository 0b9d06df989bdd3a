"""Out-of-memory errors: detects them, and retries with smaller batches."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from robusthash.errors import MemoryLimitError

__all__ = ["Batches", "is_out_of_memory"]

Part = TypeVar("Part")

#: Messages of torch's CPU allocator, whose error has no class of its own.
_ALLOCATOR = ("not enough memory", "can't allocate memory")


class Batches:
    """Splits work into the largest batches that fit into memory; a size that failed is not tried again.

    Attributes:
        most: largest number of rows to try; None if no limit is known yet.
    """

    def __init__(self) -> None:
        self.most: int | None = None

    def run(self, rows: Sequence[int], work: Callable[[Sequence[int]], Part]) -> list[Part]:
        """Processes all rows, in order, in as few batches as memory allows.

        Args:
            rows: the rows to process.
            work: called with consecutive parts of them.

        Raises:
            MemoryLimitError: a single row does not fit.
        """
        parts: list[Part] = []
        start = 0
        while start < len(rows):
            part = rows[start : start + (self.most or len(rows))]
            try:
                parts.append(work(part))
                start += len(part)
                continue
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(part) == 1:
                    raise MemoryLimitError(
                        "out of memory with a single image", hint="use smaller images, or --device cpu"
                    ) from error
            # Outside the handler, where the error's traceback no longer keeps the tensors alive.
            self.most = len(part) // 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        return parts


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _ALLOCATOR)
