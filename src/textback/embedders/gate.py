"""The gate: an embedder is what its entry says, or the study that uses it does not begin.

Dependencies fail silently: a wrong pooling, a dropout left on, or padding that leaks gives vectors
that look right. The report of a passed gate lies beside the embeddings.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from textback.config import EmbedderEntry
from textback.counted import counted
from textback.embedders import Embedder
from textback.errors import TextbackError

TEXTS = ("the president of the senate", "wheat", "a cold morning in the north of the country")
TOLERANCE = 1e-4  # of a component, relative to the vector's length


def gate(name: str, embedder: Embedder, entry: EmbedderEntry) -> dict[str, Any]:
    """Raise TextbackError unless the embedder's vectors can be trusted.

    Checks shape, finiteness, that distinct texts get distinct vectors, that the same text gets the
    same vector again, that a text's vector does not depend on its batch, and that case matters
    just where the entry says so. Texts are embedded once more for each of these.

    Returns what was found: the largest deviations, as shares of the vectors' length.
    """
    together = embedder.embed(TEXTS)
    check_embeddings(name, together, len(TEXTS), entry.dimension)
    scale = float(np.linalg.norm(together, axis=1).max())
    report = {"texts": list(TEXTS), "tolerance": TOLERANCE, "dimension": entry.dimension}
    one, other = np.triu_indices(len(TEXTS), k=1)
    report["distinct"] = _deviation(together[one], together[other], scale, np.min)
    if not report["distinct"] > TOLERANCE:
        raise TextbackError(
            f"embedder '{name}' returns the same vector for different texts: check its weights"
        )
    report["repeated"] = _deviation(together, embedder.embed(TEXTS), scale)
    if report["repeated"] > TOLERANCE:
        raise TextbackError(
            f"embedder '{name}' gives a text another vector each time (by {report['repeated']:.1e} "
            "of its length): switch its dropout off"
        )
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    report["batch"] = _deviation(together, alone, scale)
    if report["batch"] > TOLERANCE:
        raise TextbackError(
            f"embedder '{name}': a text's vector depends on its batch (by {report['batch']:.1e} of "
            "its length): check its padding and attention mask"
        )
    report["case"] = _deviation(together, embedder.embed([text.upper() for text in TEXTS]), scale)
    _check_case(name, report["case"] > TOLERANCE, entry.cased)
    return report


def _deviation(
    one: np.ndarray, other: np.ndarray, scale: float, over: Callable[[np.ndarray], float] = np.max
) -> float:
    """How far vectors, (n, dim) each, differ in a component, relative to a length."""
    return float(over(np.abs(one - other).max(1))) / scale


def _check_case(name: str, found: bool, stated: bool) -> None:
    if found != stated:
        does = "does" if found else "does not"
        raise TextbackError(
            f"embedder '{name}' {does} tell upper from lower case: set cased: {str(found).lower()} "
            "in its entry"
        )


def check_embeddings(name: str, embeddings: np.ndarray, texts: int, dimension: int) -> None:
    """Raise TextbackError unless embeddings are finite and (texts, dimension)."""
    if embeddings.shape != (texts, dimension):
        raise TextbackError(
            f"embedder '{name}' returned shape {embeddings.shape} for {counted(texts, 'text')} "
            f"instead of ({texts}, {dimension}): correct 'dimension' in its entry"
        )
    if not np.isfinite(embeddings).all():
        raise TextbackError(
            f"embedder '{name}' returned NaN or infinite components: check its weights and inputs"
        )


def check_lengths(name: str, embedder: Embedder, texts: Sequence[str]) -> None:
    """Raise TextbackError where the embedder would truncate a text."""
    if embedder.max_tokens is None:
        return
    # A token is a byte of its text at least, but for a few. What precedes every text is counted.
    room = embedder.max_tokens - int(embedder.count_tokens([""])[0])
    long = [text for text in texts if 2 * len(text.encode()) > room]
    if not long:
        return
    counts = embedder.count_tokens(long)
    longest = int(counts.argmax())
    if counts[longest] > embedder.max_tokens:
        raise TextbackError(
            f"embedder '{name}' reads {counted(embedder.max_tokens, 'token')}, but the passage "
            f"'{long[longest][:60]}' has {counts[longest]}: use a shorter one"
        )
