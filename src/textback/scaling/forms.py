"""The forms that are held against each other: how the recovered share falls with the load.

All say u = 1 − (1 − floor) · r(x), where r is the share of the recoverable bits that is recovered,
and x the load in units of the load at which that share is a half,

    x = ρ / (ρ½ · (d / d₀)^δ · (C / C₀)^β),

with ρ the load in bits a dimension, d the dimension, C the training FLOPs of the hypothesizer, and
d₀, C₀ the geometric means of the fitted points. So every parameter but the shape means the same in
all forms. At no load u is the floor, which no embedding size mends; at endless load it is 1. A
larger budget raises the half load, as a power, with no limit.

That a law should keep between an irreducible part and the level of one who knows nothing is argued
by Hestness et al. 2017; that what a vector holds is a number of bits, whatever the
length of the text, is what Kuratov et al. 2025 find for vectors optimised for one text each.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Parameter:
    """A parameter: its unit and meaning, its bounds, and where the random starts lie.

    logarithmic: the optimiser sees its logarithm
    """

    name: str
    unit: str
    meaning: str
    bounds: tuple[float, float]
    start: tuple[float, float]
    logarithmic: bool = False


HALF_LOAD = Parameter(
    "half_load",
    "bits a dimension",
    "ρ½: the load at which half of the recoverable bits are recovered, at d₀ and C₀",
    (1e-4, 1e5),
    (0.1, 10.0),  # of the median load
    logarithmic=True,
)
FLOOR = Parameter(
    "floor",
    "fraction of bits",
    "u at no load: what is never recovered",
    (1e-4, 0.95),
    (0.005, 0.5),
    logarithmic=True,
)
DIMENSION = Parameter(
    "dimension_exponent",
    "",
    "δ: 0 where load alone tells; below 0 where a further dimension holds less than the others",
    (-3.0, 3.0),
    (-0.7, 0.3),
)
COMPUTE = Parameter(
    "compute_exponent",
    "",
    "β: how the half load grows with the training FLOPs",
    (-3.0, 3.0),
    (0.0, 0.5),
)
FALL = Parameter(
    "fall",
    "",
    "α: the recovered share falls as load^−α at high load",
    (0.02, 50.0),
    (0.3, 3.0),
    logarithmic=True,
)
STEEPNESS = Parameter(
    "steepness",
    "",
    "k: of the logistic, over the natural logarithm of the load",
    (0.02, 50.0),
    (0.3, 5.0),
    logarithmic=True,
)

Recovered = Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Form:
    """A form: log r(x), with its slopes by log x and by the logarithm of the shape.

    log_recovered takes log x, (n,), and the shape, a number above 0 that a form without one ignores
    """

    name: str
    formula: str
    log_recovered: Recovered
    shape: Parameter | None = None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All it has, before any is left out for lack of data."""
        own = () if self.shape is None else (self.shape,)
        return (HALF_LOAD, FLOOR, *own, DIMENSION, COMPUTE)


def _power(log_x: np.ndarray, fall: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    halves = np.expm1(np.log(2) / fall)  # so that r(1) = 1/2
    log_y = log_x + np.log(halves)
    log_r = -fall * np.logaddexp(0.0, log_y)
    slope = -fall / (1 + np.exp(-log_y))
    return log_r, slope, log_r - slope * np.log(2) / fall * (1 + 1 / halves)


def _logistic(log_x: np.ndarray, steepness: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    log_r = -np.logaddexp(0.0, steepness * log_x)
    slope = steepness * np.expm1(log_r)
    return log_r, slope, slope * log_x


def _capacity(log_x: np.ndarray, shape: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    log_y = log_x + np.log(2)
    over = log_y > 0
    return -np.where(over, log_y, 0.0), -over.astype(float), np.zeros_like(log_x)


FORMS = {
    form.name: form
    for form in (
        Form("power", "r = (1 + (2^(1/α) − 1) x)^−α", _power, FALL),
        Form("logistic", "r = 1 / (1 + x^k)", _logistic, STEEPNESS),
        Form("capacity", "r = min(1, 1 / 2x)", _capacity),
    )
}


def log_u(
    form: Form, values: dict[str, float], where: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The form's log u at n places, and its slopes by every parameter as the optimiser sees it.

    values: of all the form's parameters; where: (3, n), the logarithms of load, d / d₀ and C / C₀
    """
    log_load, log_dimension, log_compute = where
    log_x = (
        log_load
        - np.log(values[HALF_LOAD.name])
        - values[DIMENSION.name] * log_dimension
        - values[COMPUTE.name] * log_compute
    )
    shape = 1.0 if form.shape is None else values[form.shape.name]
    log_r, by_log_x, by_shape = form.log_recovered(log_x, shape)
    floor, recovered = values[FLOOR.name], np.exp(log_r)
    u = floor - (1 - floor) * np.expm1(log_r)
    by_log_r = -(1 - floor) * recovered / u
    slopes = {
        HALF_LOAD.name: -by_log_r * by_log_x,
        FLOOR.name: floor * recovered / u,
        DIMENSION.name: -by_log_r * by_log_x * log_dimension,
        COMPUTE.name: -by_log_r * by_log_x * log_compute,
    }
    if form.shape is not None:
        slopes[form.shape.name] = by_log_r * by_shape
    return np.log(u), slopes
