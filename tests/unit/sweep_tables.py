"""Tables of a sweep of length against dimension, made up from a known law."""

from itertools import product

import numpy as np
import pandas as pd

from textback.figures import Tables

LENGTHS = (2, 4, 8, 16, 32, 64, 128)
DIMENSIONS = (16, 32, 64, 128, 256)
NATIVE = 384
REDUCTIONS = ("pca", "prefix", "random")
BUDGETS = {"large": 4e13, "middle": 1e13, "small": 2.5e12}
BITS = 6.5  # a token
ROUND, BEAM = 10, 4
WORSE = {"native": 1.0, "pca": 1.0, "prefix": 1.6, "random": 2.0}


def unrecovered(load, flops=4e13):
    """Of a law: half is recovered at a load of 1 with 4e13 FLOPs, at less with fewer."""
    x = load / (flops / 4e13) ** 0.3
    return 0.03 + 0.97 * x / (1 + x)


def exact(load):
    """The share of texts recovered exactly: a half at a load of 0.5."""
    return 1 / (1 + (load / 0.5) ** 2)


def sizes(reductions=REDUCTIONS, dimensions=DIMENSIONS):
    return [*product(reductions, dimensions), ("native", NATIVE)]


def measured(embedders=("one",), lengths=LENGTHS, sizes=None, inverters=tuple(BUDGETS), half=0.02):
    """The pooled table; each embedder but the first is a little worse."""
    rows = []
    points = product(enumerate(embedders), lengths, sizes or globals()["sizes"](), inverters)
    for (number, embedder), length, (reduction, dim), inverter in points:
        load = BITS * length / dim * WORSE[reduction] * (1 + 0.5 * number)
        u = unrecovered(load, BUDGETS[inverter])
        of_one_pass = {
            "unrecovered_fraction": u,
            "null_nll_bits": BITS * length,
            "recovered_bits": (1 - u) * BITS * length,
            "recovered_bits_per_token": (1 - u) * BITS,
            "recovered_bits_per_dimension": (1 - u) * BITS * length / dim,
        }
        found = exact(load)
        of_texts = {
            "exact_match": found,
            "bleu": 100 * found,
            "token_f1": found**0.5,
            "cosine": 1 - u / 2,
        }
        point = {
            **{"study": "made-up", "part": "main", "corpus": "c", "embedder": embedder},
            **{"length": length, "reduction": reduction, "dim": dim, "inverter": inverter},
            **{"perturbation": "none", "seeds": 3, "n": 500},
        }
        rows += [
            point | {"baseline": "", "round": 0, "beam": 1} | around(metric, value, half)
            for metric, value in of_one_pass.items()
        ]
        rows += [
            point | {"baseline": baseline, "round": last, "beam": beam} | around(metric, value * share, half)
            for metric, value in of_texts.items()
            for baseline, share, last, beam in (
                ("", 0.3, 0, BEAM),
                ("", 1.0, ROUND, BEAM),
                ("nearest", 0.2, 0, 1),
                ("shuffled", 0.01, ROUND, BEAM),
            )
        ]  # fmt: skip
    return pd.DataFrame(rows)


def around(metric, value, half):
    wide = half * {"bleu": 100}.get(metric, max(abs(value), 0.05) if "bits" in metric else 1)
    return {"metric": metric, "value": value, "low": value - wide, "high": value + wide}


def histories(embedders=("one",), lengths=LENGTHS, sizes=None, inverters=tuple(BUDGETS), seeds=3):
    """Ten rows a training, and those of the null models."""
    rng = np.random.default_rng(0)
    rows = []
    points = product(embedders, lengths, sizes or globals()["sizes"](), inverters, range(seeds))
    for embedder, length, (reduction, dim), inverter, seed in points:
        cell = {
            **{"study": "made-up", "corpus": "c", "embedder": embedder, "length": length},
            **{"reduction": reduction, "dim": dim, "inverter": inverter, "seed": seed},
        }
        for tenth in range(1, 11):
            flops = BUDGETS[inverter] * tenth / 10 * (1 + length / 100)
            load = BITS * length / dim * WORSE[reduction]
            nll = BITS * np.log(2) * unrecovered(load, flops) + rng.normal(0, 0.02)
            done = {"examples": 1000.0 * tenth, "flops": flops, "learning_rate": 0.001}
            rows.append(
                cell | {"model": "hypothesizer"} | done | {"train_nll": nll, "validation_nll": nll}
            )
    table = pd.DataFrame(rows)
    null = table[table["reduction"] == "native"].assign(
        embedder="", reduction="", dim=pd.NA, model="null_model", validation_nll=BITS * np.log(2)
    )
    null = null.drop_duplicates(["length", "inverter", "seed", "examples"])
    return pd.concat([null, table], ignore_index=True).astype({"dim": "Int64"})


def tables(half=0.02, **axes):
    table = measured(half=half, **axes)
    return Tables(table, pd.DataFrame(), pd.DataFrame(), histories=histories(**axes))
