"""How well one curve holds all cells: the scatter of u about the best curve that never falls.

If only the load ρ (bits of the text / dimension) matters, the cells of all lengths and dimensions
lie on one curve over it. Which one is left open: it is fitted by isotonic regression, which asks
only that more load never recovers more.
"""

import numpy as np
from scipy.optimize import isotonic_regression


def scatter(x: np.ndarray, u: np.ndarray) -> float:
    """The root mean square distance of u from its best rising curve over x, (n,) each.

    Points of the same x share one value of the curve.
    """
    _, at, number = np.unique(x, return_inverse=True, return_counts=True)
    means = np.bincount(at, u) / number
    curve = isotonic_regression(means, weights=number).x
    return float(np.sqrt(((u - curve[at]) ** 2).mean()))
