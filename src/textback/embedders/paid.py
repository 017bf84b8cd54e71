"""What embedders that are paid by the token have cost so far."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from textback.counted import counted
from textback.embedders import Embedder
from textback.progress import log


@dataclass(frozen=True)
class Spent:
    """Texts embedded for money, their tokens as the endpoint counts them, and US dollars."""

    queries: int = 0
    tokens: int = 0
    dollars: float = 0.0


@runtime_checkable
class Paid(Protocol):
    """An embedder that is paid by the token."""

    @property
    def spent(self) -> Spent:
        """By this process so far; what a cache answers costs nothing."""


def paid_costs(name: str, embedder: Embedder) -> dict[str, float]:
    """What a step has spent on its embedder, for its record of costs and its log.

    Returns nothing where the embedder is free.
    """
    if not isinstance(embedder, Paid):
        return {}
    spent = embedder.spent
    log.info(
        "embedder '%s': paid for %s, %s, $%.4f; others were known",
        *(name, counted(spent.queries, "text"), counted(spent.tokens, "token"), spent.dollars),
    )
    return {
        "paid_queries": spent.queries,
        "paid_tokens": spent.tokens,
        "paid_dollars": spent.dollars,
    }
