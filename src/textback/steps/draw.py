"""Figures and pages of a study, from its tables alone."""

from pathlib import Path

from textback.figures import draw, read_tables
from textback.figures.worked_example import as_text, choose
from textback.files import replacing
from textback.pages import costs_page, overview_page


def draw_figure(name: str, folder: Path) -> None:
    """Draw one figure of the study in `folder` into its `figures/`."""
    draw(name, read_tables(folder), folder / "figures")


def write_example(folder: Path) -> None:
    """Write the worked example of the study in `folder` as text into its `figures/`."""
    with replacing(folder / "figures" / "worked_example.txt") as temporary:
        temporary.write_text(as_text(choose(read_tables(folder).texts)), encoding="utf-8")


def write_pages(folder: Path) -> None:
    """Write the study's overview and its costs as HTML pages."""
    for name, page in (("overview", overview_page), ("costs", costs_page)):
        with replacing(folder / f"{name}.html") as temporary:
            temporary.write_text(page(folder), encoding="utf-8")
