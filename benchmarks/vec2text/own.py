"""textback's own side of the comparison: its models, data and trainings, of an exchange folder.

options: those of `compare.py`
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from turns import turn

from textback.bench.training import steps_per_second
from textback.config import Backbone, Training, read_study_file
from textback.embedders import load_embedder
from textback.inverter import data, generate
from textback.inverter import training as loop
from textback.inverter.batches import Data, Order
from textback.inverter.model import Inverter
from textback.inverter.search import Effort, Round, invert
from textback.inverter.starts import greedy
from textback.inverter.state import Checkpoint
from textback.inverter.training_step import TrainingStep
from textback.metrics import bleu_of, bleu_statistics
from textback.processes import compile_choice
from textback.reductions import Projection
from textback.steps.invert import CandidateEmbedder, load_attack
from textback.tokenizer import Tokenizer

EMBEDDER = "minilm"
PAPER = Backbone(family="t5", form="paper", embedding_tokens=16)  # vec2text's default
OURS = {
    "textback, T5 in the paper's form": PAPER,
    "textback, T5": Backbone(family="t5"),
    "textback, Llama": Backbone(family="llama"),
}
PATIENCE = 3  # rounds without gain, as a search has where nothing is said
SHORT = 5  # steps of a training that tells how long one takes to start


def rate(options: argparse.Namespace, model: Inverter, seconds: float) -> float:
    """Examples a second of textback's own steps, once they run."""
    data_ = data_of(options, "train")
    step = TrainingStep(model, data_, budget_of(options, 1))
    order = Order(len(data_), options.batch, 0, data_.device)

    def take(number: int) -> Tensor:
        return step(order.batch(number))

    for number in range(2):  # out of turn: it may have to be compiled, and recorded
        take(number)
    with turn():
        return options.batch * steps_per_second(take, seconds, options.device)


def startup(options: argparse.Namespace, model: Inverter, rate: float) -> float:
    """Seconds that a training takes beside its steps, where one of its kind has run before.

    Compilation is most of it on a GPU; the first one of a process, which takes longest, is not
    counted.
    """
    few, data_ = data_of(options, "validation", rows=2), data_of(options, "train")
    budget = budget_of(options, SHORT)
    with turn():
        _, second = (fit(model, data_, few, budget, options) for _ in range(2))
    return max(0.0, second - budget.examples / rate)


def budget_of(options: argparse.Namespace, steps: int) -> Training:
    """So many steps, at the options' settings."""
    return Training(
        examples=max(steps, 2) * options.batch,
        batch=options.batch,
        optimizer=options.optimizer,
        learning_rate=options.learning_rate,
    )


def fit(
    model: Inverter, train_data: Data, validation: Data, budget: Training, options: Any
) -> float:
    """Train by textback's loop; returns the seconds."""
    entry = model.entry
    model.entry = entry.model_copy(update={"form": "textback"})  # textback's optimiser for both
    with tempfile.TemporaryDirectory() as folder:
        result = loop.train(
            model, train_data, validation, budget, 0, Checkpoint(Path(folder), {}), "training"
        )
    model.entry = entry
    return result.seconds


def data_of(options: argparse.Namespace, split: str, rows: int | None = None) -> Data:
    """Passages of a split, the first `rows`, with their embeddings."""
    tensors = load_file(options.folder / f"{split}.safetensors", device=options.device)
    reduce = data.Reduce(Projection(), options.device)
    ids, embeddings = tensors["ids"][:rows], tensors["embeddings"][:rows]
    return Data(ids, (embeddings,), torch.device(options.device), reduce)


def new(options: argparse.Namespace, entry: Backbone, ways: int) -> Inverter:
    """An untrained model of the options' size; ways: 1 for a hypothesizer, 3 for a corrector."""
    torch.manual_seed(0)
    bpe = Tokenizer.load(options.folder / "tokenizer.json")
    _, embeddings = data_of(options, "train").rows(slice(0, 10_000))
    entry = entry.model_copy(update={"size": options.size})
    model = Inverter(entry, bpe.size, embeddings.shape[1], ways).to(options.device)
    model.reader.fit_scale(embeddings)
    model.bar(bpe.specials)
    return model


def trained_bleu(
    options: argparse.Namespace, model: Inverter, budget: Training, references: list[str]
) -> dict[str, Any]:
    """Train, decode greedily and score. No time goes into validation, as in vec2text's training."""
    few = data_of(options, "validation", rows=2)
    with turn():
        seconds = fit(model, data_of(options, "train"), few, budget, options)
    _, targets = data_of(options, "test").rows(slice(0, len(references)))
    with turn():
        ids = generate.guess(model, targets, options.length)
    texts = Tokenizer.load(options.folder / "tokenizer.json").decode_batch(ids.tolist())
    return {
        "optimizer": budget.optimizer,
        "learning_rate": budget.learning_rate,
        "seconds": seconds,
        "examples": budget.examples,
        "bleu": bleu_of_texts(texts, references),
    }


def bleu_of_texts(texts: list[str], references: list[str]) -> float:
    """Corpus BLEU, 0 to 100."""
    return float(bleu_of(bleu_statistics(texts, references).sum(0)))


def search(options: argparse.Namespace, breadth: int, edits: bool) -> dict[str, Any]:
    """textback's own search of a breadth, as evaluation has it.

    Queries are the texts embedded for each text, in whatever precision. Its curve has the mean
    cosine after each round, and the seconds by then.
    """
    study = read_study_file(Path("config.yaml"))
    embedder = load_embedder(EMBEDDER, study.embedders[EMBEDDER], options.device)
    tokenizer = options.folder / "tokenizer.json"
    embed = CandidateEmbedder(EMBEDDER, embedder, tokenizer, Projection())
    attack = load_attack(
        options.folder / "ours" / "hypothesizer.safetensors",
        options.folder / "ours" / "corrector.safetensors",
        Tokenizer.load(tokenizer),
        embed,
        greedy(options.length),
        options.device,
    )
    test = load_file(options.folder / "test.safetensors")
    targets = Projection()(test["embeddings"].numpy()[: options.searched])
    references = (options.folder / "test.txt").read_text(encoding="utf-8").split("\n")
    effort = Effort("elitist", options.beam, options.rounds, breadth, PATIENCE, edits=edits)
    # To fill caches, and where steps are compiled, of every shape that the search has.
    warm = effort if compile_choice() == "on" else dataclasses.replace(effort, rounds=1)
    curve = []

    def watch(number: int, state: list[Round]) -> None:
        cosine = float(np.mean([text.best.cosine for text in state]))
        passed = time.perf_counter() - began
        curve.append({"round": number, "seconds": passed, "cosine": cosine})

    with turn():
        invert(attack, targets, warm)
        began = time.perf_counter()
        histories = invert(attack, targets, effort, watch)
        seconds = time.perf_counter() - began
    last = [history[-1].best for history in histories]
    pairs = zip(last, references[: options.searched], strict=True)
    return {
        "seconds": seconds,
        "seconds_per_text": seconds / options.searched,
        "embedder_queries": sum(history[-1].queries for history in histories),
        "cosine": float(np.mean([best.cosine for best in last])),
        "first_cosine": float(np.mean([history[0].best.cosine for history in histories])),
        "exact": float(np.mean([best.text == reference for best, reference in pairs])),
        "patience": effort.patience,
        "breadth": effort.breadth,
        "edits": effort.edits,
        "curve": curve,
    }
