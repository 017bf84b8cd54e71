"""The tidy table of a study, a row a measurement, and the tables beside it.

table.csv        every metric of every cell, round and beam, of inverter and baselines
pooled.csv       the same for all seeds together, with intervals over seeds and texts: see
                 `textback.pooling`
comparisons.csv  paired differences: the last round against round 0, the baselines, other searches
texts.parquet    every text through its rounds, for figures of single texts
word_errors.csv  which words come back by how often the attacker saw them, where a figure shows it
retrieval.csv    how well documents are found by their embeddings, where the study searches a set
histories.csv    how every training went: see `textback.histories`
missing.csv      the cells that a partial table lacks; only beside one
costs.csv        seconds, FLOPs, embedder queries, dollars and memory of every step, with device and
                 versions
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from textback.cells import (
    Cell,
    Inversion,
    Retrieval,
    Target,
    cells_of,
    embeddings_folder,
    inversions_of,
    retrievals_of,
    study_folder,
    targets_folder,
)
from textback.config import Part
from textback.files import read_json, read_table, replacing
from textback.metrics import bleu_sentence
from textback.retrieval.measures import rows as retrieval_rows
from textback.sharing.places import imported, place
from textback.word_errors import COLUMNS as WORD_COLUMNS

TEXTS, MISSING = "texts.parquet", "missing.csv"
SCHEMA = 3  # of the tables: another number for other columns or other meanings
CELL_COLUMNS = ["corpus", "embedder", "length", "reduction", "dim", "inverter", "seed"]
PART_COLUMNS = ["schema", "study", "part", *CELL_COLUMNS]
TARGET_COLUMNS = ["target_corpus", "target_length", "search"]
MEASURE_COLUMNS = ["metric", "value", "low", "high", "n"]
COLUMNS = [
    *(*PART_COLUMNS, *TARGET_COLUMNS),
    *("baseline", "perturbation", "round", "beam", *MEASURE_COLUMNS),
]
COMPARISON_COLUMNS = [
    *(*PART_COLUMNS, *TARGET_COLUMNS),
    *("perturbation", "round", "beam", "against", *MEASURE_COLUMNS),
]
WORD_ERROR_COLUMNS = [
    *(*PART_COLUMNS, *TARGET_COLUMNS),
    *("baseline", "perturbation", "round", "beam", *WORD_COLUMNS),
]
TEXT_COLUMNS = [*PART_COLUMNS, *TARGET_COLUMNS, "perturbation", "beam", "text", "round"]  # and more
RETRIEVAL_COLUMNS = [
    *("schema", "study", "part", "retrieval_set", "embedder", "reduction", "dim", "perturbation"),
    *MEASURE_COLUMNS,
]
COST_COLUMNS = [
    *("schema", "study", *CELL_COLUMNS, "step", *TARGET_COLUMNS, "perturbation", "beam"),
    *("rounds", "metric", "value", "device", "python", "versions"),
]
PartCell = tuple[str, Part, Cell]  # a cell as one of a part, which is named
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


def own_score_path(study: str, part: str, cell: Cell) -> Path:
    """Where the scores of a cell of a study's part are written."""
    return study_folder(study) / "scores" / part / f"{cell}.json"


def cells_of_parts(parts: dict[str, Part]) -> list[PartCell]:
    """Every cell of every part, in their order: one that several parts have is there for each."""
    return [(name, part, cell) for name, part in parts.items() for cell in cells_of(part)]


def score_path(study: str, part: str, cell: Cell) -> Path:
    """Where they lie: there, or in an archive that was imported."""
    return place(study, own_score_path(study, part, cell))


def trace_path(study: str, part: str, inversion: Inversion) -> Path:
    """Where a trace lies for a part: with imported scores come traces of a sample of texts."""
    if imported(score_path(study, part, inversion.cell)):
        return place(study, inversion.trace)
    return inversion.trace


