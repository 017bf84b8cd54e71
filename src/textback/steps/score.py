"""Score a cell: its traces, its baselines and its likelihoods become measurements."""

from pathlib import Path

import numpy as np
import pandas as pd

from textback import bootstrap, scoring
from textback.files import read_table, write_json
from textback.information import Likelihoods, bit_metrics
from textback.metrics import Interval, bleu_signature
from textback.reductions import load_projection
from textback.specs import Spec
from textback.words import read_lexicon


def score_cell(
    spec: Spec,
    traces: dict[int, Path],
    nearest: Path,
    likelihood: Path,
    null_likelihood: Path,
    reduction: Path,
    words: Path | None,
    output: Path,
) -> None:
    """Write a cell's measurements and comparisons as JSON.

    traces: a trace file a beam; the likelihoods are those of the hypothesizer and the null model;
    reduction: what the inverter's embeddings were reduced by; words: the corpus's, for recalls.
    """
    found = {beam: read_table(path) for beam, path in sorted(traces.items())}
    texts = next(iter(found.values())).query("round == 0")
    near = read_table(nearest).head(len(texts))
    drawn = bootstrap.weights(len(texts), spec["resamples"])
    wanted = spec["metrics"]
    lexicon = None if words is None else read_lexicon(words, words)
    rows: list[scoring.Row] = []
    comparisons: list[scoring.Row] = []
    word_errors: list[scoring.Row] = []
    for beam, trace in found.items():
        first, last = (trace.query(f"round == {n}") for n in (0, trace["round"].max()))
        rows += scoring.trace_rows(trace, beam, "", wanted, drawn, lexicon)
        null = pd.concat([scoring.shuffled(first), scoring.shuffled(last)])
        rows += scoring.trace_rows(null, beam, "shuffled", wanted, drawn, lexicon)
        rivals = {"round 0": first, "shuffled": scoring.shuffled(last), "nearest": near}
        for rival, frame in rivals.items():
            for metric, gain in scoring.gains(last, frame, drawn).items():
                number = int(last["round"].iloc[0])
                row = scoring.row(metric, gain, baseline="", round=number, beam=beam)
                comparisons.append({"against": rival, **row})
        if lexicon is not None and "word_recall" in wanted:
            shown = {"": last, "shuffled": rivals["shuffled"], "nearest": near}
            word_errors += scoring.word_error_rows(shown, beam, lexicon, spec["resamples"])
    rows += scoring.trace_rows(near, 1, "nearest", wanted, drawn, lexicon)
    rows += _bits(spec, texts["reference"], likelihood, null_likelihood, drawn)
    rows += _explained_variance(spec, reduction)
    write_json(
        output,
        {
            "cell": spec["cell"],
            "bleu": bleu_signature(),
            "rows": rows,
            "comparisons": comparisons,
            "word_errors": word_errors,
        },
    )


def _bits(
    spec: Spec, references: pd.Series, likelihood: Path, null_likelihood: Path, drawn: np.ndarray
) -> list[scoring.Row]:
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
        scoring.row(name, interval, baseline="", round=0, beam=1)
        for name, interval in bit_metrics(texts, drawn).items()
        if name in spec["metrics"]
    ]


def _explained_variance(spec: Spec, reduction: Path) -> list[scoring.Row]:
    """The share of the training embeddings' variance that the reduction keeps: no estimate."""
    if "explained_variance" not in spec["metrics"]:
        return []
    kept = load_projection(reduction).explained_variance
    interval = Interval(kept, kept, kept, 1)
    return [scoring.row("explained_variance", interval, baseline="", round=0, beam=1)]
