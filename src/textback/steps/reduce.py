"""Reductions of embeddings, and the nearest training passage as a baseline."""

from pathlib import Path

import numpy as np
import pandas as pd

from textback.cells import Reduction
from textback.embeddings import read_embeddings
from textback.files import replacing
from textback.passages import read_passages
from textback.progress import log
from textback.reductions import fit, load_projection, save_projection
from textback.specs import Spec
from textback.trace import partners
from textback.vectors import normalise


def make_reduction(spec: Spec, embeddings: Path, output: Path) -> None:
    """Fit a reduction to the training embeddings."""
    projection = fit(Reduction.parse(spec["reduction"]), read_embeddings(embeddings))
    save_projection(output, projection)
    log.info(
        "reduction %s keeps %.1f%% of the variance",
        spec["reduction"],
        100 * projection.explained_variance,
    )


def find_nearest(passages: Path, embeddings: Path, reduction: Path, output: Path) -> None:
    """The baseline without an inverter: each test text's nearest training passage, as a trace."""
    project = load_projection(reduction)
    train = normalise(project(read_embeddings(embeddings / "train.safetensors")))
    test = normalise(project(read_embeddings(embeddings / "test.safetensors")))
    _, known = read_passages(passages / "train.parquet")
    _, texts = read_passages(passages / "test.parquet")
    best = np.concatenate([(part @ train.T).argmax(1) for part in np.array_split(test, 8)])
    found = train[best]
    trace = pd.DataFrame(
        {
            "text": np.arange(len(texts)),
            "round": 0,
            "reference": texts,
            "hypothesis": [known[i] for i in best],
            "cosine": (found * test).sum(1),
            "cosine_null": (found[partners(len(texts))] * test).sum(1),
        }
    )
    with replacing(output) as temporary:
        trace.to_parquet(temporary, compression="zstd", index=False)
