"""Vectors that were paid for, kept on disk: an SQLite file for each model of an endpoint.

A batch of vectors is one transaction, on disk before `write` returns, so that nothing written is
lost by a kill. Several processes may read and write at once. The file has SQLite's rollback
journal: its write-ahead log would be no faster at a few writes a second, and does not work on the
network file systems that a cluster's nodes share.
"""

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from textback.cells import RESULTS
from textback.config.embedders import OpenAI
from textback.errors import TextbackError

FOLDER = RESULTS / ".cache" / "embedders"
PATIENCE = 60  # seconds that one process waits for another's transaction
PARAMETERS = 500  # of a query
TABLE = "CREATE TABLE IF NOT EXISTS vectors (text BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID"


def cache_path(entry: OpenAI) -> Path:
    """The file of all vectors that an entry's endpoint gives: one for each url, model and size."""
    key = json.dumps([entry.base_url.rstrip("/"), entry.model, entry.dimensions, entry.dimension])
    model = re.sub(r"[^A-Za-z0-9.-]+", "-", entry.model)[:60]
    return FOLDER / f"{model}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.sqlite"


class VectorCache:
    """Vectors of `dimension` components by their texts; the file knows the texts by SHA-256."""

    def __init__(self, path: Path, dimension: int) -> None:
        self._path, self._dimension = path, dimension
        with self._mendable():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Autocommit: a transaction is one that `write` begins.
            self._file = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
            self._file.execute("PRAGMA synchronous = FULL")
            self._file.execute(TABLE)

    def read(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors of those texts that are known, (dimension,) float32 each."""
        digests = {_digest(text): text for text in texts}
        wanted = list(digests)
        found: dict[str, np.ndarray] = {}
        with self._mendable():
            for start in range(0, len(wanted), PARAMETERS):
                part = wanted[start : start + PARAMETERS]
                marks = ",".join("?" * len(part))
                query = f"SELECT text, vector FROM vectors WHERE text IN ({marks})"
                for digest, blob in self._file.execute(query, part):
                    found[digests[digest]] = self._vector(blob)
        return found

    def write(self, texts: Sequence[str], vectors: np.ndarray) -> None:
        """Keep texts' vectors, (n, dimension) float32; a text that is known keeps its own."""
        blobs = [row.astype("<f4").tobytes() for row in vectors]
        rows = zip(map(_digest, texts), blobs, strict=True)
        with self._mendable(), self._file:
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)

    def _vector(self, blob: bytes) -> np.ndarray:
        if len(blob) != 4 * self._dimension:
            raise sqlite3.DatabaseError(f"a vector of {len(blob)} bytes")
        return np.frombuffer(blob, "<f4").astype(np.float32)

    @contextmanager
    def _mendable(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            whole = isinstance(error, (sqlite3.OperationalError, OSError))
            way_out = (
                "free some space, change its rights, or wait for the processes that use it"
                if whole
                else "move the file away; what it held is paid for again"
            )
            raise TextbackError(f"cache {self._path}: {error}: {way_out}") from None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
