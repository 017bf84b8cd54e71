"""Measure what the table of targets (benchmarks/README.md) says, and fill it in.

    python benchmarks/targets --toy --output /tmp/toy             # try the commands
    python benchmarks/targets --output /tmp/cpu
    python benchmarks/targets --device cuda --output /tmp/gpu
    python benchmarks/targets --device cuda --output /tmp/gpu --rows record      # an hour

Each row runs in processes of its own, and leaves `<row>.json` in the output folder as soon as it
has ended, and `<row>.log`; `targets.md` is written anew after each. A row that fails, or whose
means are not at hand, says so there and ends no other; the program then exits with 1, where means
are missing only if the row was named. The same command again runs the rows that
have no result.
"""

import argparse
import os
import sys
from pathlib import Path

from measuring import ROOT, claim, result, run
from rows import DEFAULT_SIZE, ROWS, SCALES, UNASKED, Setup, jobs
from table import page


def main() -> None:
    """Run what has no result yet."""
    options = _options()
    setup = Setup(
        device=options.device,
        toy=options.toy,
        scale=SCALES["toy" if options.toy else options.device],
        output=options.output.absolute(),
        root=options.output.absolute() / "work" if options.toy else ROOT,
        vec2text=options.vec2text.absolute(),
    )
    if problem := claim(setup):
        raise SystemExit(f"targets: {problem}")
    sizes = options.sizes or [DEFAULT_SIZE["toy" if options.toy else options.device]]
    os.chdir(ROOT)  # where the commands' own paths begin
    every = jobs(sizes, ROWS)
    problems: dict[str, str] = {}
    wrong = False
    for job in jobs(sizes, options.rows or asked_by_default()):
        if result(job, setup) is None:
            print(f"targets: {job.name} ...", file=sys.stderr, flush=True)
            missing = job.missing(setup)
            if problem := missing or run(job, setup):
                problems[job.name] = problem
                wrong |= missing is None or options.rows is not None
                print(f"targets: {job.name}: {problem}", file=sys.stderr, flush=True)
        found = {job.name: found for job in every if (found := result(job, setup)) is not None}
        text = page(every, found, problems, setup)
        (setup.output / "targets.md").write_text(text, encoding="utf-8")
    print(text)
    raise SystemExit(wrong)


def asked_by_default() -> list[str]:
    """All rows but those that take an hour."""
    return [name for name in ROWS if name not in UNASKED]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="the folder of the results")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument(
        "--toy", action="store_true", help="every row small: its numbers say nothing"
    )
    help_ = f"default: all but {', '.join(UNASKED)}"
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), help=help_)
    help_ = "of the models beside vec2text's; default: nano on a CPU, small on a GPU"
    parser.add_argument("--sizes", nargs="+", help=help_)
    default = ROOT / "benchmarks" / "vec2text" / ".venv" / "bin" / "python"
    help_ = "the Python of vec2text's environment"
    parser.add_argument("--vec2text", type=Path, default=default, metavar="PYTHON", help=help_)
    return parser.parse_args()


if __name__ == "__main__":
    main()
