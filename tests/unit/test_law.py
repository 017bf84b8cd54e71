"""The law, on tables made up from known parameters."""

import json

import numpy as np
import pandas as pd
import pytest
from law_tables import DIMENSIONS, LENGTHS, REFERENCE, made_up, points_of, truth
from scipy.optimize import approx_fprime

from textback.errors import TextbackError
from textback.scaling import fitting, law
from textback.scaling.forms import FORMS, log_u
from textback.scaling.points import SMALLEST, prepared
from textback.scaling.sample import places, reference_of, resampled, sample_of

BUDGETS = (1e15, 3e15, 1e16)


@pytest.fixture(scope="module")
def fitted():
    """A law of each form, fitted by all forms."""
    return {form: law.fit_law(points_of(form, seed=1), resamples=60) for form in FORMS}


def at_reference(form, points):
    """The true parameters, for the d₀ and C₀ of these points."""
    values, reference = truth(form), reference_of(points)
    values["half_load"] *= (reference.dimension / REFERENCE.dimension) ** values[
        "dimension_exponent"
    ] * (reference.compute / REFERENCE.compute) ** values["compute_exponent"]
    return values


@pytest.mark.parametrize("form", FORMS)
def test_known_parameters_lie_within_the_intervals(form, monkeypatch):
    monkeypatch.setattr(law, "FORMS", {form: FORMS[form]})
    inside, tight = [], []
    for seed in range(6):
        points = points_of(form, seed, budgets=BUDGETS[:2], lengths=LENGTHS[:4])
        found = law.fit_law(points, resamples=60)["forms"][form]["parameters"]
        true = at_reference(form, points)
        assert set(found) == set(true)
        inside += [found[name]["low"] <= true[name] <= found[name]["high"] for name in true]
        half = found["half_load"]
        tight.append(half["high"] < 2 * half["low"])
    assert np.mean(inside) >= 0.85  # of 95% intervals, with few resamples
    assert np.mean(tight) >= 0.8  # and not by being endless


@pytest.mark.parametrize("form", FORMS)
def test_the_true_form_is_never_rejected_and_the_capacity_always_where_it_is_false(form, fitted):
    fits = fitted[form]
    assert not fits["forms"][form].get("rejected")
    assert fits["forms"][form]["error_held_out"]["value"] < 3 * fits["noise"]
    assert form == "capacity" or fits["forms"]["capacity"]["rejected"]


@pytest.mark.parametrize("form", ["logistic", "capacity"])
def test_the_right_form_wins_and_both_wrong_ones_are_rejected(form, fitted):
    fits = fitted[form]
    assert fits["best"] == form and form in fits["verdict"]
    for rival in FORMS.keys() - {form}:
        assert fits["forms"][rival]["rejected"]
        assert fits["forms"][rival]["worse_by"]["low"] > 0
    assert fits["verdict"].count("worse beyond chance") == 2


def test_a_power_is_told_from_a_logistic_on_a_wider_grid():
    values = truth("power", fall=5.0, floor=0.02)
    axes = {"lengths": (2, *LENGTHS), "dimensions": (*DIMENSIONS, 256)}
    fits = law.fit_law(points_of("power", 1, values, **axes), resamples=60)
    assert fits["best"] == "power"
    assert fits["forms"]["logistic"]["rejected"] and fits["forms"]["capacity"]["rejected"]


def test_forms_that_predict_alike_are_not_told_apart():
    # r = 1 / (1 + x) is the power with α = 1 and the logistic with k = 1.
    points = points_of("power", 2, truth("power", fall=1.0))
    fits = law.fit_law(points, resamples=60)
    rival = {"power": "logistic", "logistic": "power"}[fits["best"]]
    assert not fits["forms"][rival]["rejected"]
    assert "not told apart" in fits["verdict"]


def test_a_fit_is_the_same_each_time_whatever_the_order_of_the_rows():
    rows = made_up("logistic", truth("logistic"), seed=0)
    shuffled = rows.sample(frac=1, random_state=1)
    one, two = (law.fit_law(prepared(frame), resamples=5) for frame in (rows, shuffled))
    assert json.dumps(one) == json.dumps(two)


def test_held_out_cells_change_no_parameter():
    rows = made_up("logistic", truth("logistic"), seed=0)
    held_out = (rows["length"] == LENGTHS[-1]) | (rows["dim"] == DIMENSIONS[-1])
    other = rows.assign(**{c: rows[c].where(~held_out, rows[c] / 3) for c in ("u", "low", "high")})
    one, two = (law.fit_law(prepared(frame), resamples=3) for frame in (rows, other))
    assert one["cells"] == {"fitted": 12, "held_out": 8}
    for name, form in one["forms"].items():
        for parameter, found in form["parameters"].items():
            again = two["forms"][name]["parameters"][parameter]
            assert again["value"] == pytest.approx(found["value"])
    assert two["forms"]["logistic"]["error_held_out"]["value"] > np.log(2)


def test_the_largest_of_each_axis_is_held_out_and_of_inverters_that_of_most_flops():
    points = points_of("power", 0, budgets=BUDGETS)
    largest = (points["length"] == 64) | (points["dim"] == 128) | (points["inverter"] == "b1e+16")
    assert (points["held_out"] == largest).all()
    assert (
        not points_of("power", 0, budgets=BUDGETS[:2])
        .query("length < 64 and dim < 128")["held_out"]
        .any()
    )


