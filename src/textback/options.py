"""Options that several groups of sub-commands share."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textback.processes import DEVICE

if TYPE_CHECKING:
    from textback.config import Study

CONFIG = Path("config.yaml")
CONFIG_HELP = "A study's configuration, read over config.yaml as Snakemake does; several, too."
ConfigFiles = Annotated[list[Path] | None, typer.Option(dir_okay=False, help=CONFIG_HELP)]
ConfigArguments = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[CONFIG]...", dir_okay=False, help=CONFIG_HELP),
]


def json_spec(text: str) -> dict[str, Any]:
    """A step's slice of the configuration, as Snakemake passes it."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}") from None


def file_option(help: str) -> Any:
    """An option that names a file."""
    return typer.Option(help=help, dir_okay=False)


def folder_option(help: str) -> Any:
    """An option that names a folder."""
    return typer.Option(help=help, file_okay=False)


DeviceOption = Annotated[str, typer.Option(envvar=DEVICE, help="auto, cpu or cuda.")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="CPU threads; else torch's own.")]
RetrievalFolder = Annotated[Path, folder_option("A retrieval set in the layout of BEIR.")]


def configured_study(*given: list[Path] | None) -> "Study":
    """The study of these files, each read over the one before, the first over config.yaml."""
    from textback.config import read_study_file

    over = [file for files in given for file in files or [] if file != CONFIG]
    return read_study_file(*([CONFIG] if CONFIG.exists() or not over else []), *over)
