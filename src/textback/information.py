"""Recovered information: how many bits of a text its embedding gives to a reader.

Usable (V-) information (Xu et al. 2020): the drop in negative log-likelihood of the text when the
model may read the embedding, NLL(x | null model) − NLL(x | e), in bits. Zero means the embedding
told nothing beyond the language; NLL(x | e) = 0 means it told everything.
"""

from dataclasses import dataclass

import numpy as np

from textback.bootstrap import mean_interval, ratio_interval
from textback.metrics import Interval


@dataclass(frozen=True)
class Likelihoods:
    """NLL of n texts in bits, with and without their embedding, and the texts' sizes.

    given, null: (n,) bits; size_bytes: (n,) of UTF-8; length: tokens of every text;
    dimension: of the embedding
    """

    given: np.ndarray
    null: np.ndarray
    size_bytes: np.ndarray
    length: int
    dimension: int


def bit_metrics(texts: Likelihoods, drawn: np.ndarray) -> dict[str, Interval]:
    """The measures in bits, each per text unless its name says otherwise.

    unrecovered_fraction is u = Σ NLL(x | e) / Σ NLL(x), 0 … 1 and above where reading harms.
    drawn: bootstrap weights, (resamples, n)
    """
    gained = texts.null - texts.given
    return {
        "nll_bits": mean_interval(texts.given, drawn),
        "null_nll_bits": mean_interval(texts.null, drawn),
        "recovered_bits": mean_interval(gained, drawn),
        "recovered_bits_per_token": mean_interval(gained / texts.length, drawn),
        "recovered_bits_per_byte": ratio_interval(gained, texts.size_bytes, drawn),
        "recovered_bits_per_dimension": mean_interval(gained / texts.dimension, drawn),
        "unrecovered_fraction": ratio_interval(texts.given, texts.null, drawn),
    }
