"""Two HTML pages for the report: what the study found, and what it cost."""

import html
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from textback.figures.select import final, of_inverter
from textback.files import read_csv

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; color: #222; max-width: 70em; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: .3em .8em; text-align: right; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #888; } td.name, th.name { text-align: left; }
td span { color: #777; font-size: 85%; white-space: nowrap; } caption { text-align: left; }
"""
SHOWN = {
    "bleu": "BLEU",
    "exact_match": "exact match",
    "token_f1": "token F1",
    "cosine": "cosine",
}
CELL = ["corpus", "embedder", "length", "reduction", "dim", "inverter", "seed"]


STEPS = ("embed", "null_model", "hypothesizer", "hypotheses", "corrector", "invert", "retrieval")
COSTS = (
    ("time", r".*_seconds", lambda values: f"{values.sum():,.0f} s"),
    ("training", r"train_flops", lambda values: f"{values.sum() / 1e12:,.1f} TFLOP"),
    ("embedder queries", r"embedder_queries", lambda values: f"{values.sum():,.0f}"),
    ("paid queries", r"paid_queries", lambda values: f"{values.sum():,.0f}"),
    ("paid tokens", r"paid_tokens", lambda values: f"{values.sum():,.0f}"),
    ("paid", r"paid_dollars", lambda values: f"${values.sum():,.4f}"),
    ("peak memory", r"peak_memory_bytes", lambda values: f"{values.max() / 2**30:.2f} GiB"),
)


def overview_page(folder: Path) -> str:
    """What every cell reached, before and after correction, beside its baselines."""
    table = read_csv(folder / "table.csv")
    comparisons = read_csv(folder / "comparisons.csv")
    widest, last = int(table["beam"].max()), int(table["round"].max())
    inverted = of_inverter(table)
    first = inverted[(inverted["round"] == 0) & (inverted["beam"] == widest)]
    rows = {
        "one pass (round 0)": first,
        f"round {last}, beam {widest}": final(inverted),
        "nearest training passage": table[table["baseline"] == "nearest"],
        "shuffled embeddings": final(table[table["baseline"] == "shuffled"]),
    }
    gained = comparisons[(comparisons["against"] == "round 0") & (comparisons["beam"] == widest)]
    return page(
        f"Study {table['study'].iloc[0]}",
        f"<p>How much of a text can be read back from its embedding. {int(table['n'].max())} test "
        "texts a cell; brackets are 95% intervals.</p>",
        *(_cell_table(cell, rows) for cell in _cells(table)),
        _gain_table(gained, last, widest),
    )


def costs_page(folder: Path) -> str:
    """Seconds, FLOPs, queries and memory of each step, with device and versions."""
    costs = read_csv(folder / "costs.csv")
    steps = [step for step in STEPS if step in set(costs["step"])]
    shown = [cost for cost in COSTS if costs["metric"].str.fullmatch(cost[1]).any()]
    head = "".join(f"<th>{name}</th>" for name, _, _ in shown)
    body = "".join(
        f"<tr><td class=name>{step.replace('_', ' ')}</td>"
        + "".join(f"<td>{_cost(costs[costs['step'] == step], *rest)}</td>" for _, *rest in shown)
        + "</tr>"
        for step in steps
    )
    machines = "".join(
        f"<li>{html.escape(device)}, Python {python}, {html.escape(versions)}</li>"
        for device, python, versions in costs[["device", "python", "versions"]]
        .drop_duplicates()
        .itertuples(index=False)
    )
    return page(
        "What the study cost",
        f"<table><tr><th class=name>step</th>{head}</tr>{body}</table>",
        "<p>Sums over all runs of a step; memory is the largest of them. Measured on:</p>"
        f"<ul>{machines}</ul>",
    )


def _cost(costs: pd.DataFrame, metric: str, show: Callable[[pd.Series], str]) -> str:
    """One step's cost, for a person; empty where the step has no such cost."""
    values = costs.loc[costs["metric"].str.fullmatch(metric), "value"].astype(float)
    return show(values) if len(values) else ""


def _cells(table: pd.DataFrame) -> list[pd.DataFrame]:
    return [cell for _, cell in table.groupby(CELL, sort=True, dropna=False)]


def _name(cell: pd.DataFrame) -> str:
    first = cell.iloc[0]
    return (
        f"{first['length']} tokens, {first['dim']} dimensions ({first['reduction']}), "
        f"{first['corpus']}, {first['embedder']}, {first['inverter']}, seed {first['seed']}"
    )


def _cell_table(cell: pd.DataFrame, rows: dict[str, pd.DataFrame]) -> str:
    metrics = [metric for metric in SHOWN if metric in set(cell["metric"])]
    head = "".join(f"<th>{SHOWN[metric]}</th>" for metric in metrics)
    mine = {name: frame[frame.index.isin(cell.index)] for name, frame in rows.items()}
    body = "".join(
        f"<tr><td class=name>{name}</td>"
        + "".join(f"<td>{_value(frame, metric)}</td>" for metric in metrics)
        + "</tr>"
        for name, frame in mine.items()
    )
    wanted = {"recovered_bits", "null_nll_bits"} & set(cell["metric"])
    bits = {metric: _value(cell, metric) for metric in wanted}
    note = (
        f"<p>One pass recovers {bits['recovered_bits']} of {bits['null_nll_bits']} bits a text.</p>"
        if len(bits) == 2
        else ""
    )
    return f"<h2>{_name(cell)}</h2><table><tr><th class=name></th>{head}</tr>{body}</table>{note}"


def _gain_table(gained: pd.DataFrame, last: int, beam: int) -> str:
    metrics = [metric for metric in SHOWN if metric in set(gained["metric"])]
    head = "".join(f"<th>{SHOWN[metric]}</th>" for metric in metrics)
    body = "".join(
        f"<tr><td class=name>{_name(cell)}</td>"
        + "".join(f"<td>{_value(cell, metric)}</td>" for metric in metrics)
        + "</tr>"
        for cell in _cells(gained)
    )
    return (
        f"<h2>What correction adds</h2><p>Round {last} with beam {beam} minus round 0, on the same "
        "texts (paired bootstrap); an interval without zero is a gain that chance does not explain."
        f"</p><table><tr><th class=name></th>{head}</tr>{body}</table>"
    )


def _value(frame: pd.DataFrame, metric: str) -> str:
    row = frame[frame["metric"] == metric].iloc[0]
    digits = 1 if "bleu" in metric or "bits" in metric else 3
    value, low, high = (f"{row[key]:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} <span>[{low}, {high}]</span>"


def page(title: str, *parts: str) -> str:
    """An HTML page of the report."""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<style>{STYLE}</style><h1>{title}</h1>{''.join(parts)}</html>\n"
    )
