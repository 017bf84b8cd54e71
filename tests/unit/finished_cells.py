"""Finished cells of a study, made up: every file that an archive takes, in its place, and a model."""

import json
from pathlib import Path

import pandas as pd

from textback.cells import Cell
from textback.sharing.products import products

DEVICE = "Some GPU"


def make(study, cell: Cell, part: str = "main", texts: int = 6) -> None:
    """Write a cell's files below the working directory."""
    for product in products(study, part, cell):
        for path in product.files:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, f"{part} {cell}", texts)
    (cell.folder / "hypothesizer" / "model.safetensors").write_bytes(b"weights")


def write(path: Path, mark: str, texts: int) -> None:
    if path.name == "costs.json":
        path.write_text(json.dumps({"train_seconds": 1.0, "device": DEVICE}))
    elif path.suffix == ".parquet":
        rounds = [{"text": i, "round": r, "hypothesis": mark} for i in range(texts) for r in (0, 1)]
        pd.DataFrame(rounds).to_parquet(path)
    else:
        path.write_text(json.dumps({"mark": mark}))
