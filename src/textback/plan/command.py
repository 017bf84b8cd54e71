"""`textback plan`: what a study needs, before it runs. Torch is imported when it is understood."""

from pathlib import Path
from typing import Annotated

import typer

from textback.options import ConfigFiles, configured_study


def plan(
    study: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CONFIG]...",
            dir_okay=False,
            help="A study's configuration, read over config.yaml as Snakemake does; several, too.",
        ),
    ] = None,
    config: ConfigFiles = None,
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
    found = configured_study([*(study or []), *(config or [])])

    from rich.console import Console

    from textback.files import write_json
    from textback.plan import estimate, shown
    from textback.plan.throughput import find_machine
    from textback.terminal import console

    with Console(stderr=True).status("how fast is this machine?") as status:
        machine = find_machine(found.device, assume_flops)
        planned = estimate.plan(found, machine, status.update)
    shown.show(planned, console())
    if json is not None:
        write_json(json, estimate.as_json(planned))
