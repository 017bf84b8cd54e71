"""The hypothesizer and the corrector that both sides invert with, in the paper's form."""

import argparse
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import own
import torch
from safetensors.torch import save_file
from torch import Tensor

from textback.config import read_study_file
from textback.device import bulk_precision
from textback.embedders import load_embedder
from textback.inverter import generate, surrogate
from textback.inverter.batches import Data
from textback.inverter.model import Inverter
from textback.inverter.state import save_model
from textback.processes import COMPILE, compile_choice
from textback.tokenizer import Tokenizer


def train_pair(options: argparse.Namespace, embedder_name: str, hypothesizer: Inverter) -> None:
    """Train both, beginning with an untrained hypothesizer, and write them for both sides."""
    study = read_study_file(Path("config.yaml"))
    embedder = load_embedder(embedder_name, study.embedders[embedder_name], options.device)
    bpe = Tokenizer.load(options.folder / "tokenizer.json")
    train_data, validation = (own.data_of(options, split) for split in ("train", "validation"))
    budget = own.budget_of(options, options.examples // options.batch)
    with _eagerly():
        own.fit(hypothesizer, train_data, validation, budget, options)
    corrector = own.new(options, own.PAPER, ways=3)
    corrector.start_from(hypothesizer)
    splits = []
    for part, rows in ((train_data, options.passages), (validation, len(validation))):
        ids, target = part.rows(slice(0, rows))
        guess = generate.guess(hypothesizer, target, options.length, "guessing")
        with bulk_precision(options.device):
            vectors = torch.from_numpy(embedder.embed(bpe.decode_batch(guess.tolist())))
        columns = (target, vectors.to(options.device), guess.clone())  # of inference no more
        splits.append(Data(ids, columns, torch.device(options.device)))
    correcting = {"optimizer": "adamw", "learning_rate": 1e-3}
    half = budget.model_copy(update={"examples": options.examples // 2, **correcting})
    with _eagerly():
        own.fit(corrector, *splits, half, options)
    corrector.surrogate.fit(*train_data.rows(slice(0, surrogate.ROWS)))
    for name, model in (("hypothesizer", hypothesizer), ("corrector", corrector)):
        save_model(options.folder / "ours" / f"{name}.safetensors", model)
        save_file(vec2text_names(model), options.folder / f"{name}.safetensors")


@contextmanager
def _eagerly() -> Iterator[None]:
    """Without torch.compile: it would take longer than such a training."""
    wanted = compile_choice()
    os.environ[COMPILE] = "off"
    try:
        yield
    finally:
        os.environ[COMPILE] = wanted


def vec2text_names(model: Inverter) -> dict[str, Tensor]:
    """A model of the form `paper`, its weights under vec2text's names."""
    readers = ["embedding_transform"]
    if model.ways == 3:  # there the difference is second, the hypothesis third
        readers = ["embedding_transform_1", "embedding_transform_3", "embedding_transform_2"]
    names = {f"reader.adapters.{way}": name for way, name in enumerate(readers)}
    names |= {"reader.norm": "layernorm", "backbone.t5": "encoder_decoder"}
    left_out = re.compile(r"(embed_tokens|lm_head)\.weight$|barred$|surrogate\.")
    return {
        _renamed(key, names): value.detach().cpu().contiguous().clone()
        for key, value in model.state_dict().items()
        if not left_out.search(key)
    }


def _renamed(key: str, names: dict[str, str]) -> str:
    for ours, theirs in names.items():
        if key.startswith(f"{ours}."):
            return theirs + key.removeprefix(ours)
    raise KeyError(key)
