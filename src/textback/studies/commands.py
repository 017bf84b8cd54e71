"""The commands on studies, which need neither torch nor a model.

textback status config/my-study.yaml
textback show len8 pca64 --beam 4
textback figures --study results/reference
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from textback.options import ConfigArguments, ConfigFiles, configured_study
from textback.terminal import console

app = typer.Typer()

StudyFolder = Annotated[
    Path | None, typer.Option("--study", file_okay=False, help="A folder of a study's tables.")
]


@app.command()
def status(
    study: ConfigArguments = None,
    config: ConfigFiles = None,
    all_cells: Annotated[
        bool, typer.Option("--all", help="Name every missing cell, not the first twenty alone.")
    ] = False,
) -> None:
    """Show what a study has finished, step by step, and which cells are missing."""
    from textback.studies.status import show

    show(configured_study(study, config), console(), all_cells)


@app.command()
def show(
    cell: Annotated[
        list[str] | None,
        typer.Argument(help="A cell's path or row of a table, or words of it: len8 pca64."),
    ] = None,
    study: StudyFolder = None,
    config: ConfigFiles = None,
    beam: Annotated[int | None, typer.Option(help="Default: the widest.")] = None,
    search: Annotated[str | None, typer.Option(help="Default: the study's first.")] = None,
    perturbation: Annotated[str | None, typer.Option(help="Default: none.")] = None,
    part: Annotated[str | None, typer.Option(help="Default: the study's first.")] = None,
    target_corpus: Annotated[str | None, typer.Option(help="Default: the cell's own.")] = None,
    target_length: Annotated[int | None, typer.Option(help="Default: the cell's own.")] = None,
    by: Annotated[
        Literal["bleu", "cosine"], typer.Option(help="What texts are ranked by.")
    ] = "bleu",
    round_: Annotated[
        int | None, typer.Option("--round", help="Ranked at this round; default: the last.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Texts of each kind.")] = 1,
) -> None:
    """Show the worst, median and best texts of a cell, through their rounds."""
    from textback.studies import show as shown
    from textback.studies.sources import texts_of

    choice = shown.Choice(
        part, target_corpus, target_length, search, perturbation, beam, by, round_, count
    )
    texts = texts_of(cell or [], study, lambda: configured_study(config))
    shown.show(texts, choice, console())


@app.command()
def figures(
    study: Annotated[Path, typer.Option(file_okay=False, help="A folder of a study's tables.")],
    every: Annotated[
        bool, typer.Option("--all", help="Every figure that its tables allow, asked for or not.")
    ] = False,
) -> None:
    """Draw a study's figures from its tables, and say which these do not allow."""
    from textback.steps.draw import draw_figures

    draw_figures(study, every)
