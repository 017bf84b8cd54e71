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
from textback.embeddings import CHUNK, embed_texts, forget
from textback.files import write_json
from textback.inverter import data
from textback.inverter.decoding import DRAWN, Drawing
from textback.inverter.generate import guess, sample
from textback.inverter.model import Inverter
from textback.inverter.state import load_model
from textback.locks import locked
from textback.progress import log
from textback.reductions import load_projection
from textback.specs import Spec, embedder_entry
from textback.tokenizer import Tokenizer
from textback.vectors import cosines

GIVEN_SEEDS = 2**31  # apart from the seeds by which tokens are drawn
# Of validation passages: one greedy guess each.
GREEDY = {"passages": None, "hypotheses": 1, "temperature": 1.0, "teacher_forcing": 0.0}


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
            ids = data.passage_ids(passages / f"{split}.parquet")[: wanted["passages"]].to(device)
            target = data.targets(embeddings / f"{split}.safetensors", project)
            target = target[: wanted["passages"]].to(device)
            with bulk_precision(device):
                guesses = _guesses(hypothesizer, target, ids, wanted, spec["seed"], split)
            embedded = embed(guesses, f"embedding {split} hypotheses")
            data.write_hypotheses(output / f"{split}.safetensors", guesses, embedded, len(target))
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
            chunk = CHUNK[self._device]
            rows = embed_texts(cutting, distinct, name, spec, self._state, label, chunk)
        return rows[np.searchsorted(distinct, texts)]

    def costs(self) -> dict[str, float]:
        """Of embedding so far, for the step's record of costs."""
        paid = paid_costs(self._spec["name"], self._embedder)
        return {"embedder_queries": self.queries, **paid}


def _guesses(
    model: Inverter, target: Tensor, ids: Tensor, wanted: dict[str, Any], seed: int, split: str
) -> Tensor:
    """The greedy guesses, then `hypotheses - 1` sampled ones of each target, (m, length).

    ids: the passages themselves, (n, length)
    """
    drawing, length = Drawing(wanted["temperature"]), ids.shape[1]
    guesses = [guess(model, target, length, f"guessing {split}")]
    for number in range(seed + 1, seed + wanted["hypotheses"]):
        given = _given(ids, wanted["teacher_forcing"], number)
        guesses.append(sample(model, target, length, drawing, number, f"sampling {split}", given))
    return torch.cat(guesses)


def _given(ids: Tensor, most: float, seed: int) -> Tensor:
    """Some tokens of each passage, (n, length), DRAWN in place of the others.

    A passage's share of them is drawn evenly from 0 to `most`: so a corrector sees hypotheses that
    are as near to the text as those of a search's later rounds.
    """
    generator = torch.Generator().manual_seed(GIVEN_SEEDS + seed)
    shares = most * torch.rand(len(ids), 1, generator=generator)
    kept = torch.rand(ids.shape, generator=generator) < shares
    return ids.long().masked_fill(~kept.to(ids.device), DRAWN)