def measurements(study: str, cells: Iterable[PartCell]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table and the comparisons of a study, from its cells' scores."""
    rows: list[dict[str, Any]] = []
    comparisons: list[dict[str, Any]] = []
    for name, _, cell in cells:
        scores = read_json(score_path(study, name, cell))
        columns = {"schema": SCHEMA, "study": study, "part": name, **scores["cell"]}
        rows += [columns | row for row in scores["rows"]]
        comparisons += [columns | row for row in scores["comparisons"]]
    return (
        pd.DataFrame(rows, columns=COLUMNS),
        pd.DataFrame(comparisons, columns=COMPARISON_COLUMNS),
    )


def texts(study: str, cells: Iterable[PartCell]) -> pd.DataFrame:
    """Every text of every inversion through its rounds, with its sentence BLEU."""
    frames = []
    for name, part, cell in cells:
        dim = read_json(score_path(study, name, cell))["cell"]["dim"]
        own = {"schema": SCHEMA, "study": study, "part": name, **cell.columns(), "dim": dim}
        for inversion in inversions_of(part, cell):
            frame = read_table(trace_path(study, name, inversion))
            frame = frame.drop(columns=["candidate", "candidate_cosine"])
            frames.append(frame.assign(**own, **inversion.columns()))
    frame = pd.concat(frames, ignore_index=True)
    pairs = zip(frame["hypothesis"], frame["reference"], strict=True)
    frame["bleu_sentence"] = [bleu_sentence(*pair) for pair in pairs]
    return frame[TEXT_COLUMNS + [c for c in frame.columns if c not in TEXT_COLUMNS]]


def word_errors(study: str, cells: Iterable[PartCell]) -> pd.DataFrame:
    """The table of errors by word frequency of a study, from its cells' scores."""
    rows: list[dict[str, Any]] = []
    for name, _, cell in cells:
        scores = read_json(score_path(study, name, cell))
        columns = {"schema": SCHEMA, "study": study, "part": name, **scores["cell"]}
        rows += [columns | row for row in scores["word_errors"]]
    return pd.DataFrame(rows, columns=WORD_ERROR_COLUMNS)


def retrievals_of_parts(parts: dict[str, Part]) -> list[tuple[str, Retrieval]]:
    """Every measurement of retrieval of every part, in their order."""
    return [(name, point) for name, part in parts.items() for point in retrievals_of(part)]


def retrieval(study: str, points: Iterable[tuple[str, Retrieval]], resamples: int) -> pd.DataFrame:
    """The table of retrieval of a study, with bootstrap intervals over queries."""
    rows: list[dict[str, Any]] = []
    for name, point in points:
        scores = read_json(point.scores)
        columns = {"schema": SCHEMA, "study": study, "part": name, **scores["columns"]}
        rows += retrieval_rows(columns, scores["measures"], resamples)
    return pd.DataFrame(rows, columns=RETRIEVAL_COLUMNS)


@dataclass(frozen=True)
class Known:
    """What the paths and columns of a study's products need beside its parts.

    tokenizers: of each inverter; owners: of each inverter, see `textback.cells.owners`; native:
    the dimension of each embedder
    """

    tokenizers: dict[str, str]
    owners: dict[str, str]
    native: dict[str, int]


def cost_files(parts: dict[str, Part], known: Known) -> dict[Path, dict[str, Any]]:
    """The cost records of a study and the columns that say what they are costs of."""
    files: dict[Path, dict[str, Any]] = {}
    for part in parts.values():
        for cell in cells_of(part):
            files |= _costs_of_training(cell, part.evaluation.rounds > 0, known)
            files |= _costs_of_inversions(cell, part, known)
        for point in retrievals_of(part):
            columns = {"corpus": point.retrieval_set, "embedder": point.embedder}
            files[point.folder / "costs.json"] = columns | {"step": "retrieval"}
    return files


def _costs_of_training(cell: Cell, corrected: bool, known: Known) -> dict[Path, dict[str, Any]]:
    owner = cell.hypothesized_by(known.owners)
    tokenizer = known.tokenizers[cell.inverter]
    embedded = embeddings_folder(cell.corpus, tokenizer, cell.length, cell.embedder)
    null = {key: getattr(owner, key) for key in ("corpus", "length", "inverter", "seed")}
    files = {
        embedded / "costs.json": _embedding(cell, Target(cell.corpus, cell.length)),
        owner.null_model / "null_model" / "costs.json": null | {"step": "null_model"},
        owner.folder / "hypothesizer" / "costs.json": _own(owner, known) | {"step": "hypothesizer"},
    }
    for step in ("hypotheses", "corrector") if corrected else ():
        files[cell.folder / step / "costs.json"] = _own(cell, known) | {"step": step}
    return files


def _costs_of_inversions(cell: Cell, part: Part, known: Known) -> dict[Path, dict[str, Any]]:
    files = {}
    for inversion in inversions_of(part, cell):
        target = inversion.target
        if not target.own_of(cell):
            folder = targets_folder(cell.corpus, known.tokenizers[cell.inverter], target)
            files[folder / cell.embedder / "costs.json"] = _embedding(cell, target)
        columns = _own(cell, known) | inversion.columns() | {"rounds": inversion.rounds}
        files[inversion.folder / "costs.json"] = columns | {"step": "invert"}
    return files


def _own(cell: Cell, known: Known) -> dict[str, Any]:
    return cell.columns() | {"dim": cell.reduction.dimension or known.native[cell.embedder]}


def _embedding(cell: Cell, target: Target) -> dict[str, Any]:
    """Of embedding passages, shared by every reduction, inverter and seed."""
    columns = {"corpus": cell.corpus, "embedder": cell.embedder, "length": cell.length}
    if target.own_of(cell):
        return columns | {"step": "embed"}
    of_target = {"target_corpus": target.corpus, "target_length": target.length}
    return columns | of_target | {"step": "embed"}


def costs(study: str, files: Iterable[tuple[Path, dict[str, Any]]]) -> pd.DataFrame:
    """The table of costs, a row a cost."""
    rows = []
    for path, columns in files:
        record = read_json(place(study, path))
        versions = " ".join(f"{k}={v}" for k, v in sorted(record["versions"].items()))
        for metric in COSTS:
            if metric in record:
                rows.append(
                    {
                        "schema": SCHEMA,
                        "study": study,
                        **columns,
                        "metric": metric,
                        "value": record[metric],
                        "device": record["device"],
                        "python": record["python"],
                        "versions": versions,
                    }
                )
    frame = pd.DataFrame(rows, columns=COST_COLUMNS)
    whole = ("length", "dim", "seed", "target_length", "beam", "rounds")
    return frame.astype(dict.fromkeys(whole, "Int64"))


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table; numbers with 10 digits, more than any measurement here has."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.10g")
