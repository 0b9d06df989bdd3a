"""Options of plugin objects: parses text and TOML values into dataclass fields. Importable without torch."""

from robusthash.options.conversion import plain
from robusthash.options.fields import (
    OptionField,
    as_plain,
    build_options,
    convert,
    describe,
    option_names,
    parse_assignments,
)

__all__ = [
    "OptionField",
    "as_plain",
    "build_options",
    "convert",
    "describe",
    "option_names",
    "parse_assignments",
    "plain",
]
