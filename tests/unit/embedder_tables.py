"""Tables of several embedders, made up, for the figures that compare them."""

import pandas as pd

from textback.figures import Tables

SIZES = (("pca", 16), ("pca", 64), ("native", 384))
LEAKS = {"exact_match": 0.5, "bleu": 60.0, "recovered_bits": 20.0, "unrecovered_fraction": 0.5}


def measured(embedders, lengths, exact_match):
    """A table of the inverter: what leaks grows with the dimension."""
    return pd.DataFrame(
        {
            **{"embedder": embedder, "length": length, "reduction": kind, "dim": dim},
            **{"inverter": "nano"},
            **{"baseline": baseline, "metric": metric, "round": number, "beam": beam},
            **{"value": value * dim / 384, "low": value * dim / 500, "high": value * dim / 300},
        }
        for embedder in embedders
        for length in lengths
        for kind, dim in SIZES
        for baseline in ("", "shuffled")
        for metric, value in (LEAKS | {"exact_match": exact_match}).items()
        for number, beam in (
            [(0, 1)] if "bits" in metric or "fraction" in metric else [(0, 1), (10, 1), (10, 4)]
        )
    )


def searched(embedders):
    """A table of retrieval; the perturbed vectors find nothing."""
    return pd.DataFrame(
        {
            **{"embedder": embedder, "reduction": kind, "dim": dim},
            **{"perturbation": perturbation, "metric": metric},
            **{"value": quality * dim**0.1, "low": 0.0, "high": 1.0},
        }
        for embedder, quality in embedders.items()
        for kind, dim in SIZES
        for perturbation in ("none", "binary")
        for metric in ("ndcg_at_10", "recall_at_10")
    )


def tables(embedders=("one",), lengths=(4, 8, 32), exact_match=0.5):
    quality = {embedder: 0.3 + 0.02 * i for i, embedder in enumerate(embedders)}
    return Tables(measured(embedders, lengths, exact_match), pd.DataFrame(), searched(quality))
