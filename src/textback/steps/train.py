"""The trainers: null model, hypothesizer, corrector; and the hypotheses between the two."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from textback.cells import SPLITS
from textback.config import Backbone, Training
from textback.config import Embedder as EmbedderEntry
from textback.device import bulk_precision, cost, pick_device
from textback.embedders import load_embedder
from textback.embeddings import embed_texts, forget
from textback.files import replacing, write_json
from textback.inverter import data
from textback.inverter.generate import guess, sample
from textback.inverter.model import Inverter
from textback.inverter.state import Checkpoint, digest, load_model, save_model
from textback.inverter.training import Data, passage_nll, train
from textback.locks import locked
from textback.passages import read_passages
from textback.progress import log
from textback.reductions import load_projection
from textback.specs import Spec
from textback.tokenizer import Tokenizer

BITS = 1 / math.log(2)  # in a nat
GREEDY = {"passages": None, "hypotheses": 1, "temperature": 1.0}  # of validation passages
LIKELIHOOD_BATCH = 256


def train_null_model(
    spec: Spec, tokenizer: Path, passages: Path, output: Path, state: Path, device: str
) -> None:
    """Train the null model and write the test passages' NLL without the embedding."""
    device = pick_device(device)
    model = _new(spec, tokenizer, dimension=1, device=device)
    splits = [data.null_data(passages / f"{split}.parquet", device) for split in SPLITS]
    _train(spec, model, *splits, output, state, "null model")


def train_hypothesizer(
    spec: Spec,
    tokenizer: Path,
    passages: Path,
    embeddings: Path,
    reduction: Path,
    output: Path,
    state: Path,
    device: str,
) -> None:
    """Train the hypothesizer and write the test passages' NLL given the embedding."""
    device = pick_device(device)
    project = load_projection(reduction)
    splits = [
        data.hypothesizer_data(
            passages / f"{split}.parquet", embeddings / f"{split}.safetensors", project, device
        )
        for split in SPLITS
    ]
    embedded = splits[0].inputs[0]
    model = _new(spec, tokenizer, embedded.shape[1], device=device)
    model.fit_scale(embedded)
    _train(spec, model, *splits, output, state, "hypothesizer")


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
    bpe = Tokenizer.load(tokenizer)
    project = load_projection(reduction)
    embedder = load_embedder(spec["name"], EmbedderEntry(**spec["embedder"]), device)
    queries = 0
    cosines: dict[str, float] = {}
    with locked(state):
        for split, wanted in (("train", spec["hypotheses"]), ("validation", GREEDY)):
            length = read_passages(passages / f"{split}.parquet")[0].shape[1]
            target = data.targets(embeddings / f"{split}.safetensors", project)
            target = target[: wanted["passages"]].to(device)
            ids = _guesses(hypothesizer, target, length, wanted, spec["seed"], split)
            texts = bpe.decode_batch(ids.tolist())
            distinct = sorted(set(texts))
            label = f"embedding {split} hypotheses"
            with bulk_precision(device):
                rows = embed_texts(embedder, distinct, spec["name"], spec, state, label)
            embedded = rows[np.searchsorted(distinct, texts)]
            queries += len(distinct)
            data.write_hypotheses(output / f"{split}.safetensors", ids, embedded, len(target))
            greedy = project(embedded[: len(target)])
            cosine = float((greedy * target.cpu().numpy()).sum(1).mean())
            log.info("%s hypotheses: mean cosine %.3f", split, cosine)
            cosines[split] = cosine
        forget(state)
    write_json(output / "cosines.json", cosines)
    seconds = time.monotonic() - began
    write_json(
        output / "costs.json", cost(device, embedder_queries=queries, generate_seconds=seconds)
    )


def train_corrector(
    spec: Spec,
    hypothesizer: Path,
    passages: Path,
    embeddings: Path,
    reduction: Path,
    hypotheses: Path,
    output: Path,
    state: Path,
    device: str,
) -> None:
    """Train the corrector, starting from the hypothesizer's weights."""
    device = pick_device(device)
    project = load_projection(reduction)
    train_data, validation_data = (
        data.corrector_data(
            passages / f"{split}.parquet",
            embeddings / f"{split}.safetensors",
            hypotheses / f"{split}.safetensors",
            project,
            device,
        )
        for split in ("train", "validation")
    )
    start = load_model(hypothesizer, device)
    backbone = Backbone(**spec["backbone"])
    torch.manual_seed(spec["seed"])
    model = Inverter(backbone, start.t5.config.vocab_size, len(start.mean), vectors=3).to(device)
    model.start_from(start)
    _train(spec, model, train_data, validation_data, None, output, state, "corrector")


def _guesses(
    model: Inverter, target: Tensor, length: int, wanted: dict[str, Any], seed: int, split: str
) -> Tensor:
    """The greedy guesses, then `hypotheses - 1` sampled ones of each target, (m, length)."""
    guesses = [guess(model, target, length, f"guessing {split}")]
    guesses += [
        sample(model, target, length, wanted["temperature"], seed + i, f"sampling {split}")
        for i in range(1, wanted["hypotheses"])
    ]
    return torch.cat(guesses)


def _new(spec: Spec, tokenizer: Path, dimension: int, device: str) -> Inverter:
    """An untrained hypothesizer or null model, its weights drawn from the seed."""
    torch.manual_seed(spec["seed"])
    vocabulary = Tokenizer.load(tokenizer).size
    return Inverter(Backbone(**spec["backbone"]), vocabulary, dimension, vectors=1).to(device)


def _train(
    spec: Spec,
    model: Inverter,
    train_data: Data,
    validation: Data,
    test: Data | None,
    output: Path,
    state: Path,
    label: str,
) -> None:
    """Train, or go on training; write model, history, costs and the NLL of test passages."""
    budget = Training(**spec["training"])
    data_digest = digest([train_data.ids, *train_data.inputs])
    start_digest = digest(model.state_dict().values())
    with locked(state):
        checkpoint = Checkpoint(state, {**spec, "data": data_digest, "start": start_digest})
        result = train(model, train_data, validation, budget, spec["seed"], checkpoint, label)
        save_model(output / "model.safetensors", model, Backbone(**spec["backbone"]))
        with replacing(output / "history.csv") as temporary:
            pd.DataFrame(result.history).to_csv(temporary, index=False)
        measured = {"train_seconds": result.seconds, "train_flops": result.flops}
        write_json(output / "costs.json", cost(model.mean.device.type, **measured))
        if test is not None:
            _write_likelihoods(model, test, output)
        checkpoint.remove()


def _write_likelihoods(model: Inverter, test: Data, output: Path) -> None:
    """Write each test passage's NLL in bits, as parquet."""
    bits = passage_nll(model, test, LIKELIHOOD_BATCH).numpy() * BITS
    with replacing(output / "likelihood.parquet") as temporary:
        pd.DataFrame({"text": range(len(bits)), "nll_bits": bits}).to_parquet(temporary)
