"""Figures and pages of a study, from its tables alone."""

from pathlib import Path

from textback.config import FIGURES
from textback.errors import TextbackError
from textback.figures import draw, read_tables
from textback.figures.redraw import check_single, redraw
from textback.figures.worked_example import as_text, choose
from textback.files import replacing
from textback.pages import costs_page, overview_page
from textback.progress import log


def draw_figure(name: str, folder: Path) -> None:
    """Draw one figure of the study in `folder` into its `figures/`.

    Raises TextbackError where it would mix searches, or other things of which it shows one.
    """
    tables = read_tables(folder)
    if name in FIGURES:
        try:
            check_single(name, tables)
        except TextbackError as error:
            raise TextbackError(f"figure '{name}': {error}: make a study of each") from None
    draw(name, tables, folder / "figures")


def draw_figures(folder: Path, every: bool) -> None:
    """Draw the figures that the tables in `folder` allow; say which, and why others not.

    every: see `redraw`
    """
    drawn, left_out = redraw(folder, every)
    log.info("%s: drew %s", folder / "figures", ", ".join(drawn) or "no figure")
    if left_out:
        reasons = "; ".join(f"{name} ({reason})" for name, reason in left_out.items())
        log.info("left out: %s", reasons)
    if "worked_example" in drawn:
        write_example(folder)


def write_example(folder: Path) -> None:
    """Write the worked example of the study in `folder` as text into its `figures/`."""
    with replacing(folder / "figures" / "worked_example.txt") as temporary:
        temporary.write_text(as_text(choose(read_tables(folder).texts)), encoding="utf-8")


def write_pages(folder: Path) -> None:
    """Write the study's overview and its costs as HTML pages."""
    for name, page in (("overview", overview_page), ("costs", costs_page)):
        with replacing(folder / f"{name}.html") as temporary:
            temporary.write_text(page(folder), encoding="utf-8")
