"""Says what counts large databases here; importable without torch and numpy."""

from importlib.metadata import PackageNotFoundError, version


def described() -> str:
    """What counts large databases, for people; nothing is imported."""
    try:
        return f"numba {version('numba')} for large databases, numpy for others; both give the same integers"
    except PackageNotFoundError:
        return "numpy; pip install 'robusthash[fast]' to count large databases faster, to the same integers"
