"""A study: its catalogues, the axes of its grid, what is evaluated and what is drawn."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from textback.config.corpora import Corpus
from textback.config.embedders import Embedder
from textback.config.inverters import Inverter, Tokenizer
from textback.config.retrieval import RetrievalSet
from textback.config.section import Name, Positive, Section

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
    files that it is drawn from beside the table, in the study's folder.
    """

    metrics: tuple[str, ...] = ()
    compares: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


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
    "published_results": Shown(("bleu_sentence", "token_f1_set", "exact_match", "cosine")),
    "rounds_by_inverter": Shown(("bleu_sentence", "exact_match")),
    "first_cosine": Shown(),
    "starts": Shown(("exact_match", "bleu_sentence")),
    "beam_grid": Shown(("exact_match",)),
    "out_of_domain": Shown(("bleu_sentence", "exact_match")),
    "length_mismatch": Shown(("bleu_sentence", "exact_match", "token_f1_set")),
    "noise_levels": Shown(("bleu_sentence", "exact_match"), needs=("use_retrieval_sets",)),
    "leakage_perturbation": Shown(
        ("bleu_sentence", "exact_match"),
        compares=("use_embedders",),
        needs=("use_retrieval_sets",),
        beside=("retrieval.csv",),
    ),
    "cosine_bleu": Shown(),
    "worked_example": Shown(),
}


class Evaluation(Section):
    """What is done with a trained cell."""

    mode: Literal["elitist", "paper"] = Field(
        "elitist", description="how rounds search; `paper`: no elitism, no memory, no early stop"
    )
    passages: int = Field(500, ge=2, description="test passages inverted")
    rounds: Positive = Field(10, description="correction rounds after the first hypothesis")
    patience: Positive = Field(3, description="rounds without gain before a text is given up")
    resamples: Positive = Field(1000, description="bootstrap resamples of an interval")


class Axes(Section):
    """The axes of a grid: every combination is a cell. `native` has no dimension to choose."""

    study: Name
    use_corpora: list[Name]
    use_embedders: list[Name]
    use_inverters: list[Name]
    lengths: list[Positive]
    reductions: list[Literal["native", "prefix", "pca", "random"]]
    dimensions: list[Positive] = Field([], description="of the reductions")
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0])
    beams: list[Positive] = Field([1], description="hypotheses kept and corrected a round")
    use_retrieval_sets: list[Name] = Field([], description="searched with every reduction")
    perturbations: list[str] = Field(
        ["none"], description="of the documents searched: none, gaussian:<λ>, int8, binary"
    )


class Study(Axes):
    """A study: catalogues, the axes of its grid, what is evaluated and what is drawn."""

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

    evaluation: Evaluation = Evaluation()
    metrics: list[str] = Field(list(METRICS))
    figures: list[str] = Field([name for name, shown in FIGURES.items() if not shown.beside])
