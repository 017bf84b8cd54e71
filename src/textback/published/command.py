"""The sub-command `textback published`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def _spec(text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}") from None


def published(
    spec: Annotated[
        dict, typer.Option(parser=_spec, metavar="JSON", help="What each part reruns.")
    ],
    study: Annotated[Path, typer.Option(file_okay=False, help="The study's folder, with tables.")],
) -> None:
    """Put published numbers beside a study's own: published.csv and published.html."""
    from textback.steps.published import compare

    compare(spec, study)
