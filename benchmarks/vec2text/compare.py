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
from options import Run, parsed
from pair import train_pair
from sentence_transformers import SentenceTransformer
from theirs import Vec2text
from turns import turn

from textback.config import read_study_file
from textback.device import pick_device
from textback.embedders import load_embedder
from textback.errors import TextbackError
from textback.inverter import training as loop


def main() -> None:
    """Run a sub-command."""
    options = _options()
    torch.set_num_threads(options.threads)
    options.device = pick_device(options.device)
    loop.CHECKPOINT_SECONDS = math.inf  # none within what is timed
    try:
        options.run(options)
    except TextbackError as error:
        raise SystemExit(f"compare.py: {error}") from None


def export(options: argparse.Namespace) -> None:
    """Write the exchange folder."""
    exchange.export(options)
    _train_pair(options)


def _train_pair(options: argparse.Namespace) -> None:
    train_pair(options, own.EMBEDDER, own.new(options, own.PAPER, ways=1))


def compared(comparison: Callable[[argparse.Namespace], Comparison], what: str) -> Run:
    """A sub-command that makes one comparison; what: for its help."""

    def run(options: argparse.Namespace) -> None:
        begun = comparison(options)
        with Vec2text(options, begun.jobs) as vec2text:
            with _alone(options):
                begun.measure()
            _write(options.output, begun.result(vec2text.result))

    run.__doc__ = what
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


RUNS = {
    "export": export,
    "training": compared(Throughput, "Examples a second of training."),
    "bleu": compared(Bleu, "BLEU of one pass after equal seconds of training from scratch."),
    "embedding": embedding,
    "inversion": compared(Inversion, "The whole search with the same models."),
    "together": together,
}


def _options() -> argparse.Namespace:
    return parsed(__doc__.split("\n")[0], RUNS)


if __name__ == "__main__":
    main()
