"""The trace of an inversion: a row per text and round, stored as parquet.

text         number of the test passage
round        0 is the first hypothesis: the hypothesizer's guess, or see `inverter/starts.py`
reference    the text that was embedded
hypothesis   the best hypothesis so far
cosine       of its embedding to the target, both reduced as the attacker sees them
cosine_null  of the partner's hypothesis (see `partners`) to this target
candidate, candidate_cosine   the best of the round's new hypotheses, if it tried any
queries      distinct texts tried for this text so far, in mode `paper` all
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from textback.inverter.search import Round
from textback.vectors import cosines


def partners(n: int) -> np.ndarray:
    """For each of n texts the number of another one, every text once, (n,) int.

    Giving a text its partner's hypothesis is what an inverter does with shuffled embeddings.
    """
    return (np.arange(n) + max(1, n // 2)) % n


def to_frame(
    references: Sequence[str], histories: list[list[Round]], targets: np.ndarray
) -> pd.DataFrame:
    """The trace of a search, for texts (n,) with targets (n, dim)."""
    other = partners(len(references))
    rows = [
        {
            "text": i,
            "round": number,
            "reference": references[i],
            "hypothesis": state.best.text,
            "cosine": state.best.cosine,
            "cosine_null": float(cosines(histories[other[i]][number].best.vector, targets[i])),
            "candidate": state.candidate.text if state.candidate else None,
            "candidate_cosine": state.candidate.cosine if state.candidate else np.nan,
            "queries": state.queries,
        }
        for i, history in enumerate(histories)
        for number, state in enumerate(history)
    ]
    return pd.DataFrame(rows)


def changes(rounds: pd.DataFrame) -> pd.DataFrame:
    """The rounds of one text at which its best hypothesis changed, and the last."""
    changed = rounds["hypothesis"] != rounds["hypothesis"].shift()
    return rounds[changed | (rounds["round"] == rounds["round"].max())]
