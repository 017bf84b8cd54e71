"""What each step of the workflow is told: its own slice of the configuration, and a recipe number.

Snakemake compares the slice, written canonically, with that of the last run: only a real change
of what a step does reruns it. A recipe is bumped on purpose, when a change of the code must make
the step's products anew. Where a step computes (its device, its threads) is no part of its spec.
"""

from typing import Any

from textback.cells import Cell, Reduction
from textback.config import (
    Axes,
    CorpusEntry,
    Inverter,
    Study,
    Training,
    check_dimension,
    check_length,
    lookup,
)

Spec = dict[str, Any]

CORPUS_RECIPE = 2
TOKENIZER_RECIPE = 2
PASSAGES_RECIPE = 2
EMBED_RECIPE = 1
REDUCTION_RECIPE = 1
TRAIN_RECIPE = 2
HYPOTHESES_RECIPE = 2
INVERT_RECIPE = 2
NEAREST_RECIPE = 1
SCORE_RECIPE = 1
TABLE_RECIPE = 1


def corpus(study: Study, name: str) -> Spec:
    """Of `textback corpus`: the source and the split."""
    entry = lookup(study.corpora, "corpus", name).model_dump(exclude={"passages", "source"})
    return {"recipe": CORPUS_RECIPE, "name": name, "corpus": entry}


def tokenizer(study: Study, name: str) -> Spec:
    """Of `textback tokenizer`."""
    entry = lookup(study.tokenizers, "tokenizer", name).model_dump()
    return {"recipe": TOKENIZER_RECIPE, "tokenizer": entry}


def passages(study: Study, corpus_name: str, length: int) -> Spec:
    """Of `textback passages`."""
    counts = lookup(study.corpora, "corpus", corpus_name).passages.model_dump()
    return {"recipe": PASSAGES_RECIPE, "length": length, "counts": counts}


def embed(study: Study, name: str, length: int) -> Spec:
    """Of `textback embed`. Raises TextbackError where the embedder cannot read the length."""
    entry = lookup(study.embedders, "embedder", name)
    check_length(name, entry, length)
    return {"recipe": EMBED_RECIPE, "name": name, "embedder": entry.model_dump()}


def reduction(study: Study, embedder: str, text: str) -> Spec:
    """Of `textback reduce`. Raises TextbackError above the embedder's dimension."""
    parsed = Reduction.parse(text)
    if parsed.dimension is not None:
        entry = lookup(study.embedders, "embedder", embedder)
        check_dimension(embedder, entry, parsed.dimension)
    return {"recipe": REDUCTION_RECIPE, "reduction": str(parsed)}


def training(study: Study, inverter: str, part: str, seed: int) -> Spec:
    """Of the trainers. part: `null_model`, `hypothesizer` or `corrector`."""
    entry = lookup(study.inverters, "inverter", inverter)
    return {
        "recipe": TRAIN_RECIPE,
        "backbone": entry.backbone.model_dump(),
        "training": getattr(entry, part).model_dump(include=set(Training.model_fields)),
        "seed": seed,
    }


def corrector(study: Study, inverter: str, embedder: str, seed: int) -> Spec:
    """Of `textback train-corrector`: also where it starts, and what its data rounds embed with."""
    entry = lookup(study.inverters, "inverter", inverter).corrector
    spec = {
        **training(study, inverter, "corrector", seed),
        "start": entry.start,
        "data_rounds": entry.data_rounds,
    }
    return spec if entry.data_rounds == 1 else {**spec, **_embedder(study, embedder)}


def hypotheses(study: Study, inverter: str, embedder: str, seed: int) -> Spec:
    """Of `textback hypotheses`."""
    entry = lookup(study.inverters, "inverter", inverter).corrector
    return {
        "recipe": HYPOTHESES_RECIPE,
        "hypotheses": entry.model_dump(include={"passages", "hypotheses", "temperature"}),
        "seed": seed,
        **_embedder(study, embedder),
    }


def invert(study: Study, embedder: str, mode: str, beam: int, rounds: int, passages: int) -> Spec:
    """Of `textback invert-cell`."""
    return {
        "recipe": INVERT_RECIPE,
        "mode": mode,
        "beam": beam,
        "rounds": rounds,
        "passages": passages,
        "patience": study.evaluation.patience,
        **_embedder(study, embedder),
    }


def score(
    study: Study,
    corpus: str,
    embedder: str,
    length: int,
    reduction: str,
    inverter: str,
    seed: int,
) -> Spec:
    """Of `textback score`: the cell, and what is measured of it."""
    cell = Cell(corpus, embedder, length, Reduction.parse(reduction), inverter, seed)
    lookup(study.embedders, "embedder", embedder)
    return {
        "recipe": SCORE_RECIPE,
        "cell": cell.columns() | {"dim": cell.dimension(study)},
        "metrics": study.metrics,
        "resamples": study.evaluation.resamples,
    }


def table(study: Study) -> Spec:
    """Of the steps that gather a study's cells: its axes, and what was evaluated."""
    axes = study.model_dump(include=set(Axes.model_fields))
    evaluation = study.evaluation.model_dump(include={"mode", "rounds", "passages"})
    tokenizers = {name: study.inverters[name].tokenizer for name in study.use_inverters}
    native = {name: study.embedders[name].dimension for name in study.use_embedders}
    return {
        "recipe": TABLE_RECIPE,
        "axes": axes,
        "evaluation": evaluation,
        "tokenizers": tokenizers,
        "native": native,
    }


def _embedder(study: Study, name: str) -> Spec:
    """An embedder, as steps that load it are told of it."""
    return {"name": name, "embedder": lookup(study.embedders, "embedder", name).model_dump()}


def find_corpus(study: Study, name: str) -> CorpusEntry:
    """The corpus's entry."""
    return lookup(study.corpora, "corpus", name)


def find_inverter(study: Study, name: str) -> Inverter:
    """The inverter's entry."""
    return lookup(study.inverters, "inverter", name)
