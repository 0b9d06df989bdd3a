"""The boundary between this package and code of others: plugins, and models of the user's own.

Every call into such code is made inside ``with foreign(whose, asked):``. Whatever comes out of it that is no project
error becomes one, which says whose code it was, what it was asked for, and what it did. Importable without torch.
"""

from robusthash.boundary.blame import blaming, breach, told
from robusthash.boundary.crossing import foreign, warned
from robusthash.boundary.limit import time_limit
from robusthash.boundary.output import results_on_stdout
from robusthash.boundary.ownership import CORE_OWNER, IN_MEMORY, Whose, inherit, own, whose

__all__ = [
    "CORE_OWNER",
    "IN_MEMORY",
    "Whose",
    "blaming",
    "breach",
    "foreign",
    "inherit",
    "own",
    "results_on_stdout",
    "time_limit",
    "told",
    "warned",
    "whose",
]
