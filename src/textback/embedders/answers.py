"""An endpoint's answer, from JSON to vectors, and everything that can be wrong with one."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from textback.counted import counted


class Malformed(Exception):
    """An answer that cannot be trusted; the message says what came, all of it."""


@dataclass(frozen=True)
class Answer:
    """vectors: (n, dim) float32, in the order of the texts; tokens: paid for, where it says so."""

    vectors: np.ndarray
    tokens: int | None


def read_answer(text: str, wanted: int) -> Answer:
    """Read the answer to a request of so many texts; its rows may come in any order.

    Components may be NaN. Raises Malformed for anything but one vector a text.
    """
    try:
        answer = json.loads(text)
    except ValueError:
        raise Malformed(f"something that is not JSON: {text}") from None
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise Malformed(f"without a list of embeddings in 'data': {text}")
    rows = {str(row.get("index")): row.get("embedding") for row in data}
    order = [str(i) for i in range(wanted)]
    if len(data) != wanted or rows.keys() != set(order):
        found = counted(len(data), "embedding")
        raise Malformed(f"with {found}, or wrong indices, for {counted(wanted, 'text')}")
    try:
        vectors = np.array([rows[i] for i in order], np.float32)
    except (ValueError, TypeError):
        raise Malformed("with embeddings that are not lists of numbers of one length") from None
    if vectors.ndim != 2:
        raise Malformed("with embeddings that are not lists of numbers")
    return Answer(vectors, _tokens(answer))


def _tokens(answer: dict[str, Any]) -> int | None:
    usage = answer.get("usage")
    tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
    return tokens if isinstance(tokens, int) else None
