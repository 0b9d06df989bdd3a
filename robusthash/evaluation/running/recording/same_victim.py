"""Whether a victim is still what it was: its clean codes of the queries are the same in all of its cells."""

import numpy as np

from robusthash.errors import ContractError
from robusthash.results import PluginUse


def require_same_victim(codes: np.ndarray, clean: np.ndarray, attack: PluginUse) -> None:
    """Checks the clean codes of a cell against those of another with the same victim.

    Args:
        codes: (queries, bytes) uint8 codes, or (queries, d) float32 descriptors.
        clean: those of the other cell.
        attack: of the cell.

    Raises:
        ContractError: the codes differ, because something has changed the model.
    """
    # Descriptors of shards from another machine may differ by rounding.
    same = codes == clean if codes.dtype == np.uint8 else np.isclose(codes, clean, rtol=1e-3, atol=1e-5)
    if not same.all():
        moved = int((~same).any(1).sum())
        raise ContractError(
            f"{moved} of {len(clean)} clean queries have other codes than before: the model was changed during the "
            f"attack {attack.name!r} of {attack.owner}, or before it",
            hint="an attack must not change the model, its hooks or its randomness",
        )
