"""textback against vec2text 0.0.13, turn by turn on this machine. Run in textback's environment.

    python benchmarks/vec2text/compare.py export --root . --folder /tmp/exchange
    python benchmarks/vec2text/compare.py training  --folder /tmp/exchange --output training.json
    python benchmarks/vec2text/compare.py bleu      --folder /tmp/exchange --output bleu.json
    python benchmarks/vec2text/compare.py embedding --folder /tmp/exchange --output embedding.json
    python benchmarks/vec2text/compare.py inversion --folder /tmp/exchange --output inversion.json

`export` writes passages, embeddings, tokenizer and embedder of a corpus, the default study's
unless told otherwise, from `ROOT/results` (`benchmarks/README.md` says how they come there), and a
hypothesizer and a corrector in the paper's exact form, trained here, which both sides then invert
with. vec2text runs in the environment of `requirements.txt`, given by --python. Same T5 shape,
tokenizer, passages, embeddings and device for both; each with its own best settings, which the
tables name.
`benchmarks/targets` runs all of them, and says what they amount to.
"""

import argparse
import dataclasses
import itertools
import json
import math
import os
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import own
import torch
from pair import train_pair
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

from textback.cells import embeddings_folder, passages_folder, tokenizer_file
from textback.config import read_study_file
from textback.device import cost, pick_device
from textback.embedders import load_embedder
from textback.embeddings import read_embeddings
from textback.inverter import training as loop
from textback.inverter.search import Effort, Round, invert
from textback.inverter.starts import greedy
from textback.packages import package_folder
from textback.passages import read_passages
from textback.processes import COMPILE
from textback.reductions import Projection
from textback.steps.invert import CandidateEmbedder, load_attack
from textback.tokenizer import Tokenizer

HERE = Path(__file__).parent
CORPUS, TOKENIZER, EMBEDDER = "state-of-the-union", "bpe-2k", "minilm"


def main() -> None:
    """Run a sub-command."""
    options = _options()
    torch.set_num_threads(options.threads)
    options.device = pick_device(options.device)
    loop.CHECKPOINT_SECONDS = math.inf  # none within what is timed
    result = options.run(options)
    if result is not None:
        options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(result, indent=1))


