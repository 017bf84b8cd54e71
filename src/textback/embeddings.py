"""Embeddings on disk, and embedding many texts so that a kill loses little.

Stored as float16: a unit vector's rounding changes its cosines by less than 1e-6.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from textback.embedders import Embedder
from textback.embedders.gate import check_embeddings
from textback.errors import TextbackError
from textback.files import replacing
from textback.progress import Meter
from textback.specs import Spec

MOST_LOST = 1e-2  # of a vector's length, to 16 bits
CHUNK = {"cpu": 4096, "cuda": 65_536}  # texts between two writes: of passages, seconds of work


def embed_texts(
    embedder: Embedder,
    texts: Sequence[str],
    name: str,
    spec: Spec,
    state: Path,
    label: str,
    chunk: int,
) -> np.ndarray:
    """Embed texts, (n,) → (n, native) float16, keeping finished chunks in the folder `state`.

    A chunk's file is named by its texts and the embedder's spec, so that only what is unchanged
    is taken up again. The caller removes them with `forget` when its own output is written.
    chunk: how many texts one has
    """
    rows = np.empty((len(texts), embedder.dimension), np.float16)
    meter = Meter(label, len(texts), "texts")
    for start in range(0, len(texts), chunk):
        some = list(texts[start : start + chunk])
        key = hashlib.sha256(json.dumps([spec, some], sort_keys=True).encode()).hexdigest()
        path = state / f"chunk-{key[:24]}.safetensors"
        if path.exists():
            part = read_embeddings(path)
        else:
            vectors = embedder.embed(some)
            check_embeddings(name, vectors, len(some), embedder.dimension)
            part = _half(name, vectors)
            write_embeddings(path, part)
        rows[start : start + len(some)] = part
        meter.advance(len(some))
    meter.close()
    return rows


def forget(state: Path) -> None:
    """Remove the chunks that `embed_texts` kept."""
    for path in state.glob("chunk-*.safetensors"):
        path.unlink()


def write_embeddings(path: Path, embeddings: np.ndarray) -> None:
    """Write embeddings, (n, native) float16."""
    with replacing(path) as temporary:
        save_file({"embeddings": np.ascontiguousarray(embeddings)}, temporary)


def read_embeddings(path: Path) -> np.ndarray:
    """Read embeddings, (n, native) float16. Raises TextbackError where the file is broken."""
    try:
        with safe_open(path, "numpy") as file:
            return file.get_tensor("embeddings")
    except (OSError, SafetensorError) as error:
        raise TextbackError(
            f"embeddings {path}: cannot be read ({error}): delete the file and run again"
        ) from None


def _half(name: str, vectors: np.ndarray) -> np.ndarray:
    largest = float(np.abs(vectors).max(initial=0.0))
    if largest > float(np.finfo(np.float16).max):
        raise TextbackError(
            f"embedder '{name}' returned a component of {largest:.0f}, above what 16 bits hold: "
            "normalise its vectors"
        )
    half = vectors.astype(np.float16)
    lost = np.linalg.norm(half - vectors, axis=1)
    if (lost > MOST_LOST * np.linalg.norm(vectors, axis=1)).any():
        raise TextbackError(
            f"embedder '{name}' returned components of about {np.abs(vectors).mean():.0e}, below "
            "what 16 bits hold: normalise its vectors"
        )
    return half
