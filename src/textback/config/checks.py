"""What no single key can tell: whether a study's parts fit each other."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from textback.config.corpora import CorpusEntry
from textback.config.embedders import EmbedderEntry, OpenAI
from textback.config.inverters import Training
from textback.config.study import FIGURES, METRICS, Axes, Study
from textback.errors import TextbackError, unknown_name
from textback.perturbations import Perturbation
from textback.scaling import needed

Entry = TypeVar("Entry")

COMBINED = ("use_corpora", "use_embedders", "use_inverters", "use_retrieval_sets")
OPTIONAL = {"dimensions", "use_retrieval_sets"}  # axes that may be empty


def lookup(catalogue: Mapping[str, Entry], what: str, name: str) -> Entry:
    """The catalogue's entry of that name, or an error that names the nearest one."""
    if name not in catalogue:
        raise unknown_name(what, name, catalogue)
    return catalogue[name]


def check_study(study: Study) -> None:
    """Raise TextbackError, one line, where names are unknown or parts do not fit each other."""
    _check_names(study)
    _check_grid(study)
    _check_retrieval(study)
    if "law" in study.figures:
        _check_law(study)


def study_warnings(study: Study) -> list[str]:
    """What a study may do and hardly means, a line each."""
    found = []
    for name in study.use_embedders:
        embedder = study.embedders[name]
        found += prefix_warnings(name, embedder, study.reductions)
        cased = [corpus for corpus in study.use_corpora if not study.corpora[corpus].lowercase]
        if cased and not embedder.cased:
            found.append(
                f"embedder '{name}' cannot return case, but corpus '{cased[0]}' has it: set "
                f"corpora.{cased[0]}.lowercase: true"
            )
    return found


def prefix_warnings(name: str, embedder: EmbedderEntry, reductions: Iterable[str]) -> list[str]:
    """Where the first components of an embedding are no embedding of their own."""
    if "prefix" not in reductions or embedder.matryoshka:
        return []
    return [
        f"reduction 'prefix' of embedder '{name}', whose first components are no embedding of "
        "their own (its entry does not say matryoshka: true): use pca or random"
    ]


def _check_names(study: Study) -> None:
    for name in study.use_corpora:
        _check_shares(name, lookup(study.corpora, "corpus", name))
    for name in study.use_embedders:
        lookup(study.embedders, "embedder", name)
    for name, entry in study.embedders.items():
        if isinstance(entry, OpenAI):
            _check_endpoint(name, entry)
    for name in study.use_inverters:
        inverter = lookup(study.inverters, "inverter", name)
        tokenizer = lookup(study.tokenizers, "tokenizer", inverter.tokenizer)
        if (tokenizer.kind == "pretrained") != (tokenizer.model is not None):
            raise TextbackError(
                f"tokenizer '{inverter.tokenizer}': the key 'model' is needed by kind "
                "'pretrained', and by no other"
            )
        backbone = inverter.backbone
        if backbone.form == "paper" and backbone.pretrained is None and backbone.family != "t5":
            raise TextbackError(
                f"inverter '{name}': the form 'paper' is a T5's: set backbone.family: t5"
            )
        for part in ("null_model", "hypothesizer"):
            _check_budget(f"inverters.{name}.{part}", getattr(inverter, part))
        rounds = inverter.corrector.data_rounds
        _check_budget(f"inverters.{name}.corrector", inverter.corrector, rounds)
    for metric in study.metrics:
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
    for figure in study.figures:
        _check_figure(study, figure)


def _check_budget(key: str, budget: Training, rounds: int = 1) -> None:
    """Of a training that is divided into so many rounds."""
    if (budget.examples is None) == (budget.flops is None):
        raise TextbackError(f"config: '{key}' needs either 'examples' or 'flops'")
    if budget.examples is not None and budget.examples // rounds < 2 * budget.batch:
        apart = "" if rounds == 1 else f" in {rounds} data rounds"
        raise TextbackError(
            f"config: '{key}' has a budget of {budget.examples} examples{apart}, which ends within "
            f"its warm-up: give it at least two batches of {budget.batch}, or lower 'batch'"
        )


def _check_figure(study: Study, figure: str) -> None:
    shown = lookup(FIGURES, "figure", figure)
    missing = set(shown.metrics) - set(study.metrics)
    if missing:
        raise TextbackError(
            f"figure '{figure}' shows the metric '{min(missing)}': add it to 'metrics', or leave "
            "the figure out of 'figures'"
        )
    for axis in shown.needs:
        if not getattr(study, axis):
            raise TextbackError(
                f"figure '{figure}' needs '{axis}', which is empty: name one there, or leave the "
                "figure out of 'figures'"
            )
    for axis in COMBINED:
        if axis not in shown.compares and len(getattr(study, axis)) > 1:
            raise TextbackError(
                f"figure '{figure}' shows one combination, but '{axis}' names "
                f"{len(getattr(study, axis))}: make a study of each, or leave the figure out of "
                "'figures'"
            )


