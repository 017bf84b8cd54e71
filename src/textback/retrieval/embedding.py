"""The native embeddings of a retrieval set, which every reduction and perturbation starts from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from textback.counted import counted
from textback.device import bulk_precision
from textback.embedders import Embedder
from textback.embedders.cutting import Cutting
from textback.embeddings import embed_texts
from textback.progress import log
from textback.retrieval.beir import JudgedSet
from textback.specs import Spec

CHUNK = {"cpu": 512, "cuda": 4096}  # texts between two writes: a minute or two of documents


@dataclass(frozen=True)
class Counts:
    """How many texts were embedded, and of how many only the beginning was read."""

    documents: int
    documents_cut: int
    queries: int
    queries_cut: int
    max_tokens: int | None

    def __str__(self) -> str:
        """In words."""
        queries = f"{self.queries:,} {'query' if self.queries == 1 else 'queries'}"
        said = f"{counted(self.documents, 'document')}, {queries}"
        if self.max_tokens is None:
            return said
        cut = f"of {self.documents_cut:,} and {self.queries_cut:,}"
        return f"{said}; {cut} only the first {self.max_tokens} tokens are read"


def embed_set(
    found: JudgedSet, name: str, embedder: Embedder, spec: Spec, state: Path, device: str
) -> tuple[np.ndarray, np.ndarray, Counts]:
    """Native embeddings of documents and queries, (n, native) float16 each, and their counts.

    A text that is longer than the embedder reads is cut to what it reads. As training passages are,
    in bf16 where the hardware has it. Finished chunks are kept in the folder `state` (see
    `textback.embeddings.embed_texts`).
    """
    cutting = Cutting(embedder)
    documents, queries = list(found.documents.values()), list(found.queries.values())
    counts = Counts(
        len(documents),
        cutting.count_cut(documents),
        len(queries),
        cutting.count_cut(queries),
        embedder.max_tokens,
    )
    log.info("%s: %s", name, counts)
    with bulk_precision(device):
        rows = [
            embed_texts(cutting, texts, name, spec, state, f"embedding {what}", CHUNK[device])
            for what, texts in (("documents", documents), ("queries", queries))
        ]
    return rows[0], rows[1], counts
