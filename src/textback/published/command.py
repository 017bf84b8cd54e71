"""The sub-command `textback published`."""

from pathlib import Path
from typing import Annotated

import typer

from textback.options import json_spec


def published(
    spec: Annotated[
        dict, typer.Option(parser=json_spec, metavar="JSON", help="What each part reruns.")
    ],
    study: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="The study's folder, with tables.")
    ],
) -> None:
    """Put published numbers beside a study's own: published.csv and published.html."""
    from textback.steps.published import compare

    compare(spec, study)