def export(options: argparse.Namespace) -> None:
    """Write the exchange folder."""
    place = (options.corpus, TOKENIZER, options.length)
    passages = options.root / passages_folder(*place)
    embedded = options.root / embeddings_folder(*place, EMBEDDER)
    options.folder.mkdir(parents=True, exist_ok=True)
    tokenizer = options.root / tokenizer_file(options.corpus, TOKENIZER)
    (options.folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    for split in ("train", "validation", "test"):
        ids, texts = read_passages(passages / f"{split}.parquet")
        embeddings = read_embeddings(embedded / f"{split}.safetensors")
        few = slice(options.rows)
        tensors = {
            "ids": torch.from_numpy(ids[few].astype(np.int32)),
            "embeddings": torch.from_numpy(embeddings[few]),
        }
        save_file(tensors, options.folder / f"{split}.safetensors")
        lines = "\n".join(texts[few])
        (options.folder / f"{split}.txt").write_text(f"{lines}\n", encoding="utf-8")
    model = own.new(options, own.PAPER, ways=1)
    entry = read_study_file(Path("config.yaml")).embedders[EMBEDDER]
    task = {
        "t5": {**model.backbone.t5.config.to_diff_dict(), "eos_token_id": 0},
        "length": options.length,
        "embedding_tokens": own.PAPER.embedding_tokens,
        "embedder": str(package_folder(EMBEDDER, entry.package) / entry.model),
        "dimension": model.dimension,
    }
    (options.folder / "task.json").write_text(json.dumps(task, indent=1), encoding="utf-8")
    train_pair(options, EMBEDDER, model)


def training(options: argparse.Namespace) -> dict[str, Any]:
    """Examples a second of the hypothesizer's training, turn by turn."""
    rows = []
    for turn in range(options.turns):
        for embed in options.embed:
            for precision in options.precisions:
                found = _reference(
                    options,
                    "train",
                    *("--embed", embed, "--batch", options.batch, "--warmup-steps", 20),
                    *("--learning-rate", 1e-3, "--seconds", options.seconds),
                    *(["--bf16"] if precision == "bf16" else []),
                )
                name = f"vec2text, {embed}, {precision}"
                rows.append({"who": name, "turn": turn, "rate": found["examples_per_second"]})
                print(rows[-1], flush=True)
        for name in options.ours:
            entry = own.OURS[name]
            rate = own.rate(options, own.new(options, entry, ways=1), options.seconds)
            rows.append({"who": name, "turn": turn, "rate": rate})
            print(rows[-1], flush=True)
    names = dict.fromkeys(row["who"] for row in rows)
    medians = {
        name: float(np.median([row["rate"] for row in rows if row["who"] == name]))
        for name in names
    }
    ours = medians.get("textback, T5")
    return {
        **_settings(options),
        "examples_per_second": medians,
        "ratio": {name: ours / rate for name, rate in medians.items() if ours},
        "turns": rows,
    }


def bleu(options: argparse.Namespace) -> dict[str, Any]:
    """BLEU of greedy hypotheses over seconds of training from scratch, up to equal ones.

    textback trains anew for each share of the seconds, since its learning rate falls to the end
    of a budget. vec2text's is constant: one training is decoded every tenth of them, off the
    clock.
    """
    references = (options.folder / "test.txt").read_text(encoding="utf-8").split("\n")
    references = references[: options.texts]
    entry = own.OURS["textback, Llama"]
    model = own.new(options, entry, ways=1)
    rate = own.rate(options, model, options.seconds / 10)
    startup = own.startup(options, model, rate)
    ours = []
    for share in options.shares:
        examples = (share * options.seconds - startup) * rate
        budget = own.budget_of(options, int(examples / options.batch))
        trained = own.trained_bleu(options, own.new(options, entry, ways=1), budget, references)
        ours.append({"share": share, **trained})
        print(ours[-1], flush=True)
    theirs = []
    for learning_rate in options.reference_rates:
        theirs.append(_reference_bleu(options, learning_rate, references))
        print(theirs[-1], flush=True)
    texts = {"texts": len(references)}
    return {**_settings(options), **texts, "textback": ours, "vec2text": theirs}


def _reference_bleu(
    options: argparse.Namespace, learning_rate: float, references: list[str]
) -> dict[str, Any]:
    """vec2text's training: `curve` has its BLEU by the second, at the end as well."""
    run = _reference(
        options,
        "train",
        *("--embed", "precomputed", "--batch", options.batch, "--bf16"),
        *("--learning-rate", learning_rate, "--warmup-steps", 200, "--seconds", options.seconds),
        *("--decode", len(references), "--decode-every", options.seconds / 10),
    )
    curve = [
        {
            "seconds": decoded["train_seconds"],
            "examples": decoded["examples"],
            "bleu": own.bleu_of_texts(decoded["texts"], references),
        }
        for decoded in run["decodes"]
    ]
    return {
        "learning_rate": learning_rate,
        "seconds": run["seconds"],
        "examples": run["examples"],
        "loss": run["final_loss"],
        "bleu": curve[-1]["bleu"],
        "curve": curve,
    }


def embedding(options: argparse.Namespace) -> dict[str, Any]:
    """Passages a second in fp32, beside sentence-transformers' own `encode` at its best batch."""
    study = read_study_file(Path("config.yaml"))
    embedder = load_embedder(EMBEDDER, study.embedders[EMBEDDER], options.device)
    library = SentenceTransformer(_task(options)["embedder"], device=options.device)
    texts = (options.folder / "train.txt").read_text(encoding="utf-8").split("\n")[: options.texts]
    ways = {"textback": lambda: embedder.embed(texts)}
    for batch in (16, 32, 128):
        ways[f"encode, batch {batch}"] = partial(library.encode, texts, batch_size=batch)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.turns + 1):  # the first fills caches
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    rates = {name: len(texts) / float(np.median(taken[1:])) for name, taken in seconds.items()}
    best = max(rate for name, rate in rates.items() if name != "textback")
    ratio = rates["textback"] / best
    return {**_settings(options), "texts": len(texts), "passages_per_second": rates, "ratio": ratio}


