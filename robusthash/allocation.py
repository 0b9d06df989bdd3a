"""How the C library treats freed memory: a process that computes keeps it for its next tensors."""

import ctypes
import os
import sys

__all__ = ["keep_freed_memory"]

SWITCH = "ROBUSTHASH_SYSTEM_MALLOC"  #: environment variable; where it is not empty, nothing is changed
_OWN = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_TOP_PAD_")  #: glibc's variables
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt, in glibc's malloc.h
_KEPT = 1 << 30  # bytes of free memory at the end of the heap that are not returned
_MAPPED = (1 << 28, 1 << 25)  # bytes from which a block is mapped for itself; the second is the most before glibc 2.35


def keep_freed_memory() -> bool:
    """Lets glibc keep the memory of freed tensors for the next ones, up to a gibibyte.

    As it comes, it returns large blocks to the kernel at once and asks for them again at the next step: the pages of
    activations and gradients are then cleared anew in each, which takes up to a fifth of a small network's time.

    For a process that does nothing but compute: a command, or a worker. Calling it twice does no harm.

    Returns:
        Whether it did: False where there is no glibc, where its own variables already say something else, and where
        ``ROBUSTHASH_SYSTEM_MALLOC`` is set.
    """
    if os.environ.get(SWITCH) or not _is_glibc() or _is_told():
        return False
    change = ctypes.CDLL(None).mallopt
    return any(change(_MMAP_THRESHOLD, size) for size in _MAPPED) and bool(change(_TRIM_THRESHOLD, _KEPT))


def _is_glibc() -> bool:
    if sys.platform != "linux" or "CS_GNU_LIBC_VERSION" not in os.confstr_names:
        return False
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (OSError, ValueError):  # musl has the name, and no answer
        return False


def _is_told() -> bool:
    """Whether the user has set these parameters."""
    return any(name in os.environ for name in _OWN) or "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", "")
