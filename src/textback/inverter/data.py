"""What the trainers and the search read from disk, as tensors where they are needed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from textback.embeddings import read_embeddings
from textback.errors import TextbackError
from textback.files import replacing
from textback.inverter.batches import Data
from textback.passages import read_passages
from textback.progress import log
from textback.reductions import Projection

HYPOTHESES = ("passage", "embeddings", "ids")  # columns of a file of hypotheses
ROOM = 0.5  # share of a GPU's free memory that data may take


class Reduce:
    """A reduction applied on the fly, on a device; see `textback.reductions.Projection`."""

    def __init__(self, project: Projection, device: str) -> None:
        def placed(part: np.ndarray | None) -> Tensor | None:
            return None if part is None else torch.from_numpy(part).to(device)

        self.mean, self.basis = placed(project.mean), placed(project.basis)
        self.unit = project.unit

    @property
    def tensors(self) -> list[Tensor]:
        """What it holds on the device."""
        return [part for part in (self.mean, self.basis) if part is not None]

    def __call__(self, embeddings: Tensor) -> Tensor:
        """(n, native) → (n, dim) float32, whatever training computes in."""
        reduced = embeddings.float()
        if self.mean is not None:
            reduced = reduced - self.mean
        if self.basis is not None:
            with torch.autocast(reduced.device.type, enabled=False):
                reduced = reduced @ self.basis
        return F.normalize(reduced, dim=1) if self.unit else reduced


def targets(path: Path, project: Projection) -> Tensor:
    """Reduced embeddings, (n, dim) float32."""
    return torch.from_numpy(project(read_embeddings(path)))


def passage_ids(path: Path, most: int | None = None) -> Tensor:
    """Token ids of passages, all or the first `most`, (n, length) int32."""
    return torch.from_numpy(read_passages(path)[0][:most].astype(np.int32))


def hypothesizer_data(
    passages: Path, embeddings: Path, project: Projection, device: str, most: int | None = None
) -> Data:
    """Passages with their embeddings e, all or the first `most`."""
    columns = passage_ids(passages, most), _mapped(embeddings, "embeddings")[:most]
    return _placed(columns, Reduce(project, device), device)


def null_data(passages: Path, device: str) -> Data:
    """Passages with a vector that says nothing, (n, 1) zeros."""
    ids = passage_ids(passages)
    return _placed((ids, torch.zeros(len(ids), 1)), None, device)


def corrector_data(
    passages: Path, embeddings: Path, hypotheses: list[Path], project: Projection, device: str
) -> Data:
    """Passages with e, ê and x̂, a row a hypothesis.

    Passages and e are there once; e is mapped, as hypotheses are if they come in a single file.
    Raises TextbackError where these are of other passages.
    """
    guesses = [read_hypotheses(path) for path in hypotheses]
    passage, vectors, ids = (_joined([part[name] for part in guesses]) for name in HYPOTHESES)
    passage = passage.long()
    guessed = int(passage.max()) + 1  # the first ones: see `write_hypotheses`
    own = passage_ids(passages, guessed)
    if len(own) < guessed:
        raise TextbackError(
            f"hypotheses {hypotheses[0]}: are of {guessed} passages, {passages} has {len(own)}: "
            "delete the hypotheses and run again"
        )
    columns = own, _mapped(embeddings, "embeddings")[:guessed], vectors, ids
    return _placed(columns, Reduce(project, device), device, passage)


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


def _joined(parts: list[Tensor]) -> Tensor:
    """One after the other; a single one as it is, which may be mapped."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _placed(
    columns: tuple[Tensor, ...], reduce: Reduce | None, device: str, passage: Tensor | None = None
) -> Data:
    """Put the columns on the device where it has room for them, else leave them where they are."""
    data = Data(columns[0], columns[1:], torch.device(device), reduce, passage)
    if device == "cuda":
        needed = sum(tensor.nbytes for tensor in data.tensors)
        free = torch.cuda.mem_get_info()[0]
        if needed > ROOM * free:
            log.info("%.1f GB of data stay on the host and travel batch by batch", needed / 1e9)
            return data
    ids, *inputs = (column.to(device) for column in columns)
    passage = None if passage is None else passage.to(device)
    return replace(data, ids=ids, inputs=tuple(inputs), passage=passage)


def _mapped(path: Path, name: str) -> Tensor:
    """A tensor of a file, read from disk only where it is used."""
    try:
        with safe_open(path, "pt") as file:
            return file.get_tensor(name)
    except (OSError, SafetensorError) as error:
        raise TextbackError(
            f"{name} {path}: cannot be read ({error}): delete the file and run again"
        ) from None
