"""textback against vec2text 0.0.13, turn by turn on this machine. Run in textback's environment.

    python benchmarks/vec2text/compare.py export --root . --folder /tmp/exchange
    python benchmarks/vec2text/compare.py training  --folder /tmp/exchange --output training.json
    python benchmarks/vec2text/compare.py bleu      --folder /tmp/exchange --output bleu.json
    python benchmarks/vec2text/compare.py embedding --folder /tmp/exchange --output embedding.json
    python benchmarks/vec2text/compare.py inversion --folder /tmp/exchange --output inversion.json
    python benchmarks/vec2text/compare.py together  --folder /tmp/exchange --output together.json

`export` writes passages, embeddings, tokenizer and embedder of a corpus, the default study's
unless told otherwise, from `ROOT/results` (`benchmarks/README.md` says how they come there), and a
hypothesizer and a corrector in the paper's exact form, trained here, which both sides then invert
with. vec2text runs in the environment of `requirements.txt`, given by --python. Same T5 shape,
tokenizer, passages, embeddings and device for both; each with its own best settings, which the
tables name.
`together` is export, training, inversion and bleu, the two sides taking turns in one process each.
`benchmarks/targets` runs all of them, and says what they amount to.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import export as exchange
import numpy as np
import own
import torch
from comparisons import Bleu, Comparison, Found, Inversion, Throughput, settings
from pair import train_pair
from sentence_transformers import SentenceTransformer
from theirs import Vec2text
from turns import turn

from textback.config import read_study_file
from textback.device import pick_device
from textback.embedders import load_embedder
from textback.inverter import training as loop

HERE = Path(__file__).parent


def main() -> None:
    """Run a sub-command."""
    options = _options()
    torch.set_num_threads(options.threads)
    options.device = pick_device(options.device)
    loop.CHECKPOINT_SECONDS = math.inf  # none within what is timed
    options.run(options)


def export(options: argparse.Namespace) -> None:
    """Write the exchange folder."""
    exchange.export(options)
    _train_pair(options)


def _train_pair(options: argparse.Namespace) -> None:
    train_pair(options, own.EMBEDDER, own.new(options, own.PAPER, ways=1))


def compared(comparison: Callable[[argparse.Namespace], Comparison]) -> Callable[..., None]:
    """A sub-command that makes one comparison."""

    def run(options: argparse.Namespace) -> None:
        begun = comparison(options)
        with Vec2text(options, begun.jobs) as vec2text:
            with _alone(options):
                begun.measure()
            _write(options.output, begun.result(vec2text.result))

    return run


def _alone(options: argparse.Namespace) -> AbstractContextManager[None]:
    """One turn for all that follows on a CPU, whose cores both sides share."""
    return turn() if options.device == "cpu" else nullcontext()


def together(options: argparse.Namespace) -> None:
    """Export, training, inversion and bleu side by side.

    Each side starts, prepares and compiles while the other measures: for a GPU that is at hand for
    minutes. Of what is cut off the output has the comparisons that had ended.
    """
    exchange.export(options)
    trained = options.folder / "ours" / "trained"
    trained.unlink(missing_ok=True)
    compared = {
        "training": Throughput(options),
        "inversion": Inversion(options, after=trained),
        "bleu": Bleu(options),
    }
    jobs = [job for comparison in compared.values() for job in comparison.jobs]
    found, measured = settings(options), []
    with Vec2text(options, jobs) as vec2text:

        def end(name: str) -> None:
            measured.remove(name)
            found[name] = compared[name].result(vec2text.result)
            _write(options.output, found)

        for name, comparison in compared.items():
            if name == "inversion":
                with turn():
                    _train_pair(options)
                trained.touch()
            with _alone(options):
                comparison.measure()
            measured.append(name)
            for other in filter(lambda name: vec2text.has(compared[name].jobs), [*measured]):
                end(other)
        for name in [*measured]:
            end(name)


def _write(output: Path, result: Found) -> None:
    text = json.dumps(result, indent=1)
    output.write_text(f"{text}\n", encoding="utf-8")
    print(text, flush=True)


def embedding(options: argparse.Namespace) -> None:
    """Passages a second in fp32, beside sentence-transformers' own `encode` at its best batch."""
    study = read_study_file(Path("config.yaml"))
    embedder = load_embedder(own.EMBEDDER, study.embedders[own.EMBEDDER], options.device)
    task = json.loads((options.folder / "task.json").read_text(encoding="utf-8"))
    library = SentenceTransformer(task["embedder"], device=options.device)
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
    found = {"texts": len(texts), "passages_per_second": rates, "ratio": ratio}
    _write(options.output, {**settings(options), **found})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    runs = {
        "export": export,
        "training": compared(Throughput),
        "bleu": compared(Bleu),
        "embedding": embedding,
        "inversion": compared(Inversion),
        "together": together,
    }
    for name, run in runs.items():
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        _add_common(command)
        if name in ("export", "together"):
            _add_export(command)
        if name in ("training", "together"):
            _add_training(command)
        if name in ("bleu", "together"):
            _add_bleu(command, "--seconds" if name == "bleu" else "--bleu-seconds")
        if name in ("inversion", "together"):
            _add_inversion(command, "--texts" if name == "inversion" else "--searched")
        if name == "embedding":
            command.add_argument("--texts", type=int, default=200)
            command.add_argument("--turns", type=int, default=3)
    return parser.parse_args()


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--folder", type=Path, required=True, help="the exchange folder")
    command.add_argument("--output", type=Path, default=Path("comparison.json"))
    command.add_argument("--python", default=str(HERE / ".venv/bin/python"), help="vec2text's")
    command.add_argument("--size", default="nano")
    command.add_argument("--length", type=int, default=32)
    command.add_argument("--batch", type=int, default=128)
    command.add_argument("--optimizer", default="muon")
    command.add_argument("--learning-rate", type=float, default=5e-3)
    command.add_argument("--threads", type=int, default=2)
    command.add_argument("--device", default="cpu")


