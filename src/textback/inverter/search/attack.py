"""What a search needs of an inverter and an embedder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textback.inverter.search.comparison import Embed

Made = tuple[np.ndarray, np.ndarray]
Writer = Callable[[Any, np.ndarray, np.ndarray, np.ndarray, int], Made]
Editor = Callable[[Any, np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]
Judge = Callable[[Any, np.ndarray, np.ndarray], np.ndarray]
Expect = Callable[
    [Any, np.ndarray, list[np.ndarray], list[np.ndarray], list[np.ndarray]], list[np.ndarray]
]
Imagine = Callable[[list[np.ndarray], list[np.ndarray], list[np.ndarray]], list[np.ndarray]]


@dataclass(frozen=True)
class Attack:
    """What the search needs of an inverter and an embedder, for passages of one length.

    guess: e (n, dim) → ids (n, length), the hypotheses of round 0
    decode: ids → texts
    embed: texts, and their ids (m, length) → embeddings (m, dim), reduced as e is
    read: e (n, dim) → what the inverter makes of e, once a text, for all below
    correct: read, rows (m,) of it, ê (m, dim), x̂ (m, length), width → ids (m, width, length) and
        their log-likelihoods (m, width), or fewer than `width` where there are no more
    edit: as `correct`, texts one change away from x̂, `width` and as many of a surrogate → ids alone
    judge: read, rows (m,) of it, edits (m, length) → their log-likelihoods (m,)
    expect: read, rows (m,) of it, and for each row the ids (n, length) and embeddings (n, dim) of
        texts that were seen, and candidates (k, length) → the cosines to e that these are expected
        to have, (k,) a row
    imagine: for each of some targets ids and embeddings of texts that were seen, and candidates, as
        for `expect` → the embeddings that these are expected to have, (k, dim) a target
    screen: as `embed`, faster, and near enough to say which texts are worth embedding

    Without rounds there is no need to read and to correct, without `edit` nothing is edited or
    judged, without `expect` likelihoods alone say what is tried, without `imagine` nothing is
    edited before it is embedded, and without `screen` all that is tried is embedded in full
    precision.
    """

    guess: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[Sequence[Sequence[int]]], list[str]]
    embed: Embed
    read: Callable[[np.ndarray], Any] | None = None
    correct: Writer | None = None
    edit: Editor | None = None
    judge: Judge | None = None
    expect: Expect | None = None
    imagine: Imagine | None = None
    screen: Embed | None = None
