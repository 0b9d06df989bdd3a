"""Reads the ``#:`` comments of a dataclass, which document its fields, from the source."""

import ast
import inspect
import io
import textwrap
import tokenize


def field_docs(cls: type) -> dict[str, str]:
    """The comments of all fields, including those of base classes: on a field's own lines, or right above it."""
    docs: dict[str, str] = {}
    for owner in cls.__mro__:
        if "__annotations__" in vars(owner):
            docs = _own_docs(owner) | docs
    return docs


def _own_docs(cls: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(cls))
        body = ast.parse(source).body[0].body  # type: ignore[attr-defined]  # the source of a class is a ClassDef
    except (OSError, TypeError, SyntaxError):  # created at run time, or shipped without source: no comments
        return {}
    comments, alone = {}, set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.string.startswith("#:"):
            comments[token.start[0]] = token.string.removeprefix("#:").strip()
            if not token.line[: token.start[1]].strip():
                alone.add(token.start[0])
    docs = {}
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            first = node.lineno
            while first - 1 in alone:
                first -= 1
            lines = range(first, (node.end_lineno or node.lineno) + 1)
            docs[node.target.id] = " ".join(comments[line] for line in lines if line in comments)
    return {name: doc for name, doc in docs.items() if doc}
