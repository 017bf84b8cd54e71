"""Fitting a form to points: Huber on log residuals, L-BFGS-B from many starts.

The recipe is the third approach of Hoffmann et al. 2022 (section 3.3 and appendix D.3). Besiroglu
et al. 2024 found that its optimiser had stopped too early, for the loss was averaged and so smaller
than the tolerance: here residuals are in units of `HUBER`, and their losses are summed.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from textback.scaling.forms import HALF_LOAD, Form, Parameter, log_u
from textback.scaling.sample import Sample

HUBER = 0.03  # of log u: where the loss turns linear; 3%, about the noise of u on 500 texts
STARTS = 64
SEED = 0

Values = dict[str, float]


def fit(
    form: Form, left_out: Sequence[str], sample: Sample, starts: np.ndarray
) -> tuple[Values, float]:
    """The form's parameters that fit best, of all starts, and their loss.

    left_out: parameters fixed at 0; starts: (m, parameters) as the optimiser sees them, see
    `random_starts`
    """
    free = free_parameters(form, left_out)
    bounds = [_seen(p, np.array(p.bounds)) for p in free]
    fixed = dict.fromkeys(left_out, 0.0)
    weight = sample.weight[sample.cell]

    def loss(seen: np.ndarray) -> tuple[float, np.ndarray]:
        predicted, slopes = log_u(form, fixed | _values(free, seen), sample.where)
        residual = (predicted - sample.log_u) / HUBER
        clipped = np.clip(residual, -1.0, 1.0)  # the slope of Huber's loss
        by_parameter = [(weight * clipped * slopes[p.name]).sum() / HUBER for p in free]
        return float((weight * clipped * (residual - clipped / 2)).sum()), np.array(by_parameter)

    found = [minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds) for start in starts]
    best = min(found, key=lambda one: one.fun)
    return fixed | _values(free, best.x), float(best.fun)


def free_parameters(form: Form, left_out: Sequence[str]) -> list[Parameter]:
    """The parameters that are fitted."""
    return [p for p in form.parameters if p.name not in left_out]


def random_starts(
    form: Form, left_out: Sequence[str], log_load: np.ndarray, number: int, seed: int = SEED
) -> np.ndarray:
    """Where the optimiser begins, (number, parameters), drawn evenly from every start range."""
    free = free_parameters(form, left_out)
    drawn = np.random.default_rng(seed).random((number, len(free)))
    low, high = np.transpose([_seen(p, np.array(p.start)) for p in free])
    starts = low + drawn * (high - low)
    starts[:, free.index(HALF_LOAD)] += np.median(log_load)
    return starts


def as_start(form: Form, left_out: Sequence[str], values: Values) -> np.ndarray:
    """Parameters as a start, (1, parameters)."""
    free = free_parameters(form, left_out)
    return np.array([[_seen(p, np.array(values[p.name])) for p in free]])


def _seen(parameter: Parameter, value: np.ndarray) -> np.ndarray:
    return np.log(value) if parameter.logarithmic else value


def _values(free: Sequence[Parameter], seen: np.ndarray) -> Values:
    return {
        p.name: float(np.exp(value) if p.logarithmic else value)
        for p, value in zip(free, seen, strict=True)
    }
