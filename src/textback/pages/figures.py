"""Which of a study's figures stand on the first page, and how they get there."""

import html
import re
from pathlib import Path

import pandas as pd

from textback.config import FIGURES
from textback.figures.redraw import asked_for

SHOWN = 3
CAPTIONS = {
    "published_results": "what was published of the main settings, and what this study measured",
    "rounds_by_inverter": "what is recovered by round, by inverter",
    "heat_maps": "what is recovered by text length and embedding size",
    "collapse": "the unrecovered fraction by load, the bits of a text a dimension",
    "horizon": "the longest texts that are recovered exactly, by embedding size",
    "law": "the unrecovered fraction of the text's bits by load, and the law fitted to it",
    "leakage_retrieval": "what is recovered against how well the embedding finds documents",
    "leakage_by_embedder": "what is recovered of each embedder's vectors, by embedding size",
    "by_length": "what is recovered by text length, a line an embedding size",
    "by_round": "what is recovered by round of correction, a row of panels a text length",
    "recovered_bits": "the bits that one pass recovers, by text length and by embedding size",
    "worked_example": "one text through its rounds, chosen among those that end best",
    "cosine_bleu": "cosine against sentence BLEU, a point a text",
    "by_dimension": "what is recovered by embedding size, a line a text length",
    "nll_by_compute": "validation loss by training compute, a line an inverter",
    "attacker_limit": "where more training still helps, by text length and embedding size",
    "reductions": "what is recovered of embeddings reduced in different ways to one size",
    "entity_recall": "what comes back of names, numbers and rare words, beside all words",
    "errors_by_frequency": "the words that come back, by how often the attacker saw them",
    "first_cosine": "how near hypotheses come to their targets, before and after correction",
    "starts": "what is recovered by where the first hypothesis comes from",
    "beam_grid": "exact match by round, a line a kind of search and beam",
    "out_of_domain": "what is recovered of corpora that the inverter was not trained on",
    "length_mismatch": "what is recovered of texts shorter and longer than those trained on",
    "noise_levels": "what is recovered, and what is found, by noise on stored embeddings",
    "leakage_perturbation": "what is recovered against what is found, by perturbation",
}


def order(cells: pd.DataFrame) -> list[str]:
    """The figures' names, the most telling first, by what a study sweeps (`reached` rows)."""
    embedders = cells["embedder"].nunique() > 1
    sizes = len(cells[["length", "reduction", "dim"]].drop_duplicates()) > 1
    first = [
        *("published_results", "rounds_by_inverter"),
        "law",
        *(["heat_maps", "collapse"] if sizes and not embedders else []),
        *(["leakage_retrieval", "leakage_by_embedder"] if embedders else []),
        *(["by_length"] if sizes else []),
        "by_round",
        *(["recovered_bits"] if sizes else []),
        "worked_example",
        "cosine_bleu",
    ]
    return first + [name for name in FIGURES if name not in first]


def choose(folder: Path, cells: pd.DataFrame) -> list[Path]:
    """The SVG files of the most telling figures that a study has drawn, at most SHOWN."""
    asked = asked_for(folder)
    paths = [folder / "figures" / f"{name}.svg" for name in order(cells) if name in asked]
    return [path for path in paths if path.exists()][:SHOWN]


def inline(path: Path, number: int) -> str:
    """A figure as part of the page. Its ids get its name in front: pages hold several figures."""
    name = path.stem
    svg = path.read_text(encoding="utf-8")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'(\bid="|\bhref="#|url\(#)', rf"\g<1>{name}-", svg)
    label = html.escape(CAPTIONS[name])
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    return f"<figure>{svg}<figcaption>Figure {number}: {label}</figcaption></figure>"
