"""vec2text 0.0.13 as it is, measured on a folder that textback exported.

    uv venv --python 3.11 .venv && uv pip install --python .venv -r requirements.txt
    .venv/bin/python reference.py train --folder F --output train.json --embed precomputed \\
        --batch 32 --learning-rate 1e-3 --warmup-steps 20 --examples 3200 --decode 10 --threads 1
    .venv/bin/python reference.py invert --folder F --output invert.json \\
        --texts 4 --rounds 3 --beam 2 --batch 4 --threads 1

`train` trains the hypothesizer, `invert` searches with a given hypothesizer and corrector. Each
prints its measurements as a line of JSON, its last, and writes them to --output; texts go to
`<output>.txt`, those decoded while training to `<output>.<number>.txt`. `exchange.py` describes
the folder.
"""

import argparse
import json
import os
import sys
import tempfile
from contextlib import chdir
from importlib.metadata import version
from pathlib import Path
from typing import Any

import shims


def main() -> None:
    """Run a sub-command."""
    args = _parse()
    shims.set_environment(args.device, args.threads)
    shims.patch()
    # The HF Trainer makes folders where it stands.
    with tempfile.TemporaryDirectory() as scratch, chdir(scratch):
        result = args.run(args, Path(scratch))
    line = json.dumps({"arguments": _arguments(args)} | result | _platform())
    args.output.write_text(line + "\n", encoding="utf-8")
    print(line, flush=True)


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
    return {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k != "run"}


def _platform() -> dict[str, Any]:
    import torch

    names = ("vec2text", "transformers", "torch", "sentence-transformers")
    return {
        "device_name": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads_used": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in names} | {"python": sys.version.split()[0]},
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser("train", help="train vec2text's hypothesizer")
    train.set_defaults(run=_train)
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
    invert.set_defaults(run=_invert)
    _add_common(invert)
    invert.add_argument("--texts", type=_positive, required=True)
    invert.add_argument("--rounds", type=_positive, default=50)
    invert.add_argument("--beam", type=_positive, default=8)

    args = parser.parse_args()
    if args.command == "train" and args.decode_every is not None and not args.decode:
        parser.error("--decode-every needs --decode N")
    return args


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=_path, required=True, help="the exchange folder")
    parser.add_argument("--output", type=_path, required=True, help="a JSON file")
    parser.add_argument("--batch", type=_positive, required=True)
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
