"""The request that hash and search make, and what they skip."""

from typing import TYPE_CHECKING, Any

from robusthash.cli.input.setting import make_setting
from robusthash.cli.output.lines import line

if TYPE_CHECKING:
    from robusthash.evaluation import Request

_SHOWN = 20  #: skipped pictures that are named; JSON and the file name all


def finding_request(
    *, model: str, bits: int, defense: str, directions: tuple[str, ...] = (), **values: Any
) -> "Request":
    """A request of one model.

    Args:
        model: as ``--model`` takes it.
        bits: code length.
        defense: of the model.
        directions: what searches for what, by name.
        values: of the options of the setting.
    """
    from robusthash.evaluation import Request, parse_choice
    from robusthash.specs import Direction

    return Request(
        models=(model,),
        attacks=(),
        bits=(bits,),
        defenses=(defense,),
        directions=tuple(parse_choice(Direction, "direction", one) for one in directions),
        setting=make_setting(**values),
    )


def tell_skipped(skipped: tuple[tuple[str, str], ...]) -> None:
    """Names the pictures that could not be read, on standard error."""
    reasons = list(dict.fromkeys(reason for _, reason in skipped))  # a query may be an item, too
    for reason in reasons[:_SHOWN]:
        line(f"warning: skipped: {reason}", err=True)
    if len(reasons) > _SHOWN:
        line(f"warning: skipped: {len(reasons) - _SHOWN} more pictures that cannot be read", err=True)
