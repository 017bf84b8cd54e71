"""`textback plan`: what a study needs, before it runs. Torch is imported when it is understood."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT = Path("config.yaml")


def plan(
    study: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CONFIG]...",
            dir_okay=False,
            help="A study's configuration, read over config.yaml as Snakemake does; several, too.",
        ),
    ] = None,
    config: Annotated[
        list[Path] | None, typer.Option(dir_okay=False, help="The same, as other commands take it.")
    ] = None,
    assume_flops: Annotated[
        float | None,
        typer.Option(
            min=1e6,
            help="Plan for a GPU that is not at hand: its rate of large matrix products, FLOP/s.",
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", dir_okay=False, help="Write the plan as JSON, too.")
    ] = None,
) -> None:
    """Say what a study needs before it runs: jobs, downloads, disk, memory, hours and queries."""
    from textback.config import read_study_over

    found = read_study_over(DEFAULT, [*(study or []), *(config or [])])

    from textback.files import write_json
    from textback.plan import estimate, shown
    from textback.plan.throughput import find_machine
    from textback.terminal import console

    planned = estimate.plan(found, find_machine(found.device, assume_flops))
    shown.show(planned, console())
    if json is not None:
        write_json(json, estimate.as_json(planned))
