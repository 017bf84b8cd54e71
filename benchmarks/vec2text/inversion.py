"""Invert embeddings with vec2text's corrector and its sequence-level beam search."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from exchange import (
    Split,
    decode,
    decoding_options,
    embedder_tokens,
    fail,
    load_strictly,
    make_arguments,
    make_corrector,
    read_split,
    read_task,
    synchronise,
    write_backbone,
    write_lines,
)
from torch import Tensor
from turns import turn
from vec2text.api import load_corrector
from vec2text.experiments import InversionExperiment


@dataclass(frozen=True)
class Options:
    """What to invert: the first `texts` test embeddings, `batch` at a time."""

    folder: Path
    output: Path
    texts: int
    rounds: int
    beam: int
    batch: int


class Counter:
    """Counts the texts that go through vec2text's `call_embedding_model`."""

    def __init__(self, embed: Callable[..., Tensor]) -> None:
        self.embed, self.texts = embed, 0

    def __call__(self, input_ids: Tensor, **rest: Tensor) -> Tensor:
        """Embed token ids, (n, tokens) → (n, dimension)."""
        self.texts += len(input_ids)
        return self.embed(input_ids=input_ids, **rest)


def invert(options: Options, scratch: Path) -> dict[str, Any]:
    """Invert test embeddings and return the measurements. scratch: an empty folder."""
    task = read_task(options.folder)
    test = read_split(options.folder, "test")
    if options.texts > len(test.texts):
        raise fail(f"--texts {options.texts}: the folder has {len(test.texts)} test passages")
    corrector, counter = make_search(options, task, scratch)
    targets = test.embeddings[: options.texts]
    texts: list[str] = []
    with turn():
        invert_batch(corrector, targets[:1], task["length"], min(options.rounds, 2), options.beam)
        counter.texts = 0  # that was to fill caches
        synchronise()
        began = time.perf_counter()
        for batch in targets.split(options.batch):
            texts += invert_batch(corrector, batch, task["length"], options.rounds, options.beam)
        synchronise()
        seconds = time.perf_counter() - began
    write_lines(Path(f"{options.output}.txt"), texts)
    return {
        "seconds": seconds,
        "seconds_per_text": seconds / options.texts,
        "embedder_queries": counter.texts,
        "embedder_tokens": corrector.model.config.max_seq_length,
        "cosine": mean_cosine(corrector.embedder, texts, targets),
        "exact": exact_share(texts, test),
    }


def make_search(options: Options, task: dict[str, Any], scratch: Path) -> tuple[Any, Counter]:
    """vec2text's Corrector with the folder's weights, and the count of its embedder's texts."""
    write_backbone(options.folder, task, scratch / "t5")
    experiment = InversionExperiment(*make_arguments(task, scratch / "t5", frozen=True))
    hypothesizer = experiment.load_model()
    corrector = make_corrector(experiment.config, task["dimension"])
    load_strictly(hypothesizer, options.folder / "hypothesizer.safetensors")
    load_strictly(corrector, options.folder / "corrector.safetensors")
    # Hypotheses are padded and cut to this number of the embedder's tokens.
    corrector.config.max_seq_length = embedder_tokens(
        hypothesizer.embedder_tokenizer, read_split(options.folder, "train").texts
    )
    counter = Counter(hypothesizer.call_embedding_model)
    hypothesizer.call_embedding_model = counter  # before the trainers keep a reference to it
    search = load_corrector(hypothesizer.eval(), corrector.eval())
    search.return_best_hypothesis = options.beam > 1  # as `api.invert_embeddings` sets it
    return search, counter


@torch.no_grad()
def invert_batch(search: Any, targets: Tensor, length: int, rounds: int, beam: int) -> list[str]:
    """As `vec2text.api.invert_embeddings`, for texts of exactly `length` tokens.

    targets: (n, dimension). The first hypothesis is made here, by the same calls as in
    `Corrector._get_hypothesis_uncached`, which would stop it a token too early.
    """
    options = decoding_options(search, length)
    targets = targets.to(search.args.device)
    ids = search.inversion_trainer.generate({"frozen_embeddings": targets}, options)
    inputs = {
        "frozen_embeddings": targets,
        "hypothesis_input_ids": ids,
        "hypothesis_attention_mask": ids != search.pad_token_id,
        "hypothesis_embedding": search.embed_generated_hypothesis(ids),
    }
    ids = search.generate(inputs, options, num_recursive_steps=rounds, sequence_beam_width=beam)
    return decode(search.tokenizer, ids)


def mean_cosine(embedder: Any, texts: list[str], targets: Tensor) -> float:
    """Mean cosine of the texts' embeddings, made anew and uncut, to the targets."""
    vectors = embedder.encode(texts, convert_to_tensor=True).float().cpu()
    return torch.cosine_similarity(vectors, targets).mean().item()


def exact_share(texts: list[str], test: Split) -> float:
    """Share of texts that are the passage itself."""
    pairs = zip(texts, test.texts[: len(texts)], strict=True)
    return sum(text == passage for text, passage in pairs) / len(texts)
