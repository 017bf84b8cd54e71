"""What each step of the workflow is told: its own slice of the configuration, and a recipe number.

Snakemake compares the slice, written canonically, with that of the last run: only a real change
of what a step does reruns it. A recipe is bumped on purpose, when a change of the code must make
the step's products anew. Where a step computes (its device, its threads) and how it asks an
endpoint (its timeout, its price) are no part of its spec.
"""

from typing import Any

from textback import cells
from textback.cells import Cell, Reduction, Retrieval, inversions_of
from textback.config import (
    RECALLS,
    Embedder,
    Study,
    Training,
    check_dimension,
    check_length,
    lookup,
    parts,
    read_embedder,
)
from textback.config.finding import (
    find_corpus,
    find_corrector,
    find_embedder,
    find_inverter,
    find_part,
    find_retrieval_set,
)
from textback.perturbations import Perturbation
from textback.processes import how_to_ask
from textback.searches import Search

Spec = dict[str, Any]

CORPUS_RECIPE = 2
TOKENIZER_RECIPE = 2
PASSAGES_RECIPE = 2
WORDS_RECIPE = 1
EMBED_RECIPE = 2
REDUCTION_RECIPE = 2
TRAIN_RECIPE = 4
CORRECTOR_RECIPE = 7
HYPOTHESES_RECIPE = 5
INVERT_RECIPE = 16
NEAREST_RECIPE = 2
SCORE_RECIPE = 4
TABLE_RECIPE = 5
RETRIEVAL_EMBED_RECIPE = 1
RETRIEVAL_RECIPE = 1
RETRIEVAL_TABLE_RECIPE = 2
FIT_RECIPE = 1
PUBLISHED_RECIPE = 2


def corpus(study: Study, name: str) -> Spec:
    """Of `textback corpus`: the source and the split."""
    return {
        "recipe": CORPUS_RECIPE,
        **_corpus(study, name, "passages", "source", "names", "download"),
    }


def words(study: Study, name: str) -> Spec:
    """Of `textback words`: the source, whose case is read again, and the list of names."""
    return {"recipe": WORDS_RECIPE, **_corpus(study, name, "passages", "source", "download")}


def tokenizer(study: Study, name: str) -> Spec:
    """Of `textback tokenizer`."""
    entry = lookup(study.tokenizers, "tokenizer", name).model_dump(exclude={"download"})
    return {"recipe": TOKENIZER_RECIPE, "tokenizer": entry}


def passages(study: Study, corpus_name: str, length: int) -> Spec:
    """Of `textback passages`."""
    counts = find_corpus(study, corpus_name).passages.model_dump()
    return {"recipe": PASSAGES_RECIPE, "length": length, "counts": counts}


def target_passages(study: Study, corpus_name: str, length: int) -> Spec:
    """Of `textback passages`, of a target: test passages alone."""
    counts = find_corpus(study, corpus_name).passages.model_dump()
    return {"recipe": PASSAGES_RECIPE, "length": length, "counts": counts, "splits": ["test"]}


def embed(study: Study, name: str, length: int) -> Spec:
    """Of `textback embed`. Raises TextbackError where the embedder cannot read the length."""
    entry = find_embedder(study, name)
    check_length(name, entry, length)
    return {"recipe": EMBED_RECIPE, **_embedder(study, name)}


def reduction(study: Study, embedder: str, text: str) -> Spec:
    """Of `textback reduce`. Raises TextbackError above the embedder's dimension."""
    parsed = Reduction.parse(text)
    if parsed.dimension is not None:
        entry = find_embedder(study, embedder)
        check_dimension(embedder, entry, parsed.dimension)
    return {"recipe": REDUCTION_RECIPE, "reduction": str(parsed)}


def training(study: Study, inverter: str, part: str, seed: int) -> Spec:
    """Of the trainers. part: `null_model`, `hypothesizer` or `corrector`."""
    entry = find_inverter(study, inverter)
    budget = find_corrector(study, inverter) if part == "corrector" else getattr(entry, part)
    return {
        "recipe": TRAIN_RECIPE,
        "backbone": entry.backbone.model_dump(exclude={"download"}),
        "training": budget.model_dump(include=set(Training.model_fields)),
        "seed": seed,
    }


def corrector(study: Study, inverter: str, embedder: str, seed: int) -> Spec:
    """Of `textback train-corrector`: also where it starts, and what its data rounds embed with."""
    entry = find_corrector(study, inverter)
    spec = {
        **training(study, inverter, "corrector", seed),
        "recipe": CORRECTOR_RECIPE,
        "start": entry.start,
        "data_rounds": entry.data_rounds,
    }
    if not entry.feedback:
        spec["feedback"] = False
    return spec if entry.data_rounds == 1 else {**spec, **_embedder(study, embedder)}


def hypotheses(study: Study, inverter: str, embedder: str, seed: int) -> Spec:
    """Of `textback hypotheses`."""
    entry = find_corrector(study, inverter)
    return {
        "recipe": HYPOTHESES_RECIPE,
        "hypotheses": entry.model_dump(
            include={"passages", "hypotheses", "temperature", "teacher_forcing"}
        ),
        "seed": seed,
        **_embedder(study, embedder),
    }


