"""Whether a part of a study fits its catalogues: its grid, its evaluation and its perturbations.

Every message begins with `where`: the part, or `config` where a study is one part.
"""

from collections.abc import Mapping
from itertools import combinations

from textback.config.embedders import EmbedderEntry
from textback.config.parts import Axes, Part
from textback.config.published import check_published
from textback.config.study import Study
from textback.counted import counted
from textback.errors import TextbackError
from textback.perturbations import Perturbation

# Axes that may be empty.
OPTIONAL = {"dimensions", "use_retrieval_sets", "target_corpora", "target_lengths"}
UNNAMED = ("breadth", "patience")  # that change a search, and are no part of its name in tables


def check_part(where: str, study: Study, part: Part) -> None:
    """Raise TextbackError, one line, where a part cannot be run. Its names are known."""
    _check_axes(where, part)
    _check_sizes(study, part)
    _check_passages(where, study, part)
    _check_perturbations(where, part)
    _check_search(where, study, part)
    for entry in part.published:
        check_published(where, entry)


def _check_axes(where: str, part: Part) -> None:
    for axis in sorted(Axes.model_fields):
        values = getattr(part, axis)
        if not values and axis not in OPTIONAL:
            raise TextbackError(f"{where}: '{axis}' is empty: name at least one value")
        if len(set(values)) != len(values):
            raise TextbackError(f"{where}: '{axis}' names a value twice: {values}")
    if set(part.reductions) != {"native"} and not part.dimensions:
        raise TextbackError(f"{where}: 'dimensions' is empty, but a reduction needs one: e.g. [64]")


def _check_sizes(study: Study, part: Part) -> None:
    for name in part.use_embedders:
        embedder = study.embedders[name]
        for dimension in part.dimensions:
            check_dimension(name, embedder, dimension)
        for length in [*part.lengths, *part.target_lengths]:
            check_length(name, embedder, length)


def _check_passages(where: str, study: Study, part: Part) -> None:
    asked = part.evaluation.passages
    for name in dict.fromkeys([*part.use_corpora, *part.target_corpora]):
        if asked > study.corpora[name].passages.test:
            raise TextbackError(
                f"{where if study.parts else 'evaluation'}: {asked} passages, but corpus '{name}' "
                f"has {study.corpora[name].passages.test} test passages: raise corpora.{name}."
                "passages.test or lower evaluation.passages"
            )


def _check_perturbations(where: str, part: Part) -> None:
    perturbations = [Perturbation.parse(text) for text in part.perturbations]
    if len(set(perturbations)) != len(perturbations):
        raise TextbackError(f"{where}: 'perturbations' names one twice: {part.perturbations}")
    if Perturbation("none") not in perturbations:
        raise TextbackError(
            f"{where}: 'perturbations' lacks 'none', with which the others are compared: add it"
        )


def _check_search(where: str, study: Study, part: Part) -> None:
    asked = part.evaluation
    for key, plain in (("rank", "cosine"), ("parents", "beam")):
        if asked.mode != "paper" and getattr(asked, key) != plain:
            raise TextbackError(
                f"{where}: evaluation.{key} '{getattr(asked, key)}' is of the paper's search: set "
                "evaluation.mode: paper"
            )
    for name in part.use_inverters:
        if asked.rounds > 0 and study.inverters[name].corrector is None:
            raise TextbackError(
                f"{where}: {counted(asked.rounds, 'round')}, but inverter '{name}' has no "
                "corrector: give it one, or set evaluation.rounds: 0"
            )


def check_told_apart(parts: Mapping[str, Part]) -> None:
    """Raise TextbackError where parts search the same cells with another breadth or patience.

    Tables name a search without them: of two such rows the second part's would be dropped.
    """
    searched = [
        (name, part)
        for name, part in parts.items()
        if part.evaluation.mode == "elitist" and part.evaluation.rounds > 0
    ]
    for (name, part), (other, rival) in combinations(searched, 2):
        one, two = part.evaluation, rival.evaluation
        differ = [key for key in UNNAMED if getattr(one, key) != getattr(two, key)]
        if one.start == two.start and differ and _meet(part, rival):
            key = differ[0]
            raise TextbackError(
                f"parts '{name}' and '{other}': search the same cells with {key} "
                f"{getattr(one, key)} and {getattr(two, key)}, which no table tells apart: set the "
                f"same evaluation.{key}, or make a study of each"
            )


def _meet(part: Part, other: Part) -> bool:
    """Whether two parts may have an inversion of the same cell in common."""
    axes = set(Axes.model_fields) - OPTIONAL
    return all(set(getattr(part, axis)) & set(getattr(other, axis)) for axis in axes)


def check_dimension(name: str, embedder: EmbedderEntry, dimension: int) -> None:
    """Raise TextbackError where a reduction would not reduce."""
    if dimension > embedder.dimension:
        raise TextbackError(
            f"dimension {dimension} is above the native {embedder.dimension} of embedder "
            f"'{name}': use at most {embedder.dimension}, or the reduction 'native'"
        )


def check_length(name: str, embedder: EmbedderEntry, length: int) -> None:
    """Raise TextbackError where no passage of `length` tokens can fit the embedder's input.

    The two count in different tokens: this is the quick test, `embed` makes the exact one.
    """
    if embedder.max_tokens is not None and length > embedder.max_tokens:
        raise TextbackError(
            f"length {length} is longer than embedder '{name}' reads "
            f"({embedder.max_tokens} of its tokens): use a shorter length"
        )
