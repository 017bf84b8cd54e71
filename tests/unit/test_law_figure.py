"""The law from a study's tables to its fits and its figure, made up."""

import json

import pandas as pd
import pytest
from law_tables import DIMENSIONS, LENGTHS, made_up, points_of, truth
from matplotlib.colors import to_hex

from textback.cli import main
from textback.errors import TextbackError
from textback.figures import Tables, draw
from textback.figures import law as figure_of_law
from textback.scaling.forms import FORMS
from textback.scaling.law import fit_law
from textback.scaling.points import read_points
from textback.table import COLUMNS, COST_COLUMNS, SCHEMA

CELL = {"schema": SCHEMA, "study": "s", "corpus": "c", "embedder": "e", "reduction": "pca"}


@pytest.fixture(scope="module")
def fits():
    found = fit_law(points_of("logistic", seed=1), resamples=5)
    return json.loads(json.dumps(found))


def study(folder, rows, **changes):
    """The tables of a study, with other measurements beside those of the law."""
    table, costs = [], []
    for row in rows.to_dict("records"):
        cell = CELL | {name: row[name] for name in ("length", "dim", "inverter", "seed")} | changes
        u = {"value": row["u"], "low": row["low"], "high": row["high"]}
        bits = dict.fromkeys(("value", "low", "high"), row["bits"])
        of_pass = cell | {"perturbation": "none", "baseline": "", "round": 0, "beam": 1, "n": 9}
        table += [
            of_pass | {"metric": "unrecovered_fraction"} | u,
            of_pass | {"metric": "null_nll_bits"} | bits,
            of_pass | {"metric": "bleu", "value": 5.0, "low": 4.0, "high": 6.0},
        ]
        costs += [
            cell | {"step": step, "metric": metric, "value": value}
            for step, metric, value in (
                ("hypothesizer", "train_flops", row["compute"]),
                ("hypothesizer", "train_seconds", 3.0),
                ("corrector", "train_flops", 7.0),
            )
        ]
    embedded = {"schema": SCHEMA, "step": "embed", "length": 4, "metric": "embed_seconds"}
    costs.append(embedded | {"value": 1.0})
    folder.mkdir(exist_ok=True)
    pd.DataFrame(table, columns=COLUMNS).to_csv(folder / "table.csv", index=False)
    pd.DataFrame(costs, columns=COST_COLUMNS).to_csv(folder / "costs.csv", index=False)
    return folder


def test_a_studys_tables_are_read_into_points(tmp_path):
    rows = made_up("logistic", truth("logistic"), seed=0)
    points = read_points(study(tmp_path, rows))
    for column in ("u", "bits", "compute"):
        assert sorted(points[column]) == pytest.approx(sorted(rows[column]))
    assert (points["load"] == points["bits"] / points["dim"]).all()


def test_the_command_writes_fits_and_says_the_verdict(tmp_path, monkeypatch, capsys):
    rows = made_up("logistic", truth("logistic"), seed=0, seeds=1)
    monkeypatch.setattr("textback.steps.fit.fit_law", lambda points: fit_law(points, 3))
    monkeypatch.setattr("sys.argv", ["textback", "fit", "--study", str(study(tmp_path, rows))])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    fits = json.loads((tmp_path / "fits.json").read_text())
    assert fits["best"] == "logistic" and len(fits["points"]) == len(rows)
    assert f"law: {fits['verdict']}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpus": "other"}, "one corpus, but the study has c, other"),
        ({"reduction": "prefix"}, "one reduction, but the study has pca, prefix"),
        ({"reduction": "native"}, "two cells of 16 dimensions"),
    ],
)
def test_tables_of_more_than_one_law_are_refused_in_one_line(tmp_path, changes, message):
    rows = made_up("logistic", truth("logistic"), seed=0, seeds=1)
    one = study(tmp_path, rows)
    other = study(tmp_path / "other", rows, **changes)
    for name in ("table.csv", "costs.csv"):
        both = pd.concat([pd.read_csv(folder / name) for folder in (one, other)])
        both.to_csv(one / name, index=False)
    with pytest.raises(TextbackError, match=message):
        read_points(one)


def test_a_table_without_bits_is_refused_in_one_line(tmp_path):
    folder = study(tmp_path, made_up("logistic", truth("logistic"), seed=0))
    table = pd.read_csv(folder / "table.csv")
    table[table["metric"] == "bleu"].to_csv(folder / "table.csv", index=False)
    with pytest.raises(TextbackError, match="needs the metrics 'unrecovered_fraction'"):
        read_points(folder)


def test_a_point_a_cell_and_held_out_ones_are_open(fits):
    ax = figure_of_law.draw(Tables(None, None, None, fits)).axes[0]
    marks = [line for line in ax.lines if line.get_marker() not in ("None", "_", "|")]
    assert len(marks) == len(LENGTHS) * len(DIMENSIONS)
    open_ones = [m for m in marks if to_hex(m.get_markerfacecolor()) == "#ffffff"]
    assert len(open_ones) == fits["cells"]["held_out"] == 8
    assert len({m.get_marker() for m in marks}) == len(LENGTHS)
    assert len({to_hex(m.get_color()) for m in marks}) == len(DIMENSIONS)


def test_the_best_forms_curves_go_through_what_it_predicts(fits):
    ax = figure_of_law.draw(Tables(None, None, None, fits)).axes[0]
    curves = [line for line in ax.lines if len(line.get_xdata()) > 100]
    assert len(curves) == len(DIMENSIONS)
    cells = figure_of_law.pool(pd.json_normalize(fits["points"]))
    cell = cells[(cells["dim"] == 16) & (cells["length"] == 4)].iloc[0]
    x, u = curves[0].get_data()
    near = abs(x - cell["load"]).argmin()
    assert u[near] == pytest.approx(cell["predicted.logistic"], rel=0.02)


def test_every_form_is_shown_on_the_held_out_cells(fits):
    ax = figure_of_law.draw(Tables(None, None, None, fits)).axes[1]
    assert [len(line.get_xdata()) for line in ax.lines[:3]] == [8, 8, 8]
    labels = [text.get_text().split(",")[0] for text in ax.get_legend().get_texts()]
    assert labels == [*FORMS, "as measured"]


def test_parameters_intervals_and_verdict_are_on_the_figure(fits):
    figure = figure_of_law.draw(Tables(None, None, None, fits))
    said = figure.axes[-1].texts[0].get_text().replace("\n", " ")
    floor = fits["forms"]["logistic"]["parameters"]["floor"]
    assert f"floor {floor['value']:.3g} [{floor['low']:.3g}, {floor['high']:.3g}]" in said
    assert fits["verdict"][1:] in said
    assert "Not fitted: β (compute), it needs two inverters" in said


def test_a_study_without_fits_is_told_the_command(tmp_path):
    empty = pd.DataFrame(columns=COLUMNS)
    with pytest.raises(TextbackError, match="textback fit --study"):
        draw("law", Tables(empty, empty, empty), tmp_path)
