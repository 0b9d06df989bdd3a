"""The template engine: everything is escaped, and nothing undefined is passed over."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from robusthash.errors import MissingDependencyError
from robusthash.results.rendering.escaping import visible

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = "robusthash.results.report.pages"
_SHOWN = 12  #: digits of a digest in a link


def require_templates() -> None:
    """Fails early if pages cannot be made.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    try:
        import jinja2  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise MissingDependencyError(
            "a report needs jinja2, which is not installed", hint="pip install 'robusthash[report]'"
        ) from error


@cache
def environment() -> "Environment":
    """The environment of the templates.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    require_templates()
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["short"] = lambda digest: digest[:_SHOWN]
    made.filters["number"] = lambda value: f"{value:.3f}"
    made.globals |= {"style": asset("report.css"), "script": asset("report.js"), "policy": policy()}
    return made


@cache
def asset(name: str) -> Any:
    """The style sheet or the script, which are put into every page as they are."""
    from markupsafe import Markup

    return Markup(files(_TEMPLATES).joinpath("templates", name).read_text(encoding="utf-8"))  # noqa: S704 - our own file


def policy() -> str:
    """What a page may do: show itself. Nothing is fetched, and no script or style runs but the page's own."""
    return (
        f"default-src 'none'; img-src data:; style-src {_hash('report.css')}; script-src {_hash('report.js')}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(name: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(asset(name).encode()).digest()).decode()}'"


def _shown(value: Any) -> Any:
    """Text without control characters and direction marks; the engine escapes what HTML would read."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
