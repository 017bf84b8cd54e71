"""The options of `compare.py`'s sub-commands."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import export
import own

HERE = Path(__file__).parent

Run = Callable[[argparse.Namespace], None]
Add = Callable[..., Any]


def parsed(description: str, runs: Mapping[str, Run]) -> argparse.Namespace:
    """The options given; `run` is what to do with them. runs: by the sub-commands' names."""
    parser = argparse.ArgumentParser(description=description)
    commands = parser.add_subparsers(required=True)
    for name, run in runs.items():
        said = (run.__doc__ or "").split("\n")[0]
        shown = argparse.ArgumentDefaultsHelpFormatter
        command = commands.add_parser(name, help=said, description=said, formatter_class=shown)
        command.set_defaults(run=run)
        _add_options(name, command.add_argument)
    return parser.parse_args()


def _add_options(name: str, add: Add) -> None:
    """Those of a sub-command."""
    _add_common(add)
    if name in ("export", "together"):
        _add_export(add)
    if name in ("training", "together"):
        _add_training(add)
    if name in ("bleu", "together"):
        _add_bleu(add, "--seconds" if name == "bleu" else "--bleu-seconds")
    if name in ("inversion", "together"):
        _add_inversion(add, "--texts" if name == "inversion" else "--searched")
    if name == "embedding":
        add("--texts", type=int, default=200, help="to embed")
        add("--turns", type=int, default=3, help="of each way of embedding")


def _add_common(add: Add) -> None:
    add(
        "--folder",
        type=Path,
        required=True,
        default=argparse.SUPPRESS,
        help="what both sides share: export writes it",
    )
    add("--output", type=Path, default=Path("comparison.json"), help="JSON of what was found")
    add("--python", default=str(HERE / ".venv/bin/python"), help="of vec2text's environment")
    add("--size", default="nano", help="of the T5: toy, nano, tiny, mini, small or base")
    add("--length", type=int, default=32, help="tokens of a passage")
    add("--batch", type=int, default=128, help="examples of a training step, of both sides")
    add("--optimizer", default="muon", help="textback's: adamw or muon")
    add("--learning-rate", type=float, default=5e-3, help="textback's, at its peak")
    add("--threads", type=int, default=2, help="of each side, on a CPU")
    add("--device", default="cpu", help="auto, cpu or cuda")


def _add_export(add: Add) -> None:
    add("--root", type=Path, default=Path(), help="the folder with results/")
    add("--corpus", default=export.CORPUS, help="whose passages are in it, embedded")
    add("--rows", type=int, help="passages of each split, at most; else all")
    both = "that the hypothesizer of both sides learns from; half as many for the corrector"
    add("--examples", type=int, default=100_000, help=both)
    add("--passages", type=int, default=10_000, help="whose hypotheses the corrector learns from")


def _add_training(add: Add) -> None:
    add("--seconds", type=float, default=20, help="of training, in a turn")
    add("--turns", type=int, default=3, help="of each side; the median counts")
    precisions, ways = ["fp32", "bf16"], ["each-step", "precomputed"]
    add("--precisions", nargs="+", choices=precisions, default=precisions, help="of vec2text")
    whence = "whether vec2text embeds in each step, as it ships, or reads embeddings"
    add("--embed", nargs="*", choices=ways, default=ways, help=whence)
    ours = list(own.OURS)
    named = f"textback's models: {'; '.join(ours)}"
    add("--ours", nargs="*", choices=ours, default=ours, metavar="MODEL", help=named)


def _add_bleu(add: Add, seconds: str) -> None:
    add(seconds, dest="bleu_seconds", type=float, default=20, help="of training from scratch")
    add("--texts", type=int, default=200, help="whose BLEU is told")
    add(
        "--reference-rates",
        nargs="+",
        type=float,
        default=[1e-3, 3e-3],
        help="vec2text's learning rates; the best counts",
    )
    shares = "of the seconds, for each of which textback trains"
    add("--shares", nargs="+", type=float, default=[0.05, 0.1, 0.2, 1.0], help=shares)


def _add_inversion(add: Add, texts: str) -> None:
    add(texts, dest="searched", type=int, default=200, help="to invert")
    add("--rounds", type=int, default=50, help="of correction")
    add("--beam", type=int, default=8, help="of both sides")
    add("--reference-batch", type=int, default=8, help="texts that vec2text inverts together")
    decoded = "texts that textback decodes for each that it embeds; one search each"
    add("--breadths", nargs="+", type=int, default=[1, 2], help=decoded)