def _check_shares(name: str, corpus: CorpusEntry) -> None:
    if corpus.split.validation + corpus.split.test >= 1:
        raise TextbackError(
            f"corpus '{name}': validation and test shares leave no training documents: lower them"
        )


def _check_endpoint(name: str, entry: OpenAI) -> None:
    """Of every entry of the catalogue: all of it is written to files. No message repeats a key."""
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", entry.key_variable):
        raise TextbackError(
            f"embedder '{name}': 'key_variable' is not the name of an environment variable "
            "(capital letters, digits, _): put the key into a variable, and its name here"
        )
    if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#@\s]*)?", entry.base_url):
        raise TextbackError(
            f"embedder '{name}': 'base_url' must be http:// or https://, a host and a path, "
            "without a user, password or query: a key belongs into the variable that "
            "'key_variable' names"
        )
    if not _has_host(entry.base_url):
        raise TextbackError(
            f"embedder '{name}': 'base_url' has no valid host or port: write e.g. "
            "http://127.0.0.1:8080/v1"
        )
    if entry.dimensions not in (None, entry.dimension):
        raise TextbackError(
            f"embedder '{name}': asks its endpoint for {entry.dimensions} dimensions, but states "
            f"{entry.dimension}: set 'dimension' and 'dimensions' to the same number"
        )


def _has_host(url: str) -> bool:
    """Whether a URL's host can be one and its port, if it has one, is a number up to 65535."""
    try:
        parts = urlsplit(url)
        return bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        return False


def _check_grid(study: Study) -> None:
    for axis in sorted(Axes.model_fields.keys() - {"study"}):
        values = getattr(study, axis)
        if not values and axis not in OPTIONAL:
            raise TextbackError(f"config: '{axis}' is empty: name at least one value")
        if len(set(values)) != len(values):
            raise TextbackError(f"config: '{axis}' names a value twice: {values}")
    if set(study.reductions) != {"native"} and not study.dimensions:
        raise TextbackError("config: 'dimensions' is empty, but a reduction needs one: e.g. [64]")
    for name in study.use_embedders:
        embedder = study.embedders[name]
        for dimension in study.dimensions:
            check_dimension(name, embedder, dimension)
        for length in study.lengths:
            check_length(name, embedder, length)
    for name in study.use_corpora:
        if study.evaluation.passages > study.corpora[name].passages.test:
            raise TextbackError(
                f"evaluation: {study.evaluation.passages} passages, but corpus '{name}' has "
                f"{study.corpora[name].passages.test} test passages: raise corpora.{name}."
                "passages.test or lower evaluation.passages"
            )


def _check_retrieval(study: Study) -> None:
    for name in study.use_retrieval_sets:
        lookup(study.retrieval_sets, "retrieval set", name)
    perturbations = [Perturbation.parse(text) for text in study.perturbations]
    if len(set(perturbations)) != len(perturbations):
        raise TextbackError(f"config: 'perturbations' names one twice: {study.perturbations}")
    if Perturbation("none") not in perturbations:
        raise TextbackError(
            "config: 'perturbations' lacks 'none', with which the others are compared: add it"
        )
    if len(perturbations) > 1 and not study.use_retrieval_sets:
        raise TextbackError(
            "config: 'perturbations' are measured on retrieval alone: name a set in "
            "'use_retrieval_sets', or leave perturbations: [none]"
        )


def _check_law(study: Study) -> None:
    """Of a study of one embedder: the law is of one kind of reduction, and needs cells enough."""
    reduced = [kind for kind in study.reductions if kind != "native"]
    if len(reduced) > 1:
        raise TextbackError(
            f"figure 'law' is of one reduction, but 'reductions' names {', '.join(reduced)}: make "
            "a study of each, or leave the figure out of 'figures'"
        )
    native = study.embedders[study.use_embedders[0]].dimension
    dimensions = list(study.dimensions) if reduced else []
    if "native" in study.reductions:
        if native in dimensions:
            raise TextbackError(
                f"figure 'law' would have two cells of {native} dimensions, native and reduced: "
                f"leave {native} out of 'dimensions', or 'native' out of 'reductions'"
            )
        dimensions.append(native)
    needed.check_grid(len(study.lengths), len(dimensions), len(study.use_inverters))


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
