"""What each figure shows, and what it needs of a study."""

from dataclasses import dataclass
from typing import Any

COMBINED = ("use_corpora", "use_embedders", "use_inverters", "use_retrieval_sets")


@dataclass(frozen=True)
class Shown:
    """What a figure shows: metrics, and the axes beside lengths and dimensions that it compares.

    A study names one value of every other axis but those in `leads`, of which the figure shows the
    first and says so; `needs` are axes that it must name; of those in `sweeps` it must have two
    values, and of what `varies` says in words, see `textback.config.compared`; `beside` are files
    that it is drawn from beside the table, in the study's folder. A figure that is not of the
    `whole` table shows one search of each cell's own test passages, unperturbed. `published`:
    published values are drawn over it.
    """

    metrics: tuple[str, ...] = ()
    compares: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    sweeps: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    whole: bool = False
    published: bool = False
    varies: str = ""

    @property
    def single(self) -> tuple[str, ...]:
        """The axes of which it shows one value alone; of retrieval sets only where it shows any."""
        axes = COMBINED if RETRIEVAL in self.beside else COMBINED[:-1]
        return tuple(axis for axis in axes if axis not in self.compares + self.leads)

    @property
    def of_own_texts(self) -> bool:
        """Whether it shows inversions of the cells' own test passages, and compares no others."""
        return not self.varies and (TEXTS in self.beside or bool(set(self.metrics) - OF_BITS))


def _of_all_parts(*metrics: str, **more: Any) -> Shown:
    """A figure that finds what it compares in all parts, targets and perturbations of a study."""
    return Shown(metrics, compares=COMBINED, whole=True, **more)


RETRIEVAL = "retrieval.csv"
TEXTS = "texts.parquet"  # there with every table that the workflow gathers
OF_BITS = {  # metrics of one pass over a cell's own test passages, whatever else is inverted
    *("recovered_bits", "recovered_bits_per_token", "recovered_bits_per_dimension"),
    *("null_nll_bits", "unrecovered_fraction"),
}
FIGURES = {
    "by_round": Shown(("bleu", "exact_match", "cosine"), leads=("use_embedders", "use_inverters")),
    "by_length": Shown(
        ("bleu", "exact_match", "token_f1", "cosine"),
        compares=("use_embedders",),
        leads=("use_inverters",),
    ),
    "by_dimension": Shown(
        ("bleu", "exact_match", "token_f1", "cosine"),
        compares=("use_embedders",),
        leads=("use_inverters",),
        sweeps=("dimensions",),
    ),
    "heat_maps": Shown(
        ("exact_match", "bleu", "unrecovered_fraction"),
        compares=("use_embedders",),
        leads=("use_inverters",),
        sweeps=("lengths", "dimensions"),
    ),
    "recovered_bits": Shown(
        (
            *("recovered_bits", "recovered_bits_per_token", "recovered_bits_per_dimension"),
            "null_nll_bits",
        ),
        compares=("use_embedders",),
        leads=("use_inverters",),
    ),
    "horizon": Shown(
        ("exact_match",),
        compares=("use_embedders",),
        leads=("use_inverters",),
        sweeps=("lengths",),
    ),
    "collapse": Shown(
        ("unrecovered_fraction", "null_nll_bits"),
        compares=("use_embedders",),
        leads=("use_inverters",),
        sweeps=("lengths", "dimensions"),
    ),
    "nll_by_compute": Shown(
        compares=("use_inverters",), leads=("use_embedders",), beside=("histories.csv",)
    ),
    "reductions": Shown(
        ("exact_match", "bleu", "unrecovered_fraction"),
        leads=("use_embedders", "use_inverters"),
        sweeps=("reductions",),
    ),
    "leakage_by_embedder": Shown(
        ("exact_match", "bleu", "unrecovered_fraction"),
        compares=("use_embedders",),
        leads=("use_inverters",),
    ),
    "attacker_limit": Shown(
        ("unrecovered_fraction",),
        compares=("use_embedders", "use_inverters"),
        sweeps=("use_inverters",),
        beside=("histories.csv",),
    ),
    "leakage_retrieval": Shown(
        ("exact_match", "bleu", "recovered_bits"),
        compares=("use_embedders",),
        needs=("use_retrieval_sets",),
        beside=(RETRIEVAL,),
    ),
    "law": Shown(
        ("unrecovered_fraction", "null_nll_bits"),
        compares=("use_inverters",),
        leads=("use_embedders",),
        beside=("fits.json",),
    ),
    "entity_recall": _of_all_parts(
        "word_recall", "name_recall", "number_recall", "rare_word_recall"
    ),
    "errors_by_frequency": _of_all_parts("word_recall", beside=("word_errors.csv",)),
    "cosine_bleu": _of_all_parts(beside=(TEXTS,), published=True),
    "worked_example": _of_all_parts(beside=(TEXTS,)),
    "published_results": _of_all_parts(
        *("bleu_sentence", "token_f1_set", "exact_match", "cosine"),
        published=True,
        varies="a part that reruns published values of figure table1",
    ),
    "first_cosine": _of_all_parts(beside=(TEXTS,), published=True),
    "rounds_by_inverter": _of_all_parts(
        *("bleu_sentence", "exact_match"), published=True, varies="two inverters that correct"
    ),
    "starts": _of_all_parts(
        *("exact_match", "bleu_sentence"),
        published=True,
        varies="rounds from two starts (evaluation.start)",
    ),
    "beam_grid": _of_all_parts(
        "exact_match",
        published=True,
        varies="two kinds of search (evaluation.mode, .rank, .parents)",
    ),
    "out_of_domain": _of_all_parts(
        *("bleu_sentence", "exact_match"),
        beside=(TEXTS,),
        published=True,
        varies="two target_corpora of an inverter",
    ),
    "length_mismatch": _of_all_parts(
        *("bleu_sentence", "exact_match", "token_f1_set"),
        published=True,
        varies="two target_lengths of an inverter",
    ),
    "noise_levels": _of_all_parts(
        *("bleu_sentence", "exact_match"),
        published=True,
        varies="corrected texts with perturbations gaussian:<λ>",
    ),
    "leakage_perturbation": _of_all_parts(
        *("bleu_sentence", "exact_match"),
        needs=("use_retrieval_sets",),
        beside=(RETRIEVAL,),
        published=True,
        varies="two perturbations",
    ),
}
ALWAYS_DRAWN = [
    name
    for name, shown in FIGURES.items()
    if set(shown.beside) <= {TEXTS} and not (shown.sweeps or shown.varies)
]
