"""Types of the options that take numbers: strict about what a number is, and about its range."""

from typing import TYPE_CHECKING, Any

import click

from robusthash.limits import LARGEST, LARGEST_SIDE, MOST_BITS, MOST_PICTURES, MOST_WORKERS, SMALLEST_SIDE
from robusthash.numerals import ratio, whole

if TYPE_CHECKING:
    _Integer = click.ParamType[int]
    _Real = click.ParamType[float]
    _Text = click.ParamType[str]
else:
    _Integer = _Real = _Text = click.ParamType  # click 8.2 has no type parameter here


class Whole(_Integer):
    """A whole number.

    Args:
        least: smallest value.
        most: largest value; None is any.
    """

    name = "integer"

    def __init__(self, least: int, most: int | None = None) -> None:
        self.least = least
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: D102 - as in the base class
        try:
            number = value if isinstance(value, int) else whole(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if number < self.least or (self.most is not None and number > self.most):
            wanted = f"at least {self.least}" if self.most is None else f"from {self.least} to {self.most}"
            self.fail(f"{number} is not {wanted}.", param, ctx)
        return number


class Real(_Real):
    """A number, as a decimal or as a ratio.

    Args:
        least: smallest value.
        most: largest value.
    """

    name = "number"

    def __init__(self, least: float, most: float) -> None:
        self.least = least
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: D102 - as in the base class
        try:
            number = float(value) if isinstance(value, int | float) else ratio(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if not self.least <= number <= self.most:
            self.fail(f"{number:g} is not from {self.least:g} to {self.most:g}.", param, ctx)
        return number


class Radius(_Text):
    """The radius of a threat, or its edits, as a user writes it; it is parsed where the request is made."""

    name = "radius"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002, D102 - as in the base class
        return str(value)  # a configuration file may have a number


BITS = Whole(1, MOST_BITS)
COUNT = Whole(1)
LENGTH = Real(0, LARGEST)
PICTURES = Whole(0, MOST_PICTURES)
PROBABILITY = Real(0, 1)
QUALITY = Whole(1, 100)
RADIUS = Radius()
SEED = Whole(0)
SIDE = Whole(SMALLEST_SIDE, LARGEST_SIDE)
WORKERS = Whole(1, MOST_WORKERS)
