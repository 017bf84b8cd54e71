"""The law of a study: every form fitted, tested on the held-out cells, and compared.

The error of a form is the mean, over cells, of |mean over seeds of log û − log u|. Forms are
compared on the same resamples, fitted and held-out cells drawn anew in each, so that a difference
has both the chance of the fit and the chance of the cells in it. That what matters is the error of
extrapolation, not of the fit, is argued by Alabdulmohsin et al. 2022.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from textback.bootstrap import LEVEL
from textback.scaling import needed
from textback.scaling.fitting import (
    HUBER,
    STARTS,
    Values,
    as_start,
    fit,
    free_parameters,
    random_starts,
)
from textback.scaling.forms import FORMS, Form, log_u
from textback.scaling.points import CELL, counts, largest_values
from textback.scaling.sample import Sample, reference_of, resampled, sample_of

RESAMPLES = 500
STARTS_OF_RESAMPLE = 4  # and the parameters fitted to all points
MEAN_OF_ABSOLUTE = np.sqrt(2 / np.pi)  # of a standard normal number


@dataclass(frozen=True)
class Fitted:
    """A form's parameters and errors, of the points and of each resample.

    errors: of the fitted cells and of the held-out ones; resampled: (resamples,) held-out errors
    """

    form: Form
    values: Values
    drawn: list[Values]
    errors: tuple[float, float]
    resampled: np.ndarray


def fit_law(points: pd.DataFrame, resamples: int = RESAMPLES) -> dict[str, Any]:
    """What `fits.json` holds (see `textback.scaling`), of points as `points.prepared` gives them.

    The same points give the same result, to the last bit on one machine.
    """
    left_out = needed.left_out(*counts(points))
    reference = reference_of(points)
    sample = sample_of(points, reference)
    held_out = points["held_out"].to_numpy(bool)

    def split(sample: Sample) -> tuple[Sample, Sample]:  # a seed is drawn in its cell's place
        return sample.part(~held_out), sample.part(held_out)

    sides = split(sample)
    draws = [split(drawn) for drawn in resampled(sample, resamples)]
    fits = {name: _fitted(form, list(left_out), *sides, draws) for name, form in FORMS.items()}
    winner = min(fits, key=lambda name: fits[name].errors[1])
    forms = {name: _as_json(one, left_out, fits[winner]) for name, one in fits.items()}
    predicted = {n: np.exp(log_u(f.form, f.values, sample.where)[0]) for n, f in fits.items()}
    cells = [len(side.weight) for side in sides]
    noise = _noise(sides[1], sample)
    return {
        "huber": HUBER,
        "starts": STARTS,
        "resamples": resamples,
        "reference": {"dimension": reference.dimension, "compute": reference.compute},
        "cells": {"fitted": cells[0], "held_out": cells[1]},
        "held_out": largest_values(points),
        "left_out": left_out,
        "forms": forms,
        "noise": noise,
        "best": winner,
        "verdict": verdict(winner, forms, cells[1], noise),
        "points": _points(points, predicted),
    }


def cell_error(predicted: np.ndarray, sample: Sample) -> float:
    """The weighted mean over cells of the absolute error of log u, seeds averaged first."""
    seeds = np.bincount(sample.cell)
    errors = np.bincount(sample.cell, predicted - sample.log_u) / seeds
    return float(np.average(np.abs(errors), weights=sample.weight))


def verdict(best: str, forms: dict[str, Any], cells: int, noise: float) -> str:
    """Which form wins, and whether by more than chance, in words."""
    of_best = forms[best]["error_held_out"]
    low, high = _percent(of_best["low"]), _percent(of_best["high"])
    said = [
        f"{best} predicts the {cells} held-out cells best: off by {_percent(of_best['value'])} on "
        f"average [{low}, {high}], where noise alone makes {_percent(noise)}"
    ]
    for name, form in forms.items():
        if name != best:
            told = "worse beyond chance" if form["rejected"] else "not told apart"
            said.append(f"{name}: {_percent(form['error_held_out']['value'])}, {told}")
    return "; ".join(said) + "."


def _percent(log_error: float) -> str:
    return f"{100 * np.expm1(log_error):.1f}%"


def _fitted(
    form: Form,
    left_out: Sequence[str],
    fitted: Sample,
    predicted: Sample,
    draws: Sequence[tuple[Sample, Sample]],
) -> Fitted:
    starts = random_starts(form, left_out, fitted.where[0], STARTS)
    values, _ = fit(form, left_out, fitted, starts)
    again = np.vstack([as_start(form, left_out, values), starts[:STARTS_OF_RESAMPLE]])
    drawn = [fit(form, left_out, one, again)[0] for one, _ in draws]
    errors = [_error(form, values, side) for side in (fitted, predicted)]
    of_draws = [_error(form, v, one) for v, (_, one) in zip(drawn, draws, strict=True)]
    return Fitted(form, values, drawn, (errors[0], errors[1]), np.array(of_draws))


def _error(form: Form, values: Values, sample: Sample) -> float:
    return cell_error(log_u(form, values, sample.where)[0], sample)


def _as_json(one: Fitted, left_out: dict[str, str], best: Fitted) -> dict[str, Any]:
    worse = one.resampled - best.resampled
    found = {
        "formula": one.form.formula,
        "parameters": {
            p.name: _interval(one.values[p.name], [drawn[p.name] for drawn in one.drawn])
            | {"unit": p.unit, "meaning": p.meaning}
            for p in free_parameters(one.form, list(left_out))
        },
        "error_fitted": one.errors[0],
        "error_held_out": _interval(one.errors[1], one.resampled),
    }
    if one is best:
        return found
    difference = _interval(one.errors[1] - best.errors[1], worse)
    return found | {"worse_by": difference, "rejected": difference["low"] > 0}


def _interval(value: float, resampled: Sequence[float]) -> dict[str, float]:
    low, high = np.percentile(resampled, LEVEL)
    return {"value": float(value), "low": float(low), "high": float(high)}


def _noise(held_out: Sample, everything: Sample) -> float:
    """The error of a form that is true: of texts, and of seeds where a cell has several."""
    seeds = np.bincount(everything.cell)
    means = np.bincount(everything.cell, everything.log_u) / seeds
    more = len(everything.log_u) - len(seeds)
    spread = ((everything.log_u - means[everything.cell]) ** 2).sum() / more if more else 0.0
    number = np.bincount(held_out.cell)
    texts = np.bincount(held_out.cell, held_out.noise) / number
    return float(MEAN_OF_ABSOLUTE * np.sqrt(texts**2 + spread / number).mean())


def _points(points: pd.DataFrame, predicted: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    columns = [*CELL, "seed", "bits", "load", "compute", "u", "low", "high", "held_out"]
    rows = points[columns].astype(object).to_dict("records")
    names = list(predicted)
    of_rows = np.transpose([predicted[name] for name in names])
    return [
        row | {"predicted": dict(zip(names, map(float, values), strict=True))}
        for row, values in zip(rows, of_rows, strict=True)
    ]
