"""How people write epsilon. Importable without torch."""

LEVELS = 255  #: an uploaded image has 8 bits to the channel
SLACK = 1e-3  #: of one level, for the rounding of float32


def format_epsilon(epsilon: float) -> str:
    """Epsilon as people write it: in 255ths where it is a whole number of them, else as a decimal.

    >>> format_epsilon(8 / 255), format_epsilon(0.3)
    ('8/255', '0.3')
    """
    levels = epsilon * LEVELS
    if 0 < levels < LEVELS / 4 and abs(levels - round(levels)) < SLACK:
        return f"{round(levels)}/{LEVELS}"
    return f"{epsilon:.4g}"
