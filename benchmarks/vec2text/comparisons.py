"""What is compared: vec2text's jobs, textback's own side, and what both amount to.

options: those of `compare.py`
"""

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import own
from theirs import Job

from textback.device import cost

Found = dict[str, Any]


class Comparison(Protocol):
    """Begun with its options.

    jobs: vec2text's, in their order
    """

    jobs: list[Job]

    def measure(self) -> None:
        """textback's own side."""

    def result(self, theirs: Callable[[Job], Found]) -> Found:
        """Both sides; theirs: what a job measured."""


class Throughput:
    """Examples a second of the hypothesizer's training, turn by turn."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options, self._ours = options, []
        ways = itertools.product(range(options.turns), options.embed, options.precisions)
        self._ways = {
            (number, embed, precision): Job(
                (
                    *("train", "--embed", embed, "--batch", options.batch),
                    *("--warmup-steps", 20, "--learning-rate", 1e-3),
                    *("--seconds", options.seconds, *(["--bf16"] if precision == "bf16" else [])),
                )
            )
            for number, embed, precision in ways
        }
        self.jobs = list(self._ways.values())

    def measure(self) -> None:
        """See `Comparison.measure`."""
        options = self._options
        for number in range(options.turns):
            for name in options.ours:
                rate = own.rate(options, own.new(options, own.OURS[name], 1), options.seconds)
                self._ours.append(_told({"who": name, "turn": number, "rate": rate}))

    def result(self, theirs: Callable[[Job], Found]) -> Found:
        """See `Comparison.result`: medians over turns, and how many times as fast the T5 is."""
        rows = [
            _told(
                {
                    "who": f"vec2text, {embed}, {precision}",
                    "turn": number,
                    "rate": theirs(job)["examples_per_second"],
                }
            )
            for (number, embed, precision), job in self._ways.items()
        ] + self._ours
        names = dict.fromkeys(row["who"] for row in rows)
        medians = {
            name: float(np.median([row["rate"] for row in rows if row["who"] == name]))
            for name in names
        }
        ours = medians.get("textback, T5")
        ratios = {name: ours / rate for name, rate in medians.items() if ours}
        return {
            **settings(self._options),
            "examples_per_second": medians,
            "ratio": ratios,
            "turns": rows,
        }


class Bleu:
    """BLEU of greedy hypotheses over seconds of training from scratch, up to equal ones.

    textback trains anew for each share of the seconds, since its learning rate falls to the end
    of a budget. vec2text's is constant: one training is decoded every tenth of them, off the
    clock.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options, self._ours = options, []
        references = (options.folder / "test.txt").read_text(encoding="utf-8").split("\n")
        self._references = references[: options.texts]
        seconds = options.bleu_seconds
        self._rates = {
            rate: Job(
                (
                    *("train", "--embed", "precomputed", "--batch", options.batch, "--bf16"),
                    *("--learning-rate", rate, "--warmup-steps", 200, "--seconds", seconds),
                    *("--decode", len(self._references), "--decode-every", seconds / 10),
                )
            )
            for rate in options.reference_rates
        }
        self.jobs = list(self._rates.values())

    def measure(self) -> None:
        """See `Comparison.measure`."""
        options, seconds = self._options, self._options.bleu_seconds
        entry = own.OURS["textback, Llama"]
        model = own.new(options, entry, ways=1)
        rate = own.rate(options, model, seconds / 10)
        startup = own.startup(options, model, rate)
        for share in options.shares:
            examples = (share * seconds - startup) * rate
            budget = own.budget_of(options, int(examples / options.batch))
            model = own.new(options, entry, ways=1)
            trained = own.trained_bleu(options, model, budget, self._references)
            self._ours.append(_told({"share": share, **trained}))

    def result(self, theirs: Callable[[Job], Found]) -> Found:
        """See `Comparison.result`: `curve` has vec2text's BLEU by the second, its end as well."""
        return {
            **settings(self._options),
            "seconds": self._options.bleu_seconds,
            "texts": len(self._references),
            "textback": self._ours,
            "vec2text": [_told(self._curve(r, theirs(job))) for r, job in self._rates.items()],
        }

    def _curve(self, rate: float, run: Found) -> Found:
        curve = [
            {
                "seconds": decoded["train_seconds"],
                "examples": decoded["examples"],
                "bleu": own.bleu_of_texts(decoded["texts"], self._references),
            }
            for decoded in run["decodes"]
        ]
        return {
            "learning_rate": rate,
            **{name: run[name] for name in ("seconds", "examples")},
            "loss": run["final_loss"],
            "bleu": curve[-1]["bleu"],
            "curve": curve,
        }


class Inversion:
    """Seconds a text of the whole search, with the same models.

    after: a file that is there when they are, or None
    """

    def __init__(self, options: argparse.Namespace, after: Path | None = None) -> None:
        self._options, self._ours = options, []
        words = ("--texts", options.searched, "--rounds", options.rounds, "--beam", options.beam)
        self.jobs = [Job(("invert", *words, "--batch", options.reference_batch), after)]

    def measure(self) -> None:
        """See `Comparison.measure`."""
        for breadth, edits in itertools.product(self._options.breadths, (True, False)):
            self._ours.append(_told(own.search(self._options, breadth, edits)))

    def result(self, theirs: Callable[[Job], Found]) -> Found:
        """See `Comparison.result`: how many times fewer seconds, in all and until as near."""
        options, (job,) = self._options, self.jobs
        found = theirs(job)
        return {
            **settings(options),
            **{"texts": options.searched, "rounds": options.rounds, "beam": options.beam},
            "textback": self._ours,
            "vec2text": found,
            "ratio": [found["seconds_per_text"] / ours["seconds_per_text"] for ours in self._ours],
            "ratio_as_near": [_as_near(ours, found, options.searched) for ours in self._ours],
        }


def _as_near(ours: Found, theirs: Found, texts: int) -> float | None:
    """How many times fewer seconds passed until ours had vec2text's last mean cosine, if ever."""
    passed = [state["seconds"] for state in ours["curve"] if state["cosine"] >= theirs["cosine"]]
    return theirs["seconds_per_text"] / (passed[0] / texts) if passed else None


def settings(options: argparse.Namespace) -> Found:
    """What a comparison was made with."""
    names = ("size", "length", "batch", "optimizer", "threads", "device", "seconds")
    chosen = {name: getattr(options, name) for name in names if hasattr(options, name)}
    here = cost(options.device)
    versions = {"python": here["python"], **here["versions"]}
    return {**chosen, "device": here["device"], "versions": versions}


def _told(row: Found) -> Found:
    """A row, printed as it comes."""
    print(row, flush=True)
    return row
