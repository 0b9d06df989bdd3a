"""Explanations of hash codes: where in an image a model sees what it makes them of."""

from robusthash.explaining.cam import Explanation, grad_cam

__all__ = ["Explanation", "grad_cam"]
