"""The tidy table of a study, a row a measurement, and the tables beside it.

table.csv        every metric of every cell, round and beam, of inverter and baselines
comparisons.csv  paired differences: the last round against round 0 and the baselines
texts.parquet    every text through its rounds, for figures of single texts
retrieval.csv    how well documents are found by their embeddings, where the study searches a set
costs.csv        seconds, FLOPs, embedder queries, dollars and memory of every step, with device and
                 versions
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from textback.cells import Cell, embeddings_folder, grid, inversion_of, retrievals, study_folder
from textback.config import Axes, Evaluation
from textback.files import read_json, read_table, replacing
from textback.metrics import bleu_sentence
from textback.retrieval.measures import rows as retrieval_rows

SCHEMA = 2  # of table.csv and comparisons.csv: raised when the meaning of their columns changes
CELL_COLUMNS = ["study", "corpus", "embedder", "length", "reduction", "dim", "inverter", "seed"]
MEASURE_COLUMNS = ["metric", "value", "low", "high", "n"]
COLUMNS = ["schema", *CELL_COLUMNS, "baseline", "perturbation", "round", "beam", *MEASURE_COLUMNS]
COMPARISON_COLUMNS = [
    *("schema", *CELL_COLUMNS, "perturbation", "round", "beam", "against"),
    *MEASURE_COLUMNS,
]
RETRIEVAL_COLUMNS = [
    *("study", "retrieval_set", "embedder", "reduction", "dim", "perturbation"),
    *MEASURE_COLUMNS,
]
COST_COLUMNS = [
    *CELL_COLUMNS,
    *("step", "beam", "metric", "value", "device", "python", "versions"),
]
COSTS = (
    "train_seconds",
    "embed_seconds",
    "generate_seconds",
    "invert_seconds",
    "train_flops",
    "embedder_queries",
    "paid_queries",
    "paid_tokens",
    "paid_dollars",
    "peak_memory_bytes",
)


def score_path(study: str, cell: Cell) -> Path:
    """Where a cell's scores for a study lie."""
    return study_folder(study) / "scores" / f"{cell}.json"


def measurements(axes: Axes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table and the comparisons of a study, from its cells' scores."""
    rows: list[dict[str, Any]] = []
    comparisons: list[dict[str, Any]] = []
    for cell in grid(axes):
        scores = read_json(score_path(axes.study, cell))
        columns = {"schema": SCHEMA, "study": axes.study, **scores["cell"]}
        rows += [columns | row for row in scores["rows"]]
        comparisons += [columns | row for row in scores["comparisons"]]
    return (
        pd.DataFrame(rows, columns=COLUMNS),
        pd.DataFrame(comparisons, columns=COMPARISON_COLUMNS),
    )


def texts(axes: Axes, evaluation: Evaluation) -> pd.DataFrame:
    """Every text of every cell through its rounds, with its sentence BLEU."""
    frames = []
    for cell in grid(axes):
        dim = read_json(score_path(axes.study, cell))["cell"]["dim"]
        for beam in axes.beams:
            frame = read_table(inversion_of(cell, beam, evaluation) / "trace.parquet")
            frame = frame.drop(columns=["candidate", "candidate_cosine"])
            frames.append(frame.assign(study=axes.study, **cell.columns(), dim=dim, beam=beam))
    frame = pd.concat(frames, ignore_index=True)
    pairs = zip(frame["hypothesis"], frame["reference"], strict=True)
    frame["bleu_sentence"] = [bleu_sentence(*pair) for pair in pairs]
    lead = [*CELL_COLUMNS, "beam", "text", "round"]
    return frame[lead + [c for c in frame.columns if c not in lead]]


def retrieval(axes: Axes, resamples: int) -> pd.DataFrame:
    """The table of retrieval of a study, with bootstrap intervals over queries."""
    rows: list[dict[str, Any]] = []
    for point in retrievals(axes):
        scores = read_json(point.scores)
        columns = {"study": axes.study, **scores["columns"]}
        rows += retrieval_rows(columns, scores["measures"], resamples)
    return pd.DataFrame(rows, columns=RETRIEVAL_COLUMNS)


def cost_files(
    axes: Axes, evaluation: Evaluation, tokenizers: dict[str, str], native: dict[str, int]
) -> dict[Path, dict[str, Any]]:
    """The cost records of a study and the columns that say what they are costs of.

    tokenizers: the tokenizer of each inverter; native: the dimension of each embedder
    """
    files: dict[Path, dict[str, Any]] = {}
    for cell in grid(axes):
        tokenizer = tokenizers[cell.inverter]
        embedded = embeddings_folder(cell.corpus, tokenizer, cell.length, cell.embedder)
        files[embedded / "costs.json"] = {
            **{"corpus": cell.corpus, "embedder": cell.embedder, "length": cell.length},
            **{"reduction": "", "dim": None, "inverter": "", "seed": None, "step": "embed"},
        }
        own = cell.columns() | {"dim": cell.reduction.dimension or native[cell.embedder]}
        shared = own | {"embedder": "", "reduction": "", "dim": None}
        files[cell.null_model / "null_model" / "costs.json"] = shared | {"step": "null_model"}
        for step in ("hypothesizer", "hypotheses", "corrector"):
            files[cell.folder / step / "costs.json"] = own | {"step": step}
        for beam in axes.beams:
            path = inversion_of(cell, beam, evaluation) / "costs.json"
            files[path] = own | {"step": "invert", "beam": beam}
    for point in retrievals(axes):
        files[point.folder / "costs.json"] = {
            **{"corpus": point.retrieval_set, "embedder": point.embedder, "length": None},
            **{"reduction": "", "dim": None, "inverter": "", "seed": None, "step": "retrieval"},
        }
    return files


def costs(axes: Axes, files: Iterable[tuple[Path, dict[str, Any]]]) -> pd.DataFrame:
    """The table of costs, a row a cost."""
    rows = []
    for path, columns in files:
        record = read_json(path)
        versions = " ".join(f"{k}={v}" for k, v in sorted(record["versions"].items()))
        for metric in COSTS:
            if metric in record:
                rows.append(
                    {
                        "study": axes.study,
                        **columns,
                        "metric": metric,
                        "value": record[metric],
                        "device": record["device"],
                        "python": record["python"],
                        "versions": versions,
                    }
                )
    frame = pd.DataFrame(rows, columns=COST_COLUMNS)
    return frame.astype(dict.fromkeys(("length", "dim", "seed", "beam"), "Int64"))


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table; numbers with 10 digits, more than any measurement here has."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.10g")
