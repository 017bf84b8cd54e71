"""Options that several groups of sub-commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from textback.config import Study

CONFIG = Path("config.yaml")
ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option(
        dir_okay=False,
        help="A study's configuration, read over config.yaml as Snakemake does; several, too.",
    ),
]


def configured_study(files: list[Path] | None) -> "Study":
    """The study of these files, each read over the one before, the first over config.yaml."""
    from textback.config import read_study_file

    over = [file for file in files or [] if file != CONFIG]
    return read_study_file(*([CONFIG] if CONFIG.exists() or not over else []), *over)
