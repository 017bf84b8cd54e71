"""A small sweep of training settings on one cell, each run with the same training FLOPs.

    python benchmarks/sweep.py --flops 2e12 --output benchmarks/sweeps/nano.csv \
        --families t5 llama --optimizers adamw muon --rates 1e-3 3e-3 1e-2 --batches 64 128 256

It needs the passages, embeddings and reduction of the cell under `ROOT/results` (run
`snakemake results/embeddings/state-of-the-union/bpe-2k/len8/minilm/native/reduction.safetensors`
first), trains a hypothesizer for every combination, and appends a row each: settings, seed,
examples, seconds, final validation NLL in nats a token. Combinations that have a row already are
left out.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch

from textback.cells import embeddings_folder, passages_folder
from textback.config import Backbone, Training
from textback.device import pick_device
from textback.inverter import data
from textback.inverter.model import Inverter
from textback.inverter.state import Checkpoint
from textback.inverter.training import train
from textback.reductions import load_projection
from textback.steps.train import SCALE_ROWS

KEYS = [
    "family",
    "size",
    "optimizer",
    "learning_rate",
    "batch",
    "embedding_tokens",
    "length",
    "seed",
]


def main() -> None:
    """Run what has no row yet."""
    options = _options()
    torch.set_num_threads(options.threads)
    options.device = pick_device(options.device)
    place = ("state-of-the-union", "bpe-2k", options.length)
    passages = options.root / passages_folder(*place)
    embedded = options.root / embeddings_folder(*place, "minilm")
    project = load_projection(embedded / options.reduction / "reduction.safetensors")
    train_data, validation = (
        data.hypothesizer_data(
            passages / f"{split}.parquet",
            embedded / f"{split}.safetensors",
            project,
            options.device,
        )
        for split in ("train", "validation")
    )
    for settings in _missing(options):
        row = run(settings, options, train_data, validation)
        print(row, flush=True)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        header = not options.output.exists()
        pd.DataFrame([row]).to_csv(options.output, mode="a", header=header, index=False)


def run(
    settings: dict, options: argparse.Namespace, train_data: data.Data, validation: data.Data
) -> dict:
    """Train once; returns the row."""
    torch.manual_seed(settings["seed"])
    entry = Backbone(
        family=settings["family"],
        size=settings["size"],
        embedding_tokens=settings["embedding_tokens"],
    )
    _, embeddings = train_data.rows(slice(0, SCALE_ROWS))
    model = Inverter(entry, options.vocabulary, embeddings.shape[1], ways=1).to(options.device)
    model.reader.fit_scale(embeddings)
    budget = Training(
        flops=options.flops,
        batch=settings["batch"],
        optimizer=settings["optimizer"],
        learning_rate=settings["learning_rate"],
    )
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder), settings)
        seed = settings["seed"]
        result = train(model, train_data, validation, budget, seed, checkpoint, "sweep")
    last = result.history[-1]
    return {
        **settings,
        "flops": result.flops,
        "examples": last["examples"],
        "seconds": round(result.seconds, 1),
        "validation_nll": round(last["validation_nll"], 4),
    }


def _missing(options: argparse.Namespace) -> Iterator[dict]:
    """The combinations that have no row."""
    done = set()
    if options.output.exists():
        done = set(pd.read_csv(options.output)[KEYS].itertuples(index=False, name=None))
    axes = (
        options.families,
        [options.size],
        options.optimizers,
        options.rates,
        options.batches,
        options.embedding_tokens,
        [options.length],
        [options.seed],
    )
    for point in itertools.product(*axes):
        if point not in done:
            yield dict(zip(KEYS, point, strict=True))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(), help="the folder with results/")
    parser.add_argument("--output", type=Path, required=True, help="the table to append to")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--size", default="nano")
    parser.add_argument("--families", nargs="+", default=["t5"])
    parser.add_argument("--optimizers", nargs="+", default=["adamw"])
    parser.add_argument("--rates", nargs="+", type=float, default=[3e-3])
    parser.add_argument("--batches", nargs="+", type=int, default=[128])
    parser.add_argument("--embedding-tokens", nargs="+", type=int, default=[2])
    parser.add_argument("--length", type=int, default=8)
    parser.add_argument("--reduction", default="native")
    parser.add_argument("--vocabulary", type=int, default=2048)
    parser.add_argument("--flops", type=float, default=2e12, help="of each training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
