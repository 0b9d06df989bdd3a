"""Warns of what will be removed. Importable without torch."""

import warnings

from robusthash.errors import RobustHashDeprecationWarning


def deprecated(what: str, *, removed_in: str, instead: str, stacklevel: int = 3) -> None:
    """Warns that something will be removed, at the line that uses it.

    Args:
        what: the name that is used.
        removed_in: the version that removes it.
        instead: what to use.
        stacklevel: of the line to point at; 3 is the caller of the function that calls this one.

    >>> with warnings.catch_warnings(record=True) as caught:
    ...     deprecated("old()", removed_in="0.2", instead="new()")
    >>> str(caught[0].message)
    'old() is deprecated and will be removed in robusthash 0.2; use new()'
    """
    message = f"{what} is deprecated and will be removed in robusthash {removed_in}; use {instead}"
    warnings.warn(message, RobustHashDeprecationWarning, stacklevel=stacklevel)