def invert(
    study: Study,
    embedder: str,
    search: str,
    beam: int,
    rounds: int,
    passages: int,
    perturbation: str,
    seed: int,
) -> Spec:
    """Of `textback invert-cell`. The seed is that of sampled and random starts."""
    return {
        "recipe": INVERT_RECIPE,
        "search": str(Search.parse(search)),
        "beam": beam,
        "rounds": rounds,
        "passages": passages,
        "perturbation": str(Perturbation.parse(perturbation)),
        "seed": seed,
        **_embedder(study, embedder),
    }


def score(
    study: Study,
    part: str,
    corpus: str,
    embedder: str,
    length: int,
    reduction: str,
    inverter: str,
    seed: int,
) -> Spec:
    """Of `textback score`: the cell, its inversions, and what is measured of them."""
    cell = Cell(corpus, embedder, length, Reduction.parse(reduction), inverter, seed)
    evaluated = find_part(study, part)
    find_embedder(study, embedder)
    return {
        "recipe": SCORE_RECIPE,
        "cell": cell.row(study),
        "inversions": [
            inversion.columns() | {"plain": inversion.plain}
            for inversion in inversions_of(evaluated, cell)
        ],
        "passages": evaluated.evaluation.passages,
        "metrics": study.metrics,
        "words": word_corpora(study, part, corpus),
        "resamples": evaluated.evaluation.resamples,
    }


def word_corpora(study: Study, part: str, corpus: str) -> list[str]:
    """The corpora whose words a score reads, the cell's first; none where no recall is wanted."""
    if not set(RECALLS) & set(study.metrics):
        return []
    return list(dict.fromkeys([corpus, *find_part(study, part).target_corpora]))


def embed_retrieval(study: Study, retrieval_set: str, embedder: str) -> Spec:
    """Of `textback embed-retrieval`."""
    split = find_retrieval_set(study, retrieval_set).split
    return {"recipe": RETRIEVAL_EMBED_RECIPE, "split": split, **_embedder(study, embedder)}


def score_retrieval(
    study: Study, retrieval_set: str, embedder: str, reduction: str, perturbation: str
) -> Spec:
    """Of `textback score-retrieval`. Raises TextbackError above the embedder's dimension."""
    parsed = Reduction.parse(reduction)
    native = find_embedder(study, embedder)
    if parsed.dimension is not None:
        check_dimension(embedder, native, parsed.dimension)
    point = Retrieval(retrieval_set, embedder, parsed, Perturbation.parse(perturbation))
    return {
        "recipe": RETRIEVAL_RECIPE,
        "split": find_retrieval_set(study, retrieval_set).split,
        "reduction": str(point.reduction),
        "perturbation": str(point.perturbation),
        "columns": point.columns() | {"dim": parsed.dimension or native.dimension},
    }


def retrieval_table(study: Study) -> Spec:
    """Of `textback retrieval-table`: the parts it gathers, and the resamples of its intervals."""
    return {
        "recipe": RETRIEVAL_TABLE_RECIPE,
        "study": study.study,
        "parts": _parts(study),
        "resamples": study.evaluation.resamples,
    }


def table(study: Study) -> Spec:
    """Of the steps that gather a study's cells: its parts, and what their paths need beside."""
    found = cells.grid(study)
    return {
        "recipe": TABLE_RECIPE,
        "study": study.study,
        "parts": _parts(study),
        "tokenizers": {c.inverter: study.inverters[c.inverter].tokenizer for c in found},
        "owners": {c.inverter: cells.owners(study)[c.inverter] for c in found},
        "native": {c.embedder: study.embedders[c.embedder].dimension for c in found},
    }


def published(study: Study) -> Spec:
    """Of `textback published`: what each part reruns, and its rounds; whose hypothesizers
    inverters have."""
    return {
        "recipe": PUBLISHED_RECIPE,
        "parts": {
            name: part.model_dump(include={"published", "use_retrieval_sets"})
            | {"rounds": part.evaluation.rounds}
            for name, part in parts(study).items()
        },
        "owners": table(study)["owners"],
    }


def _parts(study: Study) -> list[Spec]:
    """A study's parts with all that says which cells and inversions they have, in its order.

    The order counts: figures that show one value of an axis show the first.
    """
    return [
        {"name": name} | part.model_dump(exclude={"evaluation": {"resamples"}, "published": True})
        for name, part in parts(study).items()
    ]


def _corpus(study: Study, name: str, *without: str) -> Spec:
    """A corpus, without the keys that do not concern a step."""
    entry = find_corpus(study, name)
    return {"name": name, "corpus": entry.model_dump(exclude=set(without))}


def _embedder(study: Study, name: str) -> Spec:
    """An embedder, as steps that load it are told of it; the rest comes by `how_asked`."""
    entry = find_embedder(study, name)
    return {"name": name, "embedder": entry.model_dump(exclude=set(entry.HOW_ASKED))}


def how_asked(study: Study) -> dict[str, Spec]:
    """Of each embedder of a study's catalogue, the keys that change no vector."""
    return {
        name: entry.model_dump(include=set(entry.HOW_ASKED))
        for name, entry in study.embedders.items()
    }


def embedder_entry(spec: Spec) -> Embedder:
    """The embedder that a step is told of, with what the workflow says of how to ask it."""
    return read_embedder(spec["embedder"] | how_to_ask(spec["name"]))
