"""`textback plan`: what a study needs, before it runs. Torch is imported when it is understood."""

from pathlib import Path
from typing import Annotated

import typer

from textback.options import ConfigArguments, ConfigFiles, configured_study


def plan(
    study: ConfigArguments = None,
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
    found = configured_study(study, config)

    from textback.files import write_json
    from textback.plan import estimate, shown
    from textback.plan.throughput import find_machine
    from textback.progress import doing
    from textback.terminal import console

    with doing("plan") as say:
        say("how fast is this machine?")
        machine = find_machine(found.device, assume_flops)
        planned = estimate.plan(found, machine, say)
    shown.show(planned, console())
    if json is not None:
        write_json(json, estimate.as_json(planned))
