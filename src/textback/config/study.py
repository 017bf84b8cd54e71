"""A study: its catalogues, the axes of its grid, what is evaluated and what is drawn."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from textback.config.corpora import Corpus
from textback.config.embedders import Embedder
from textback.config.inverters import Inverter, Tokenizer
from textback.config.parts import Part, PartChanges, changed
from textback.config.retrieval import RetrievalSet
from textback.config.section import Name, Positive
from textback.errors import unknown_name

METRICS = (
    "bleu",
    "bleu_sentence",
    "exact_match",
    "token_f1",
    "token_f1_set",
    "rouge_l",
    "edit_similarity",
    "cosine",
    "cosine_null",
    "nll_bits",
    "null_nll_bits",
    "recovered_bits",
    "recovered_bits_per_token",
    "recovered_bits_per_byte",
    "recovered_bits_per_dimension",
    "unrecovered_fraction",
    "explained_variance",
)


@dataclass(frozen=True)
class Shown:
    """What a figure shows: metrics, and the axes beside lengths and dimensions that it compares.

    A study names one value of every other axis; `needs` are axes that it must name; `beside` are
    files that it is drawn from beside the table, in the study's folder; `parts` those that the
    study must have. A figure that is not of the `whole` table shows one search of each cell's own
    test passages, unperturbed.
    """

    metrics: tuple[str, ...] = ()
    compares: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    whole: bool = False


FIGURES = {
    "by_round": Shown(("bleu", "exact_match", "cosine")),
    "by_length": Shown(("bleu", "exact_match", "token_f1", "cosine")),
    "recovered_bits": Shown(("recovered_bits", "recovered_bits_per_token", "null_nll_bits")),
    "leakage_by_embedder": Shown(
        ("exact_match", "bleu", "unrecovered_fraction"), compares=("use_embedders",)
    ),
    "leakage_retrieval": Shown(
        ("exact_match", "bleu", "recovered_bits"),
        compares=("use_embedders",),
        needs=("use_retrieval_sets",),
        beside=("retrieval.csv",),
    ),
    "law": Shown(
        ("unrecovered_fraction", "null_nll_bits"),
        compares=("use_inverters",),
        beside=("fits.json",),
    ),
    "cosine_bleu": Shown(),
    "worked_example": Shown(),
}


class Study(Part):
    """A study: catalogues, its grid, what is evaluated and what is drawn.

    Where it has parts, its own grid and evaluation are what a part does not say itself.
    """

    study: Name
    parts: dict[Name, PartChanges] = Field(
        {}, description="grids by name, each the study's own but for the keys it has"
    )
    use_parts: list[Name] = Field([], description="which parts; none named: all of them")

    device: Literal["auto", "cpu", "cuda"] = "auto"
    gpus: Positive = Field(1, description="GPUs that train one model together, with torchrun")
    compile: Literal["auto", "on", "off"] = Field(
        "auto", description="torch.compile of training and decoding; `auto`: on a GPU"
    )

    corpora: dict[Name, Corpus]
    tokenizers: dict[Name, Tokenizer]
    embedders: dict[Name, Embedder]
    inverters: dict[Name, Inverter]
    retrieval_sets: dict[Name, RetrievalSet] = Field({})

    metrics: list[str] = Field(list(METRICS))
    figures: list[str] = Field([name for name, shown in FIGURES.items() if not shown.beside])


def parts(study: Study) -> dict[str, Part]:
    """The parts of a study that are used, by name; a study without any is one part, `main`.

    Raises TextbackError where `use_parts` names one that is not there.
    """
    whole = Part(**{key: getattr(study, key) for key in Part.model_fields})
    if not study.parts:
        found = {"main": whole}
    else:
        found = {name: changed(whole, changes) for name, changes in study.parts.items()}
    for name in study.use_parts:
        if name not in found:
            raise unknown_name("part", name, found)
    return {
        name: part for name, part in found.items() if not study.use_parts or name in study.use_parts
    }


def used(study: Study, axis: str) -> list[Any]:
    """The values of an axis over all parts, each once, in their order."""
    return list(dict.fromkeys(v for part in parts(study).values() for v in getattr(part, axis)))
