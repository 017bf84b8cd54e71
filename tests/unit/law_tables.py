"""Tables of a study that follows a known law, made up, with the noise of texts and of seeds."""

import numpy as np
import pandas as pd

from textback.scaling.forms import FORMS, log_u
from textback.scaling.points import prepared
from textback.scaling.sample import Reference, places

LENGTHS = (4, 8, 16, 32, 64)
DIMENSIONS = (16, 32, 64, 128)
REFERENCE = Reference(40.0, 1e15)
OF_TEXTS, OF_SEEDS, OF_CELLS = 0.015, 0.015, 0.01  # standard deviations of log u
TRUE = {
    "power": {"half_load": 1.0, "floor": 0.05, "fall": 0.6},
    "logistic": {"half_load": 1.0, "floor": 0.05, "steepness": 2.5},
    "capacity": {"half_load": 1.0, "floor": 0.1},
}
EXPONENTS = {"dimension_exponent": -0.2, "compute_exponent": 0.3}


def truth(form, **changes):
    return TRUE[form] | EXPONENTS | changes


def made_up(form, values, seed, lengths=LENGTHS, dimensions=DIMENSIONS, budgets=(1e15,), seeds=3):
    """Rows before `points.prepared`: u of a law, moved by texts (a length), cells and seeds."""
    rng = np.random.default_rng(seed)
    of_length = {length: rng.normal(0, OF_TEXTS) for length in lengths}
    rows = []
    for length in lengths:
        for dim in dimensions:
            for budget in budgets:
                of_cell = of_length[length] + rng.normal(0, OF_CELLS)
                for number in range(seeds):
                    bits = 6.5 * length * rng.normal(1, 0.005)
                    compute = budget * rng.normal(1, 0.005)
                    where = places(*np.array([[bits / dim], [dim], [compute]]), REFERENCE)
                    u = np.exp(
                        log_u(FORMS[form], values, where)[0][0] + of_cell + rng.normal(0, OF_SEEDS)
                    )
                    width = np.exp(1.96 * OF_TEXTS)
                    rows.append(
                        {
                            **{"length": length, "dim": dim, "inverter": f"b{budget:.0e}"},
                            **{"seed": number, "u": u, "low": u / width, "high": u * width},
                            **{"bits": bits, "compute": compute},
                        }
                    )
    return pd.DataFrame(rows)


def points_of(form, seed, values=None, **axes):
    return prepared(made_up(form, values or truth(form), seed, **axes))
