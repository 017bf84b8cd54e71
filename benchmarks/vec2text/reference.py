"""vec2text 0.0.13 as it is, measured on a folder that textback exported.

    uv venv --python 3.11 .venv && uv pip install --python .venv -r requirements.txt
    .venv/bin/python reference.py train --folder F --output train.json --embed precomputed \\
        --batch 32 --learning-rate 1e-3 --warmup-steps 20 --examples 3200 --decode 10 --threads 1
    .venv/bin/python reference.py invert --folder F --output invert.json \\
        --texts 4 --rounds 3 --beam 2 --batch 4 --threads 1

`train` trains the hypothesizer, `invert` searches with a given hypothesizer and corrector. Each
prints its measurements as a line of JSON, its last, and writes them to --output; texts go to
`<output>.txt`, those decoded while training to `<output>.<number>.txt`. `exchange.py` describes
the folder. `jobs` does several such runs in one process: importing vec2text takes 20 s.
"""

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import chdir, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import shims
from turns import turn


def main() -> None:
    """Run a sub-command."""
    args = _parse()
    shims.set_environment(args.device, args.threads)
    shims.patch()
    args.run(args)


def _one(args: argparse.Namespace) -> None:
    """One run; its measurements appear whole."""
    # The HF Trainer makes folders where it stands.
    with tempfile.TemporaryDirectory() as scratch, chdir(scratch):
        result = args.measure(args, Path(scratch))
    line = json.dumps({"arguments": _arguments(args)} | result | _platform())
    part = args.output.with_suffix(".part")
    part.write_text(line + "\n", encoding="utf-8")
    part.replace(args.output)
    print(line, flush=True)


def _jobs(args: argparse.Namespace) -> None:
    """Several runs, one after another; on a CPU each is a turn. `ready`: all is imported."""
    import inversion  # noqa: F401
    import torch
    import training  # noqa: F401

    (args.file.parent / "ready").touch()
    for job in json.loads(args.file.read_text(encoding="utf-8")):
        while job["after"] is not None and not Path(job["after"]).exists():
            time.sleep(0.05)
        os.environ.pop("ACCELERATE_MIXED_PRECISION", None)  # which a job in bf16 sets for all
        with turn() if args.device == "cpu" else nullcontext():
            _one(_parse(job["words"]))
        gc.collect()
        torch.cuda.empty_cache()  # nothing without a GPU


def _train(args: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    from training import Options, train  # imports vec2text, which looks for a GPU as it loads

    return train(
        Options(
            folder=args.folder,
            output=args.output,
            precomputed=args.embed == "precomputed",
            batch=args.batch,
            learning_rate=args.learning_rate,
            seconds=args.seconds,
            examples=args.examples,
            warmup_steps=args.warmup_steps,
            bf16=args.bf16,
            decode=args.decode,
            decode_every=args.decode_every,
        ),
        scratch,
    )


def _invert(args: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    from inversion import Options, invert

    return invert(
        Options(args.folder, args.output, args.texts, args.rounds, args.beam, args.batch), scratch
    )


def _arguments(args: argparse.Namespace) -> dict[str, Any]:
    functions = ("run", "measure")
    words = {name: value for name, value in vars(args).items() if name not in functions}
    return {name: str(value) if isinstance(value, Path) else value for name, value in words.items()}


def _platform() -> dict[str, Any]:
    import torch

    names = ("vec2text", "transformers", "torch", "sentence-transformers")
    return {
        "device_name": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads_used": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in names} | {"python": sys.version.split()[0]},
    }


def _parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser("train", help="train vec2text's hypothesizer")
    train.set_defaults(run=_one, measure=_train)
    _add_common(train)
    train.add_argument("--embed", choices=["each-step", "precomputed"], required=True)
    train.add_argument("--learning-rate", type=float, required=True)
    budget = train.add_mutually_exclusive_group(required=True)
    budget.add_argument("--seconds", type=float, help="of training, decoding not counted")
    budget.add_argument("--examples", type=_positive)
    train.add_argument("--warmup-steps", type=int, help="default: vec2text's, 128000 / batch")
    train.add_argument("--bf16", action="store_true", help="mixed precision")
    train.add_argument("--decode", type=int, default=0, metavar="N", help="test passages to decode")
    train.add_argument("--decode-every", type=float, metavar="SECONDS")

    invert = commands.add_parser("invert", help="invert test embeddings")
    invert.set_defaults(run=_one, measure=_invert)
    _add_common(invert)
    invert.add_argument("--texts", type=_positive, required=True)
    invert.add_argument("--rounds", type=_positive, default=50)
    invert.add_argument("--beam", type=_positive, default=8)

    jobs = commands.add_parser("jobs", help="several of these, one after another")
    jobs.set_defaults(run=_jobs)
    help_ = 'JSON: [{"words": a command\'s arguments, "after": a file to wait for, or null}, …]'
    jobs.add_argument("--file", type=_path, required=True, help=help_)
    _add_device(jobs)

    args = parser.parse_args(words)
    if args.command == "train" and args.decode_every is not None and not args.decode:
        parser.error("--decode-every needs --decode N")
    return args


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=_path, required=True, help="the exchange folder")
    parser.add_argument("--output", type=_path, required=True, help="a JSON file")
    parser.add_argument("--batch", type=_positive, required=True)
    _add_device(parser)


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=_positive)


def _path(text: str) -> Path:
    return Path(text).absolute()


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


if __name__ == "__main__":
    main()
