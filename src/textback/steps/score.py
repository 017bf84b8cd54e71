"""Score a cell: its traces, its baselines and its likelihoods become measurements."""

from pathlib import Path

import numpy as np
import pandas as pd

from textback import bootstrap, scoring
from textback.files import read_table, write_json
from textback.information import Likelihoods, bit_metrics
from textback.metrics import Interval, bleu_signature
from textback.reductions import load_projection
from textback.scoring import Row
from textback.specs import Spec

UNSEARCHED = {"search": "", "perturbation": "none", "beam": 1}  # columns without an inversion


def score_cell(
    spec: Spec,
    traces: list[Path],
    nearest: Path,
    likelihood: Path,
    null_likelihood: Path,
    reduction: Path,
    output: Path,
) -> None:
    """Write a cell's measurements and comparisons as JSON.

    traces: in the order of the spec's inversions; the likelihoods are those of the hypothesizer
    and the null model; reduction: what the inverter's embeddings were reduced by.
    """
    near = read_table(nearest).head(spec["passages"])
    drawn = bootstrap.weights(len(near), spec["resamples"])
    own = {
        **{"target_corpus": spec["cell"]["corpus"], "target_length": spec["cell"]["length"]},
        **UNSEARCHED,
    }
    rows: list[Row] = []
    comparisons: list[Row] = []
    for inversion, path in zip(spec["inversions"], traces, strict=True):
        trace = read_table(path)
        columns = {key: value for key, value in inversion.items() if key != "plain"}
        rows += _inverted(trace, columns, spec["metrics"], drawn)
        rival = near if inversion["plain"] else None
        comparisons += _compared(trace, columns, rival, drawn)
    rows += scoring.trace_rows(near, own, "nearest", spec["metrics"], drawn)
    rows += _bits(spec, near["reference"], own, likelihood, null_likelihood, drawn)
    rows += _explained_variance(spec, own, reduction)
    write_json(
        output,
        {
            "cell": spec["cell"],
            "bleu": bleu_signature(),
            "rows": rows,
            "comparisons": comparisons,
        },
    )


def _inverted(trace: pd.DataFrame, columns: Row, wanted: list[str], drawn: np.ndarray) -> list[Row]:
    """Of every round of one inversion, and of its null in the first and the last."""
    ends = {0, trace["round"].max()}
    null = pd.concat([scoring.shuffled(trace[trace["round"] == end]) for end in sorted(ends)])
    return [
        *scoring.trace_rows(trace, columns, "", wanted, drawn),
        *scoring.trace_rows(null, columns, "shuffled", wanted, drawn),
    ]


def _compared(
    trace: pd.DataFrame, columns: Row, near: pd.DataFrame | None, drawn: np.ndarray
) -> list[Row]:
    """The last round of one inversion against its first, its null, and the nearest passages."""
    last_round = int(trace["round"].max())
    last = trace[trace["round"] == last_round]
    rivals = {"shuffled": scoring.shuffled(last)}
    if last_round > 0:
        rivals = {"round 0": trace[trace["round"] == 0]} | rivals
    if near is not None:
        rivals["nearest"] = near
    return [
        scoring.row(metric, gain, columns | {"round": last_round, "against": rival})
        for rival, frame in rivals.items()
        for metric, gain in scoring.gains(last, frame, drawn).items()
    ]


def _bits(
    spec: Spec,
    references: pd.Series,
    own: Row,
    likelihood: Path,
    null_likelihood: Path,
    drawn: np.ndarray,
) -> list[Row]:
    """The measures in bits, of the hypothesizer: round 0, beam 1."""
    n = len(references)
    texts = Likelihoods(
        given=read_table(likelihood)["nll_bits"].to_numpy(np.float64)[:n],
        null=read_table(null_likelihood)["nll_bits"].to_numpy(np.float64)[:n],
        size_bytes=references.map(lambda text: len(text.encode())).to_numpy(np.float64),
        length=spec["cell"]["length"],
        dimension=spec["cell"]["dim"],
    )
    return [
        scoring.row(name, interval, own | {"baseline": "", "round": 0})
        for name, interval in bit_metrics(texts, drawn).items()
        if name in spec["metrics"]
    ]


def _explained_variance(spec: Spec, own: Row, reduction: Path) -> list[Row]:
    """The share of the training embeddings' variance that the reduction keeps: no estimate."""
    if "explained_variance" not in spec["metrics"]:
        return []
    kept = load_projection(reduction).explained_variance
    interval = Interval(kept, kept, kept, 1)
    return [scoring.row("explained_variance", interval, own | {"baseline": "", "round": 0})]
