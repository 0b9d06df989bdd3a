"""Options of plugin objects: text and TOML values onto the fields of a dataclass. Importable without torch."""

from robusthash.options.conversion import plain
from robusthash.options.fields import OptionField, as_plain, build_options, convert, describe, parse_assignments

__all__ = ["OptionField", "as_plain", "build_options", "convert", "describe", "parse_assignments", "plain"]