def inversion(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds a text of the whole search, with the same models."""
    ours = []
    for breadth, edits in itertools.product(options.breadths, (True, False)):
        ours.append(_invert(options, breadth, edits))
        print(ours[-1], flush=True)
    arguments = ("--texts", options.texts, "--rounds", options.rounds, "--beam", options.beam)
    theirs = _reference(options, "invert", *arguments, "--batch", options.reference_batch)
    return {
        **_settings(options),
        "texts": options.texts,
        "rounds": options.rounds,
        "beam": options.beam,
        "textback": ours,
        "vec2text": theirs,
        "ratio": [theirs["seconds_per_text"] / found["seconds_per_text"] for found in ours],
        "ratio_as_near": [_as_near(found, theirs, options.texts) for found in ours],
    }


def _as_near(ours: dict[str, Any], theirs: dict[str, Any], texts: int) -> float | None:
    """How many times fewer seconds passed until ours had vec2text's last mean cosine, if ever."""
    passed = [state["seconds"] for state in ours["curve"] if state["cosine"] >= theirs["cosine"]]
    return theirs["seconds_per_text"] / (passed[0] / texts) if passed else None


def _invert(options: argparse.Namespace, breadth: int, edits: bool) -> dict[str, Any]:
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
    targets = Projection()(test["embeddings"].numpy()[: options.texts])
    references = (options.folder / "test.txt").read_text(encoding="utf-8").split("\n")
    patience = study.evaluation.patience
    effort = Effort("elitist", options.beam, options.rounds, breadth, patience, edits=edits)
    # To fill caches, and where steps are compiled, of every shape that the search has.
    compiles = options.device == "cuda" and os.environ.get(COMPILE) != "off"
    warm = effort if compiles else dataclasses.replace(effort, rounds=1)
    invert(attack, targets, warm)
    curve = []

    def watch(number: int, state: list[Round]) -> None:
        cosine = float(np.mean([text.best.cosine for text in state]))
        passed = time.perf_counter() - began
        curve.append({"round": number, "seconds": passed, "cosine": cosine})

    began = time.perf_counter()
    histories = invert(attack, targets, effort, watch)
    seconds = time.perf_counter() - began
    last = [history[-1].best for history in histories]
    pairs = zip(last, references[: options.texts], strict=True)
    return {
        "seconds": seconds,
        "seconds_per_text": seconds / options.texts,
        "embedder_queries": sum(history[-1].queries for history in histories),
        "cosine": float(np.mean([best.cosine for best in last])),
        "first_cosine": float(np.mean([history[0].best.cosine for history in histories])),
        "exact": float(np.mean([best.text == reference for best, reference in pairs])),
        "patience": effort.patience,
        "breadth": effort.breadth,
        "edits": effort.edits,
        "curve": curve,
    }


def _reference(options: argparse.Namespace, command: str, *arguments: object) -> dict[str, Any]:
    """Run vec2text in its own environment; its measurements, with the texts of its `decodes`."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "result.json")
        common = ("--folder", options.folder.resolve(), "--output", output)
        where = ("--device", options.device, "--threads", options.threads)
        words = (options.python, HERE / "reference.py", command, *common, *arguments, *where)
        torch.cuda.empty_cache()  # nothing without a GPU
        finished = subprocess.run(
            [str(word) for word in words], capture_output=True, text=True, env=_environment()
        )
        if finished.returncode:
            raise SystemExit(f"vec2text failed:\n{finished.stderr[-2000:]}")
        found = json.loads(output.read_text(encoding="utf-8"))
        for decoded in found.get("decodes", []):
            lines = Path(decoded["file"]).read_text(encoding="utf-8")
            decoded["texts"] = lines.removesuffix("\n").split("\n")
        return found


def _environment() -> dict[str, str]:
    """This one, without what is on textback's path."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _task(options: argparse.Namespace) -> dict[str, Any]:
    return json.loads((options.folder / "task.json").read_text(encoding="utf-8"))


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    names = ("size", "length", "batch", "optimizer", "threads", "device", "seconds")
    settings = {name: getattr(options, name) for name in names if hasattr(options, name)}
    here = cost(options.device)
    versions = {"python": here["python"], **here["versions"]}
    return {**settings, "device": here["device"], "versions": versions}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    for run in (export, training, bleu, embedding, inversion):
        command = commands.add_parser(run.__name__, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--folder", type=Path, required=True, help="the exchange folder")
        command.add_argument("--output", type=Path, default=Path("comparison.json"))
        command.add_argument("--python", default=str(HERE / ".venv/bin/python"))
        command.add_argument("--size", default="nano")
        command.add_argument("--length", type=int, default=32)
        command.add_argument("--batch", type=int, default=128)
        command.add_argument("--optimizer", default="muon")
        command.add_argument("--learning-rate", type=float, default=5e-3)
        command.add_argument("--threads", type=int, default=2)
        command.add_argument("--device", default="cpu")
        if run is export:
            command.add_argument("--root", type=Path, default=Path())
            command.add_argument("--corpus", default=CORPUS)
            command.add_argument("--rows", type=int, help="of each split, at most; else all")
            command.add_argument("--examples", type=int, default=100_000)
            command.add_argument("--passages", type=int, default=10_000)
        if run in (training, bleu):
            command.add_argument("--seconds", type=float, default=20)
        if run in (training, embedding):
            command.add_argument("--turns", type=int, default=3)
        if run is training:
            both = ["fp32", "bf16"]
            help_ = "of vec2text"
            command.add_argument("--precisions", nargs="+", choices=both, default=both, help=help_)
            ways = ["each-step", "precomputed"]
            command.add_argument("--embed", nargs="*", choices=ways, default=ways, help=help_)
            command.add_argument("--ours", nargs="*", choices=own.OURS, default=list(own.OURS))
        if run is bleu:
            rates = [1e-3, 3e-3]
            command.add_argument("--reference-rates", nargs="+", type=float, default=rates)
            shares = [0.05, 0.1, 0.2, 1.0]
            help_ = "of the seconds, for each of which textback trains"
            command.add_argument("--shares", nargs="+", type=float, default=shares, help=help_)
        if run in (bleu, embedding, inversion):
            command.add_argument("--texts", type=int, default=200)
        if run is inversion:
            command.add_argument("--rounds", type=int, default=50)
            command.add_argument("--beam", type=int, default=8)
            command.add_argument("--reference-batch", type=int, default=8)
            command.add_argument("--breadths", nargs="+", type=int, default=[1, 2])
    return parser.parse_args()


if __name__ == "__main__":
    main()
