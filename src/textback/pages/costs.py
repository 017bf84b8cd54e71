"""What a study cost, on which machines, and how it is run again."""

import html
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from textback.pages.html import page, table
from textback.schema import read_measured

COMMAND = "command.txt"  # beside the table: how Snakemake was called

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


def costs_page(folder: Path) -> str:
    """Seconds, FLOPs, queries and memory of each step; device, versions, seeds and the command."""
    costs = read_measured(folder / "costs.csv")
    steps = [step for step in STEPS if step in set(costs["step"])]
    shown = [cost for cost in COSTS if costs["metric"].str.fullmatch(cost[1]).any()]
    rows = (
        [step.replace("_", " "), *(_cost(costs[costs["step"] == step], *of) for _, *of in shown)]
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
        table(["step", *(name for name, _, _ in shown)], rows),
        "<p>Sums over all runs of a step; memory is the largest of them. Measured on:</p>"
        f"<ul>{machines}</ul>",
        _again(folder, costs),
    )


def _again(folder: Path, costs: pd.DataFrame) -> str:
    """The seeds and, where the workflow wrote it down, the command."""
    seeds = sorted({int(seed) for seed in costs["seed"] if str(seed) != ""})
    told = f"<h2>Run it again</h2><p>Seeds of training: {', '.join(map(str, seeds))}.</p>"
    if not (folder / COMMAND).exists():
        return told
    command = html.escape((folder / COMMAND).read_text(encoding="utf-8").strip())
    return (
        f"{told}<pre>{command}</pre><p class=note>The whole configuration, with the seeds of "
        "corpora and embedders, is <code>config.json</code> beside the table; "
        "<code>snakemake --configfile</code> takes it as it is.</p>"
    )


def _cost(costs: pd.DataFrame, metric: str, show: Callable[[pd.Series], str]) -> str:
    """One step's cost, for a person; empty where the step has no such cost."""
    values = costs.loc[costs["metric"].str.fullmatch(metric), "value"].astype(float)
    return show(values) if len(values) else ""
