"""Annealing of tanh's slope, as in P2P, DHTA and HAG."""

_SCALES = (0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


def annealed_scale(progress: float) -> float:
    """Slope ``a`` of ``tanh(a f)``: 0.1 for the first half, then five equal parts of 0.2, 0.3, 0.5, 0.7, 1.

    Source: Huang et al., Machines 2022, section 5.2, and the released code of DHTA (Bai et al., ECCV 2020); the
    schedule of its 2,000 iterations is scaled to the number of steps.

    Args:
        progress: share of the steps already taken, in [0, 1).

    >>> [annealed_scale(i / 2000) for i in (999, 1000, 1399, 1400, 1800)]
    [0.1, 0.2, 0.3, 0.5, 1.0]
    """
    return _SCALES[int(10 * progress)]
