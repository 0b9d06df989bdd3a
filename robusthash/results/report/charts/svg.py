"""Builds SVG. All text and every attribute is escaped here: names come from strangers' records."""

from dataclasses import dataclass

from robusthash.results.rendering.escaping import for_html

Attribute = str | float


@dataclass(frozen=True)
class Svg:
    """Markup that is safe to put into a page as it is.

    Attributes:
        markup: one element, or several.
    """

    markup: str

    def __html__(self) -> str:
        """The markup, for template engines that escape everything else."""
        return self.markup


def element(name: str, *inside: Svg | str, **attributes: Attribute) -> Svg:
    """An element.

    Args:
        name: of the element.
        inside: elements, and text, which is escaped.
        attributes: by name; an underscore stands for a hyphen, and one at the end for nothing.

    >>> element("text", "<b>", x=1.25, text_anchor="end", class_="a").markup
    '<text x="1.2" text-anchor="end" class="a">&lt;b&gt;</text>'
    """
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    content = "".join(one.markup if isinstance(one, Svg) else for_html(one) for one in inside)
    return Svg(f"<{name}{told}>{content}</{name}>" if content else f"<{name}{told}/>")


def together(*parts: Svg) -> Svg:
    """Several elements, one above the other."""
    return Svg("".join(part.markup for part in parts))


def points(places: list[tuple[float, float]]) -> str:
    """Points as an attribute.

    >>> points([(0, 1), (2.04, 3)])
    '0,1 2,3'
    """
    return " ".join(f"{_short(x)},{_short(y)}" for x, y in places)


def _value(value: Attribute) -> str:
    return for_html(value) if isinstance(value, str) else _short(value)


def _short(value: float) -> str:
    """A tenth of a pixel is exact enough, and a report of many charts stays small."""
    return f"{value:.1f}".removesuffix(".0")
