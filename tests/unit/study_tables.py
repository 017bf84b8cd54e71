"""Tables of a study, made up: what is recovered falls with length, and rises with dimension."""

from itertools import product
from pathlib import Path

import pandas as pd

from textback.table import COLUMNS, COMPARISON_COLUMNS, COST_COLUMNS, SCHEMA, write_csv

SIZES = (("pca", 16), ("pca", 64), ("native", 384))
LENGTHS = (4, 8, 16)
WIDEST, LAST = 4, 10
GAIN = 0.1  # of correction


def cells(lengths=LENGTHS, sizes=SIZES, embedders=("minilm",), seeds=(0,)):
    """The cells' columns, in the order of the grid."""
    return [
        {
            **{"schema": SCHEMA, "study": "made-up", "part": "main", "corpus": "nq"},
            **{"embedder": embedder, "length": length, "reduction": kind, "dim": dim},
            **{"inverter": "nano", "seed": seed, "target_corpus": "nq", "target_length": length},
        }
        for embedder, length, (kind, dim), seed in product(embedders, lengths, sizes, seeds)
    ]


def recovered(cell):
    """The share that is recovered of a cell in one pass."""
    better = 0.05 * (cell["embedder"] != "minilm")
    return 0.8 * cell["dim"] / (cell["dim"] + 8 * cell["length"]) + better


def measured(cells):
    """table.csv"""
    rows = []
    for cell in cells:
        share = recovered(cell)
        for number, beam in ((0, 1), (0, WIDEST), (LAST, 1), (LAST, WIDEST)):
            after = share + GAIN * (number == LAST) * beam / WIDEST
            for metric, value in (("exact_match", after), ("bleu", 100 * after), ("cosine", after)):
                rows += [
                    _row(cell, metric, value, round=number, beam=beam, search="elitist"),
                    _row(cell, metric, value / 100, round=number, beam=beam, search="elitist")
                    | {"baseline": "shuffled"},
                ]
        rows += [
            _row(cell, metric, value) | {"baseline": "nearest"}
            for metric, value in (("exact_match", 0.0), ("bleu", 3.0), ("cosine", 0.4))
        ]
        rows += [
            _row(cell, metric, value)
            for metric, value in (
                ("null_nll_bits", 6.0 * cell["length"]),
                ("recovered_bits", 6.0 * cell["length"] * share),
                ("recovered_bits_per_token", 6.0 * share),
                ("recovered_bits_per_dimension", 6.0 * share * cell["length"] / cell["dim"]),
                ("unrecovered_fraction", 1 - share),
            )
        ]
    return pd.DataFrame(rows, columns=COLUMNS)


def compared(cells):
    """comparisons.csv"""
    rows = [
        _row(cell, metric, GAIN * scale, round=LAST, beam=WIDEST, search="elitist")
        | {"against": "round 0"}
        for cell in cells
        for metric, scale in (("exact_match", 1), ("bleu", 100), ("cosine", 1))
    ]
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def spent(cells):
    """costs.csv"""
    told = {"step": "hypothesizer", "metric": "train_flops", "value": 1e12, "device": "a machine"}
    rows = [cell | told | {"python": "3.11.7", "versions": "torch=2.11"} for cell in cells]
    return pd.DataFrame(rows, columns=COST_COLUMNS)


def write_study(folder: Path, found) -> Path:
    """A study's folder with the tables alone, as it may be committed."""
    write_measured(folder, measured(found))
    for name, table in (("comparisons", compared), ("costs", spent)):
        write_csv(folder / f"{name}.csv", table(found))
    return folder


def write_measured(folder: Path, table: pd.DataFrame) -> None:
    """table.csv, and pooled.csv as if every seed had measured what the first one did."""
    write_csv(folder / "table.csv", table)
    first = table[table["seed"] == table["seed"].min()]
    pooled = first.drop(columns="seed").assign(seeds=table["seed"].nunique())
    write_csv(folder / "pooled.csv", pooled)


def _row(cell, metric, value, *, round=0, beam=1, search=""):
    return {
        **cell,
        **{"search": search, "baseline": "", "perturbation": "none", "round": round, "beam": beam},
        **{"metric": metric, "value": value, "low": 0.9 * value, "high": 1.1 * value, "n": 50},
    }
