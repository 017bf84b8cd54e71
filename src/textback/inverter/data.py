"""What the trainers and the search read from disk, as tensors on their device."""

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from textback.embeddings import read_embeddings
from textback.errors import TextbackError
from textback.files import replacing
from textback.inverter.training import Data
from textback.passages import read_passages
from textback.reductions import Projection


def targets(path: Path, project: Projection) -> Tensor:
    """Reduced embeddings, (n, dim) float32."""
    return torch.from_numpy(project(read_embeddings(path)))


def passage_ids(path: Path) -> Tensor:
    """Token ids of passages, (n, length) int32."""
    return torch.from_numpy(read_passages(path)[0].astype(np.int32))


def hypothesizer_data(passages: Path, embeddings: Path, project: Projection, device: str) -> Data:
    """Passages with their embeddings e."""
    return Data(passage_ids(passages).to(device), (targets(embeddings, project).to(device),))


def null_data(passages: Path, device: str) -> Data:
    """Passages with a vector that says nothing, (n, 1) zeros."""
    ids = passage_ids(passages).to(device)
    return Data(ids, (torch.zeros(len(ids), 1, device=device),))


def corrector_data(
    passages: Path, embeddings: Path, hypotheses: Path, project: Projection, device: str
) -> Data:
    """Passages with e, ê and x̂, a row a hypothesis."""
    ids, target = passage_ids(passages), targets(embeddings, project)
    guesses = read_hypotheses(hypotheses)
    row = guesses["passage"].long()
    guess = torch.from_numpy(project(guesses["embeddings"].numpy()))
    return Data(
        ids[row].to(device),
        (target[row].to(device), guess.to(device), guesses["ids"].to(device)),
    )


def read_hypotheses(path: Path) -> dict[str, Tensor]:
    """Hypotheses: `passage` (m,), `ids` (m, length), `embeddings` (m, native) float16."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise TextbackError(
            f"hypotheses {path}: cannot be read ({error}): delete the file and run again"
        ) from None


def write_hypotheses(path: Path, ids: Tensor, embeddings: np.ndarray, passages: int) -> None:
    """Write hypotheses; row i is one of passage i modulo `passages`."""
    tensors = {
        "passage": (torch.arange(len(ids)) % passages).int(),
        "ids": ids.cpu().int(),
        "embeddings": torch.from_numpy(embeddings),
    }
    with replacing(path) as temporary:
        save_file(tensors, temporary)
