"""One verdict, five renderings: terminal, JUnit XML, JSON, SARIF, and Markdown with annotations for GitHub."""

from robusthash.results.gate.rendering.github import annotations, to_summary
from robusthash.results.gate.rendering.junit import to_junit
from robusthash.results.gate.rendering.plain import to_json
from robusthash.results.gate.rendering.sarif import to_sarif
from robusthash.results.gate.rendering.terminal import Printed, lines

__all__ = ["Printed", "annotations", "lines", "to_json", "to_junit", "to_sarif", "to_summary"]
