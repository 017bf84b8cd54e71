"""Fit the law of a study, from its tables alone."""

from pathlib import Path

from textback.files import write_json
from textback.progress import log
from textback.scaling.law import fit_law
from textback.scaling.points import read_points


def make_fits(folder: Path) -> None:
    """Write fits.json of the study in `folder`, and say the verdict."""
    fits = fit_law(read_points(folder))
    write_json(folder / "fits.json", fits)
    log.info("law: %s", fits["verdict"])
