"""The tables of a study of the paper's parts, made up, and its published entries."""

import numpy as np
import pandas as pd

from textback.config.published import Published
from textback.figures import Tables
from textback.published.pairs import pair
from textback.published.values import converted

CELL = {
    **{"study": "made-up", "corpus": "nq", "embedder": "gtr-base", "length": 32},
    **{"reduction": "native", "dim": 768, "inverter": "paper"},
}
FEEDBACK = {"rounds_feedback": 0.9, "no": 0.5}
SCALES = {"bleu_sentence": 100, "exact_match": 1, "token_f1_set": 1, "cosine": 1, "bleu": 100}
PUBLISHED = {
    "nq": [
        {"figure": "table1", "dataset": "nq", "method": "hypothesizer"},
        {"figure": "table1", "dataset": "nq", "method": "corrector"},
        {"figure": "beam_grid", "method": "greedy"},
        {"figure": "beam_grid", "method": "sbeam-cosine"},
        {"figure": "rounds_feedback", "method": "corrector"},
        {"figure": "init_ablation", "method": "init-hypothesizer"},
    ],
    "no-feedback": [{"figure": "rounds_feedback", "method": "corrector-no-feedback"}],
    "likelihood": [{"figure": "beam_grid", "method": "sbeam-logprob"}],
    "start-the": [{"figure": "init_ablation", "method": "init-the"}],
    "start-random": [{"figure": "init_ablation", "method": "init-random-tokens"}],
    "out-of-domain": [
        {
            **{"figure": "beir", "dataset": "quora", "method": method},
            "stand_in": {"target_corpus": "speeches", "round": round_},
        }
        for method, round_ in (("hypothesizer", 0), ("corrector", 20))
    ]
    + [
        {
            **{"figure": "beir", "dataset": "fiqa", "method": method},
            "stand_in": {"target_corpus": "tales", "round": round_},
        }
        for method, round_ in (("hypothesizer", 0), ("corrector", 20))
    ],
    "noise": [
        {"figure": "defence_noise", "dataset": "nq"},
        {"figure": "defence_noise", "dataset": "beir-mean", "stand_in": {}},
    ],
    "length-mismatch": [{"figure": "length_mismatch"}],
}
MEASURES = ("value", "low", "high", "n")
RETRIEVAL_SETS = {part: ["scifact"] if part == "noise" else [] for part in PUBLISHED}


def rows(part, quality=0.8, rounds=(0, 1, 20, 50), beams=(1, 8), seeds=(0, 1), **changes):
    """Rows of a part whose every metric is `quality` of its scale in the last round."""
    cell = CELL | {
        **{"target_corpus": "nq", "target_length": 32, "search": "paper"},
        **{"baseline": "", "perturbation": "none"},
    }
    for seed in seeds:
        for round_ in rounds:
            for beam in beams:
                reached = quality * (0.4 + 0.6 * (round_ / 50) ** 0.3) * (1 if beam > 1 else 0.9)
                for metric, scale in SCALES.items():
                    value = scale * (0.5 + 0.5 * reached if metric == "cosine" else reached)
                    yield {
                        **cell,
                        **changes,
                        **{"part": part, "seed": seed, "round": round_, "beam": beam},
                        **{"metric": metric, "value": value, "n": 500},
                        **{"low": 0.97 * value, "high": 1.03 * value},
                    }


def measured():
    """The table of the whole study."""
    parts = [rows("nq"), rows("no-feedback", 0.45, inverter="no-feedback", beams=(1,))]
    parts.append(rows("likelihood", 0.7, search="paper-likelihood", beams=(8,)))
    for start in ("the", "random"):
        parts.append(rows(f"start-{start}", 0.78, search=f"paper-from-{start}", beams=(1,)))
    for corpus, quality in (("nq", 0.8), ("speeches", 0.9), ("tales", 0.3)):
        parts.append(rows("out-of-domain", quality, target_corpus=corpus))
    for perturbation, quality in (
        *(("none", 0.8), ("gaussian:0.001", 0.7), ("gaussian:0.01", 0.15), ("gaussian:0.1", 0.01)),
        *(("int8", 0.75), ("binary", 0.4)),
    ):
        changes = {"perturbation": perturbation, "rounds": (0, 1, 10), "beams": (1,)}
        parts.append(rows("noise", quality, **changes))
    for length, quality in ((16, 0.6), (32, 0.8), (64, 0.1), (80, 0.05), (100, 0.02)):
        parts.append(rows("length-mismatch", quality, target_length=length))
    return pd.DataFrame(row for part in parts for row in part)


def searched():
    """The table of retrieval."""
    return pd.DataFrame(
        {
            **{"study": "made-up", "retrieval_set": "scifact", "embedder": "gtr-base"},
            **{"reduction": "native", "dim": 768, "perturbation": perturbation},
            **{"metric": "ndcg_at_10", "value": value, "n": 300},
            **{"low": value - 0.02, "high": value + 0.02},
        }
        for perturbation, value in (
            *(("none", 0.31), ("gaussian:0.001", 0.31), ("gaussian:0.01", 0.28)),
            *(("gaussian:0.1", 0.02), ("int8", 0.3), ("binary", 0.25)),
        )
    )


def texts():
    """Every text through two rounds."""
    rng = np.random.default_rng(0)
    lengths = {"nq": 26, "speeches": 12, "tales": 30}
    return pd.DataFrame(
        {
            **CELL,
            **{"part": "nq", "seed": 0, "target_corpus": corpus, "target_length": 32},
            **{"search": "paper", "perturbation": "none", "beam": beam, "text": text},
            **{"round": round_, "hypothesis": "word", "reference": "word " * words},
            "cosine": np.clip(rng.normal(0.9 if round_ == 0 else 0.98, 0.03), -1, 1),
            "cosine_null": rng.normal(0.3, 0.1),
            "bleu_sentence": np.clip(rng.normal(30 if round_ == 0 else 85, 15), 0, 100),
        }
        for corpus, words in lengths.items()
        for beam in (1, 8)
        for text in range(60)
        for round_ in (0, 50)
    )


def entries():
    """What each part reruns."""
    return {part: [Published(**one) for one in listed] for part, listed in PUBLISHED.items()}


def pairs(table=None):
    table = measured() if table is None else table
    return pair(converted(), table, pooled(table), searched(), entries(), RETRIEVAL_SETS)


def pooled(table):
    """As pooled.csv has it: the mean of the seeds, and what several parts share only once."""
    keys = [column for column in table if column not in ("part", "seed", *MEASURES)]
    measures = {"value": "mean", "low": "min", "high": "max", "n": "first"}
    seeds = {"part": ("part", "first"), "seeds": ("seed", "nunique")}
    named = {name: (name, how) for name, how in measures.items()}
    return table.groupby(keys, sort=False, as_index=False, dropna=False).agg(**named, **seeds)


def tables():
    """As `figures.read_tables` gives them: what several parts share stands once."""
    table = measured()
    table = table[table["seed"] == 0].drop(columns="seed")
    keys = [column for column in table if column not in ("part", *MEASURES)]
    return Tables(table.drop_duplicates(keys), texts(), searched(), published=pairs())