def _add_export(command: argparse.ArgumentParser) -> None:
    command.add_argument("--root", type=Path, default=Path(), help="the folder with results/")
    command.add_argument("--corpus", default=exchange.CORPUS)
    command.add_argument("--rows", type=int, help="of each split, at most; else all")
    help_ = "that the hypothesizer of both sides learns from; half as many for the corrector"
    command.add_argument("--examples", type=int, default=100_000, help=help_)
    help_ = "whose hypotheses the corrector learns from"
    command.add_argument("--passages", type=int, default=10_000, help=help_)


def _add_training(command: argparse.ArgumentParser) -> None:
    command.add_argument("--seconds", type=float, default=20)
    command.add_argument("--turns", type=int, default=3)
    both, ways = ["fp32", "bf16"], ["each-step", "precomputed"]
    help_ = "of vec2text"
    command.add_argument("--precisions", nargs="+", choices=both, default=both, help=help_)
    command.add_argument("--embed", nargs="*", choices=ways, default=ways, help=help_)
    command.add_argument("--ours", nargs="*", choices=own.OURS, default=list(own.OURS))


def _add_bleu(command: argparse.ArgumentParser, seconds: str) -> None:
    command.add_argument(seconds, dest="bleu_seconds", type=float, default=20)
    command.add_argument("--texts", type=int, default=200, help="whose BLEU is told")
    rates, shares = [1e-3, 3e-3], [0.05, 0.1, 0.2, 1.0]
    command.add_argument("--reference-rates", nargs="+", type=float, default=rates)
    help_ = "of the seconds, for each of which textback trains"
    command.add_argument("--shares", nargs="+", type=float, default=shares, help=help_)


def _add_inversion(command: argparse.ArgumentParser, texts: str) -> None:
    command.add_argument(texts, dest="searched", type=int, default=200, help="to invert")
    command.add_argument("--rounds", type=int, default=50)
    command.add_argument("--beam", type=int, default=8)
    command.add_argument("--reference-batch", type=int, default=8)
    command.add_argument("--breadths", nargs="+", type=int, default=[1, 2])


if __name__ == "__main__":
    main()