def test_exponents_of_axes_with_one_value_are_left_out_and_that_is_said():
    points = points_of("logistic", 0, lengths=(2, 4, 8, 16, 32, 64), dimensions=(64,))
    fits = law.fit_law(points, resamples=3)
    assert set(fits["left_out"]) == {"dimension_exponent", "compute_exponent"}
    assert "two inverters" in fits["left_out"]["compute_exponent"]
    for form in fits["forms"].values():
        assert not set(form["parameters"]) & set(fits["left_out"])
    assert fits["held_out"] == {"length": 64}


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"lengths": (4, 8, 16), "dimensions": (16, 32, 64)}, "needs 6 cells .* leave 4"),
        ({"lengths": (4, 8, 16, 32), "dimensions": (16,)}, "needs 5 cells .* leave 3"),
        ({"lengths": (4, 8), "dimensions": (16, 32), "budgets": BUDGETS[:2]}, "3 values or more"),
    ],
)
def test_too_few_cells_are_one_line_that_says_how_many_are_needed(axes, message):
    with pytest.raises(TextbackError, match=message) as error:
        points_of("power", 0, **axes)
    assert "\n" not in str(error.value)


def test_seeds_are_no_cells():
    with pytest.raises(TextbackError, match="leave 4"):
        points_of("power", 0, lengths=(4, 8, 16), dimensions=(16, 32, 64), seeds=9)


def test_a_row_without_a_number_is_left_out_and_a_u_of_zero_clipped_and_both_are_said(caplog):
    rows = made_up("logistic", truth("logistic"), seed=0)
    rows.loc[0, "u"] = np.nan
    rows.loc[3, "compute"] = np.nan
    rows.loc[6, ["u", "low"]] = 0.0
    with caplog.at_level("WARNING", logger="textback"):
        points = prepared(rows)
    assert len(points) == len(rows) - 2
    assert "2 of 60 points lack a number" in caplog.text
    assert "u of 1 points is below 0.0001" in caplog.text
    assert points["u"].min() == points["low"].min() == SMALLEST


def test_one_outlier_of_three_seeds_changes_little():
    rows = made_up("logistic", truth("logistic"), seed=0)
    without = law.fit_law(prepared(rows), resamples=3)
    rows.loc[6, ["u", "low"]] = 0.0
    fits = law.fit_law(prepared(rows), resamples=3)
    assert fits["best"] == "logistic"
    half, before = (one["forms"]["logistic"]["parameters"]["half_load"] for one in (fits, without))
    assert half["value"] == pytest.approx(before["value"], rel=0.05)


@pytest.mark.parametrize("form", FORMS)
def test_slopes_are_those_of_the_form(form):
    form = FORMS[form]
    where = places(
        np.array([0.2, 0.9, 7.0]), np.array([16, 64, 64]), np.array([1e15, 3e15, 1e15]), REFERENCE
    )
    sample_values = np.array([2.0, 0.1, 1.7, -0.2, 0.3] if form.shape else [2.0, 0.1, -0.2, 0.3])
    free = fitting.free_parameters(form, [])
    seen = fitting.as_start(
        form, [], dict(zip([p.name for p in free], sample_values, strict=True))
    )[0]

    def of(seen):
        return log_u(form, fitting._values(free, seen), where)

    slopes = of(seen)[1]
    assert approx_fprime(seen, lambda s: of(s)[0], 1e-7) == pytest.approx(
        np.array([slopes[p.name] for p in free]).T, abs=1e-5
    )


@pytest.mark.parametrize("form", FORMS)
def test_half_is_recovered_at_the_half_load_all_at_none_and_nothing_at_endless_load(form):
    values = truth(form, floor=0.2, dimension_exponent=0.0, compute_exponent=0.0)
    where = np.stack([np.log([1e-6, values["half_load"], 1e12]), np.zeros(3), np.zeros(3)])
    u = np.exp(log_u(FORMS[form], values, where)[0])
    assert u == pytest.approx([0.2, 0.6, 1.0], abs=1e-3)


def test_a_resample_keeps_cells_and_moves_the_texts_of_a_length_together():
    points = points_of("power", 0, seeds=1)
    sample = sample_of(points, reference_of(points))
    drawn = next(resampled(sample, 1))
    assert (drawn.cell == sample.cell).all() and drawn.weight.std() > 0.3
    moved = pd.Series((drawn.log_u - sample.log_u) / sample.noise).groupby(sample.length)
    assert moved.std().max() < 1e-6  # within a length
    assert moved.mean().std() > 0.1  # between lengths


def test_a_resample_draws_seeds_within_their_cell():
    points = points_of("power", 0, seeds=3).assign(noise=0.0)
    sample = sample_of(points, reference_of(points))
    draws = list(resampled(sample, 20))
    for cell in (0, 7):
        own = set(sample.log_u[sample.cell == cell])
        drawn = [set(one.log_u[one.cell == cell]) for one in draws]
        assert all(some <= own for some in drawn)
        assert {len(some) for some in drawn} >= {2, 3}
