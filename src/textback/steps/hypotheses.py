"""Hypotheses: what an inverter guesses of its training passages, embedded, for a corrector."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from textback.device import bulk_precision, cost, pick_device
from textback.embedders import load_embedder
from textback.embedders.cutting import Cutting
from textback.embedders.paid import paid_costs
from textback.embeddings import embed_texts, forget
from textback.files import write_json
from textback.inverter import data
from textback.inverter.decoding import Drawing
from textback.inverter.generate import guess, sample
from textback.inverter.model import Inverter
from textback.inverter.state import load_model
from textback.locks import locked
from textback.passages import read_passages
from textback.progress import log
from textback.reductions import load_projection
from textback.specs import Spec, embedder_entry
from textback.tokenizer import Tokenizer
from textback.vectors import cosines

GREEDY = {"passages": None, "hypotheses": 1, "temperature": 1.0}  # of validation passages


def make_hypotheses(
    spec: Spec,
    model: Path,
    tokenizer: Path,
    passages: Path,
    embeddings: Path,
    reduction: Path,
    output: Path,
    state: Path,
    device: str,
) -> None:
    """Let the hypothesizer guess training and validation passages, and embed the guesses.

    Training passages get one greedy and then sampled guesses, validation passages the greedy one.
    Writes the mean cosines of both, whose gap tells how much of the training set was memorised.
    """
    began = time.monotonic()
    device = pick_device(device)
    hypothesizer = load_model(model, device)
    project = load_projection(reduction)
    embed = HypothesisEmbedder(spec, Tokenizer.load(tokenizer), state, device)
    means: dict[str, float] = {}
    with locked(state):
        for split, wanted in (("train", spec["hypotheses"]), ("validation", GREEDY)):
            length = read_passages(passages / f"{split}.parquet")[0].shape[1]
            target = data.targets(embeddings / f"{split}.safetensors", project)
            target = target[: wanted["passages"]].to(device)
            with bulk_precision(device):
                ids = _guesses(hypothesizer, target, length, wanted, spec["seed"], split)
            embedded = embed(ids, f"embedding {split} hypotheses")
            data.write_hypotheses(output / f"{split}.safetensors", ids, embedded, len(target))
            greedy = project(embedded[: len(target)])
            cosine = float(cosines(greedy, target.cpu().numpy()).mean())
            log.info("%s hypotheses: mean cosine %.3f", split, cosine)
            means[split] = cosine
        forget(state)
    write_json(output / "cosines.json", means)
    seconds = time.monotonic() - began
    write_json(output / "costs.json", cost(device, generate_seconds=seconds, **embed.costs()))


class HypothesisEmbedder:
    """Embeds training hypotheses, each distinct text once, in `queries` texts so far."""

    def __init__(self, spec: Spec, tokenizer: Tokenizer, state: Path, device: str) -> None:
        self._spec, self._tokenizer, self._state, self._device = spec, tokenizer, state, device
        self._embedder = load_embedder(spec["name"], embedder_entry(spec), device)
        self.queries = 0

    def __call__(self, ids: Tensor, label: str) -> np.ndarray:
        """Token ids (m, length) → embeddings (m, native) float16."""
        texts = self._tokenizer.decode_batch(ids.tolist())
        distinct = sorted(set(texts))
        self.queries += len(distinct)
        name, spec = self._spec["name"], self._spec
        with bulk_precision(self._device):
            # A garbled hypothesis may be longer than any passage.
            cutting = Cutting(self._embedder)
            rows = embed_texts(cutting, distinct, name, spec, self._state, label)
        return rows[np.searchsorted(distinct, texts)]

    def costs(self) -> dict[str, float]:
        """Of embedding so far, for the step's record of costs."""
        paid = paid_costs(self._spec["name"], self._embedder)
        return {"embedder_queries": self.queries, **paid}


def _guesses(
    model: Inverter, target: Tensor, length: int, wanted: dict[str, Any], seed: int, split: str
) -> Tensor:
    """The greedy guesses, then `hypotheses - 1` sampled ones of each target, (m, length)."""
    drawing = Drawing(wanted["temperature"])
    guesses = [guess(model, target, length, f"guessing {split}")]
    guesses += [
        sample(model, target, length, drawing, seed + i, f"sampling {split}")
        for i in range(1, wanted["hypotheses"])
    ]
    return torch.cat(guesses)
