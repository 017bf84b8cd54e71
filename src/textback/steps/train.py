"""The trainers of null model and hypothesizer; the corrector's is in `steps/corrector.py`."""

import math
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import torch

from textback.cells import SPLITS
from textback.config import Backbone, Training
from textback.device import cost, pick_device
from textback.errors import TextbackError
from textback.files import replacing, write_json
from textback.inverter import data, parallel
from textback.inverter.batches import Data
from textback.inverter.model import Inverter
from textback.inverter.room import room_for
from textback.inverter.state import Checkpoint, digest, save_model
from textback.inverter.training import Result, passage_nll, train
from textback.locks import locked
from textback.reductions import load_projection
from textback.specs import Spec
from textback.tokenizer import Tokenizer

BITS = 1 / math.log(2)  # in a nat
LIKELIHOOD_BATCH = 256
SCALE_ROWS = 50_000  # training embeddings that the reader's scale is fitted to


def train_null_model(
    spec: Spec, tokenizer: Path, passages: Path, output: Path, state: Path, device: str
) -> None:
    """Train the null model and write the test passages' NLL without the embedding."""
    device = pick_device(device)
    with parallel.joined(device):
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
    with parallel.joined(device):
        splits = [
            data.hypothesizer_data(
                passages / f"{split}.parquet", embeddings / f"{split}.safetensors", project, device
            )
            for split in SPLITS
        ]
        _, embedded = splits[0].rows(slice(0, SCALE_ROWS))
        model = _new(spec, tokenizer, embedded.shape[1], device=device)
        model.reader.fit_scale(embedded)
        _train(spec, model, *splits, output, state, "hypothesizer")


def _new(spec: Spec, tokenizer: Path, dimension: int, device: str) -> Inverter:
    """An untrained hypothesizer or null model, its weights drawn from the seed."""
    torch.manual_seed(spec["seed"])
    bpe, entry = Tokenizer.load(tokenizer), Backbone(**spec["backbone"])
    with room_for(entry, bpe.size, dimension, 1, device):
        model = Inverter(entry, bpe.size, dimension, ways=1).to(device)
    if model.vocabulary < bpe.size:
        raise TextbackError(
            f"tokenizer: has {bpe.size} tokens, but pretrained {model.entry.pretrained} knows "
            f"{model.vocabulary}: use the tokenizer that belongs to it"
        )
    model.bar([*bpe.specials, *range(bpe.size, model.vocabulary)])
    return model


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
    with locked(state) if parallel.rank() == 0 else nullcontext():
        checkpoint = checkpoint_of(spec, model, train_data, state)
        budget = Training(**spec["training"])
        result = train(model, train_data, validation, budget, spec["seed"], checkpoint, label)
        if parallel.rank() == 0:
            write_training(output, model, [result])
            if test is not None:
                _write_likelihoods(model, test, output)
            checkpoint.remove()
        parallel.wait_for_all()


def checkpoint_of(spec: Spec, model: Inverter, train_data: Data, state: Path) -> Checkpoint:
    """The training's checkpoint, known by its spec, its data and the weights it begins with."""
    reduce = [] if train_data.reduce is None else train_data.reduce.tensors
    data_digest = digest([*train_data.tensors, *reduce])
    start_digest = digest(model.state_dict().values())
    return Checkpoint(state, {**spec, "data": data_digest, "start": start_digest})


def write_training(output: Path, model: Inverter, results: list[Result], **measured: float) -> None:
    """Write a trained model, the history of its trainings in one table, and their costs."""
    save_model(output / "model.safetensors", model)
    with replacing(output / "history.csv") as temporary:
        history(results).to_csv(temporary, index=False)
    seconds, flops = (sum(getattr(r, name) for r in results) for name in ("seconds", "flops"))
    costs = {"train_seconds": seconds, "train_flops": flops, **measured}
    write_json(output / "costs.json", cost(model.device.type, **costs))


def history(results: list[Result]) -> pd.DataFrame:
    """The histories of trainings that follow one another; examples and FLOPs count on."""
    tables, examples, flops = [], 0, 0
    for result in results:
        table = pd.DataFrame(result.history)
        table["examples"] += examples
        table["flops"] += flops
        examples, flops = table["examples"].iloc[-1], table["flops"].iloc[-1]
        tables.append(table)
    return pd.concat(tables)


def _write_likelihoods(model: Inverter, test: Data, output: Path) -> None:
    """Write each test passage's NLL in bits, as parquet."""
    bits = passage_nll(model, test, LIKELIHOOD_BATCH).numpy() * BITS
    with replacing(output / "likelihood.parquet") as temporary:
        pd.DataFrame({"text": range(len(bits)), "nll_bits": bits}).to_parquet(temporary)
