"""The faiss package, imported when it is first needed."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from robusthash.errors import MissingDependencyError

GPU_MAX_K = 2048  #: faiss's GPU_MAX_SELECTION_K
GPU_QUERIES = 4096  #: searched at once on a GPU, so that their (queries, k) output fits beside the database


def faiss() -> ModuleType:
    """The faiss module.

    Raises:
        MissingDependencyError: it is not installed, or its shared libraries do not load.
    """
    try:
        with warnings.catch_warnings():
            # faiss's generated wrappers warn about their own type names on Python 3.12 and later.
            warnings.filterwarnings("ignore", category=DeprecationWarning, message="builtin type .* has no __module__")
            import faiss as module
    except (ImportError, OSError, RuntimeError) as error:  # the last is what faiss raises without CUDA's libraries
        raise MissingDependencyError(
            f"this retriever cannot import faiss: {error}",
            hint="pip install 'robusthash-faiss[gpu]' on Linux x86-64, 'robusthash-faiss[cpu]' elsewhere; "
            "or use the retriever torch",
        ) from error
    return module


def gpus() -> int:
    """GPUs that the installed faiss sees; 0 for a build without GPU support."""
    module = faiss()
    return int(module.get_num_gpus()) if hasattr(module, "StandardGpuResources") else 0


def gpu() -> int:
    """The number of torch's current GPU, which is that of the run; the first one where torch sees none."""
    import torch

    return torch.cuda.current_device() if torch.cuda.is_available() else 0


@cache
def gpu_resources() -> Any:
    """What all indexes on the GPU share: faiss reserves 1.5 GB of the GPU's memory for each of these."""
    return faiss().StandardGpuResources()


@cache
def computes() -> bool:
    """Whether faiss's searches on the first GPU are right.

    A build without kernels for the GPU's architecture does not fail on codes: it returns whatever its memory held.
    On descriptors it ends the process. So four codes at known distances are searched first.
    """
    module = faiss()
    codes = np.array([[0b0], [0b1], [0b111], [0b11111]], dtype=np.uint8)
    index = module.GpuIndexBinaryFlat(gpu_resources(), 8)
    index.add(codes)
    distances, ids = index.search(codes[:1], len(codes))
    return bool((distances == [[0, 1, 3, 5]]).all() and (ids == [[0, 1, 2, 3]]).all())


@contextmanager
def repeatable() -> Iterator[None]:
    """Inside, faiss builds the same graph each time.

    Older versions link the nodes in the order in which threads come to them, so they get one OpenMP thread; the number
    of before is put back. Newer ones build the same graph with any number.
    """
    module = faiss()
    if hasattr(module, "hnsw_add_vertices_deterministic"):
        yield
        return
    threads = module.omp_get_max_threads()
    module.omp_set_num_threads(1)
    try:
        yield
    finally:
        module.omp_set_num_threads(threads)
