"""`textback retrieval`: one embedder on one set by hand, for any reductions and perturbations."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from textback.cells import Reduction
from textback.config import Study, check_dimension, lookup
from textback.config.checks import prefix_warnings
from textback.counted import counted
from textback.device import cost, pick_device
from textback.embedders import load_embedder
from textback.embedders.gate import gate
from textback.embedders.paid import paid_costs
from textback.errors import TextbackError
from textback.files import write_json
from textback.locks import locked
from textback.perturbations import Perturbation, perturb
from textback.progress import log
from textback.reductions import Projection, fit, load_projection
from textback.retrieval.beir import JudgedSet, read_set
from textback.retrieval.embedding import Counts, embed_set
from textback.retrieval.measures import ASKED, MEASURES, measure, rows
from textback.retrieval.search import search
from textback.table import write_csv
from textback.terminal import console

LABELS = {"ndcg_at_10": "nDCG@10", "recall_at_10": "recall@10", "recall_at_100": "recall@100"}


@dataclass(frozen=True)
class Wanted:
    """Every reduction is measured with every perturbation.

    projection: a file with the fitted reduction, of which there is then one; None: fitted to the
    documents, as the operator of a vector store can
    """

    reductions: Sequence[Reduction]
    perturbations: Sequence[Perturbation]
    projection: Path | None = None

    def __post_init__(self) -> None:
        if self.projection is not None and len(self.reductions) != 1:
            raise TextbackError(
                "retrieval: --projection holds one reduction: name it with one --reduction"
            )


@dataclass(frozen=True)
class Embedded:
    """A set with its native embeddings, (n, native) float16 each."""

    found: JudgedSet
    documents: np.ndarray
    queries: np.ndarray
    counts: Counts


def run(
    study: Study,
    embedder: str,
    folder: Path,
    split: str,
    wanted: Wanted,
    output: Path | None,
    state: Path,
    device: str,
) -> None:
    """Print every measure, and write them with what they cost, as JSON or CSV.

    The native embeddings are kept in `state`, with the gate's report of their embedder: another
    run begins with them.
    """
    entry = lookup(study.embedders, "embedder", embedder)
    for reduction in wanted.reductions:
        check_dimension(embedder, entry, reduction.dimension or entry.dimension)
    for line in prefix_warnings(embedder, entry, {r.kind for r in wanted.reductions}):
        log.warning("warning: %s", line)
    found, device = read_set(folder, split), pick_device(device)
    began = time.monotonic()
    loaded = load_embedder(embedder, entry, device)
    passed = gate(embedder, loaded, entry)
    with locked(state):
        write_json(state / f"gate-{embedder}.json", passed)
        spec = {"name": embedder, "embedder": entry.model_dump()}
        embedded = Embedded(found, *embed_set(found, embedder, loaded, spec, state, device))
    searched = time.monotonic()
    columns = {"retrieval_set": folder.resolve().name, "embedder": embedder}
    results = _measure(columns, embedded, wanted, study.evaluation.resamples, device)
    costs = {
        "embed_seconds": searched - began,
        "search_seconds": time.monotonic() - searched,
        **paid_costs(embedder, loaded),
    }
    _show(results, f"{embedder} on {folder}, {split}: {embedded.counts}")
    if output is not None:
        _write(output, results, {**asdict(embedded.counts), **cost(device, **costs)})


def _measure(
    columns: dict[str, Any], embedded: Embedded, wanted: Wanted, resamples: int, device: str
) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    for reduction in wanted.reductions:
        project = _projection(reduction, embedded.documents, wanted.projection)
        stored, asked = project(embedded.documents), project(embedded.queries)
        for perturbation in wanted.perturbations:
            ranked = search(asked, perturb(perturbation, stored), ASKED, device)
            point = {
                **columns,
                "reduction": reduction.kind,
                "dim": stored.shape[1],
                "perturbation": str(perturbation),
            }
            results += rows(point, measure(embedded.found, ranked), resamples)
    return results


def _projection(reduction: Reduction, documents: np.ndarray, file: Path | None) -> Projection:
    """Fitted to the documents, or read. Raises TextbackError where the file is of another one."""
    if file is None:
        return fit(reduction, documents)
    projection = load_projection(file)
    shape = None if projection.basis is None else projection.basis.shape
    native = documents.shape[1]
    if shape != (None if reduction.dimension is None else (native, reduction.dimension)):
        held = "native" if shape is None else f"{shape[0]} to {counted(shape[1], 'dimension')}"
        raise TextbackError(
            f"{file}: holds a reduction of {held}, but {reduction} of {native} is wanted: "
            "give the file of that reduction and embedder"
        )
    return projection


def _show(results: list[dict[str, Any]], title: str) -> None:
    """A row of the table for each reduction and perturbation."""
    output = console()
    table = Table(box=SIMPLE_HEAD)
    for heading in ("reduction", "dimensions", "perturbation"):
        table.add_column(heading, justify="right" if heading == "dimensions" else "left")
    for measure_name in MEASURES:
        table.add_column(LABELS[measure_name], justify="right", no_wrap=True)
    for start in range(0, len(results), len(MEASURES)):
        point = results[start : start + len(MEASURES)]
        first = point[0]
        measured = (f"{r['value']:.3f} [{r['low']:.3f}, {r['high']:.3f}]" for r in point)
        table.add_row(first["reduction"], str(first["dim"]), first["perturbation"], *measured)
    output.print(title, soft_wrap=True)
    output.print(table)


def _write(output: Path, results: list[dict[str, Any]], record: dict[str, Any]) -> None:
    """As CSV, with the costs in every row, where the file's name ends so; as JSON elsewhere."""
    if output.suffix != ".csv":
        write_json(output, {"results": results, "cost": record})
        return
    versions = " ".join(f"{name}={number}" for name, number in record["versions"].items())
    write_csv(output, pd.DataFrame(results).assign(**record | {"versions": versions}))
