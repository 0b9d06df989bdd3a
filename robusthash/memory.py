"""Running out of memory: telling it from other errors, and going on with smaller batches."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from robusthash.errors import MemoryLimitError

__all__ = ["Batches", "is_out_of_memory"]

Part = TypeVar("Part")

#: How torch's allocator of CPU memory says it, in an error of no class of its own.
_ALLOCATOR = ("not enough memory", "can't allocate memory")


class Batches:
    """Splits work into the largest batches that memory allows; what did not fit once is not tried again.

    Attributes:
        most: largest number of rows to try; None is no limit known yet.
    """

    def __init__(self) -> None:
        self.most: int | None = None

    def run(self, rows: Sequence[int], work: Callable[[Sequence[int]], Part]) -> list[Part]:
        """Does some work on all rows, in order, in as few batches as memory allows.

        Args:
            rows: what to work on.
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
            # Outside of the handler, where the error's traceback no longer holds the tensors that did not fit.
            self.most = len(part) // 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        return parts


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _ALLOCATOR)
