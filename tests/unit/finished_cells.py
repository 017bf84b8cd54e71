"""Finished cells of a study, made up: every file that an archive takes, in its place, and a model."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import pandas as pd

from textback.cells import Cell
from textback.config import Study, read_study
from textback.products import products
from textback.sharing.places import look_again
from textback.table import score_path

DEVICE = "Some GPU"


def study_of(config: dict, **changes) -> Study:
    """The default study with two cells and no figures, and with what is changed."""
    few = {"lengths": [4, 8], "reductions": ["native"], "beams": [2], "figures": []}
    return read_study(config | few | changes)


def make(study, cell: Cell, part: str = "main", texts: int = 6) -> None:
    """Write a cell's files below the working directory."""
    for product in products(study, part, cell):
        for path in product.files:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, f"{part} {cell}", texts)
    (cell.folder / "hypothesizer" / "model.safetensors").write_bytes(b"weights")


def import_scores(study: str, part: str, cell: Cell) -> None:
    """Move a cell's scores into an archive that was imported."""
    scores = score_path(study, part, cell)
    archive = Path("results/imported", study, "archive")
    there = archive / scores.relative_to("results")
    there.parent.mkdir(parents=True)
    scores.rename(there)
    (archive / "manifest.json").touch()
    look_again()


def record(path: Path, spec: dict) -> None:
    """Record a file's spec as Snakemake does, in names of at most 254 letters."""
    encoded = urlsafe_b64encode(str(path).encode()).decode()
    *folders, name = (encoded[i : i + 254] for i in range(0, len(encoded), 254))
    found = Path(".snakemake", "metadata", *(f"@{folder}" for folder in folders), name)
    found.parent.mkdir(parents=True, exist_ok=True)
    found.write_text(json.dumps({"params": ["2", repr(json.dumps(spec))]}))


def write(path: Path, mark: str, texts: int) -> None:
    if path.name == "costs.json":
        path.write_text(json.dumps({"train_seconds": 1.0, "device": DEVICE}))
    elif path.suffix == ".parquet":
        rounds = [{"text": i, "round": r, "hypothesis": mark} for i in range(texts) for r in (0, 1)]
        pd.DataFrame(rounds).to_parquet(path)
    else:
        path.write_text(json.dumps({"mark": mark}))
