"""What no single key can tell: whether a study's parts fit each other."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from textback.config import compared
from textback.config.corpora import CorpusEntry
from textback.config.embedders import EmbedderEntry, OpenAI
from textback.config.figures import FIGURES
from textback.config.inverters import Inverter, Training
from textback.config.names import lookup
from textback.config.part_checks import check_part, check_told_apart
from textback.config.study import METRICS, Study, parts, used
from textback.config.sweeps import check_sweeps
from textback.counted import counted
from textback.errors import TextbackError, unknown_name
from textback.scaling import needed
from textback.searches import Search


def check_study(study: Study) -> None:
    """Raise TextbackError, one line, where names are unknown or parts do not fit each other."""
    _check_names(study)
    for name, part in parts(study).items():
        where = f"part '{name}'" if study.parts else "config"
        check_part(where, study, part)
    check_told_apart(parts(study))
    for figure in study.figures:
        _check_figure(study, figure)
    check_sweeps(study)
    if "law" in study.figures:
        _check_law(study)


def study_warnings(study: Study) -> list[str]:
    """What a study may do and hardly means, a line each."""
    found = []
    for name in used(study, "use_embedders"):
        embedder = study.embedders[name]
        found += prefix_warnings(name, embedder, used(study, "reductions"))
        corpora = dict.fromkeys([*used(study, "use_corpora"), *used(study, "target_corpora")])
        cased = [corpus for corpus in corpora if not study.corpora[corpus].lowercase]
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
    for name in [*used(study, "use_corpora"), *used(study, "target_corpora")]:
        _check_shares(name, lookup(study.corpora, "corpus", name))
    for name in used(study, "use_embedders"):
        lookup(study.embedders, "embedder", name)
    for name, entry in study.embedders.items():
        if isinstance(entry, OpenAI):
            _check_endpoint(name, entry)
    for name in used(study, "use_retrieval_sets"):
        lookup(study.retrieval_sets, "retrieval set", name)
    for name in used(study, "use_inverters"):
        _check_inverter(study, name, lookup(study.inverters, "inverter", name))
    for metric in study.metrics:
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)


def _check_inverter(study: Study, name: str, inverter: Inverter) -> None:
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
        _check_budget(f"inverters.{name}.{part}", getattr(inverter, part), study.gpus)
    if inverter.corrector is not None:
        rounds = inverter.corrector.data_rounds
        _check_budget(f"inverters.{name}.corrector", inverter.corrector, study.gpus, rounds)
    if inverter.hypothesizer_of is not None:
        _check_owner(study, name, inverter)


def _check_owner(study: Study, name: str, inverter: Inverter) -> None:
    """An inverter that shares another's hypothesizer must ask for the same one."""
    owner = lookup(study.inverters, "inverter", inverter.hypothesizer_of)
    one, other = (each.model_dump(exclude={"backbone": {"download"}}) for each in (owner, inverter))
    for key in ("tokenizer", "backbone", "null_model", "hypothesizer"):
        if one[key] != other[key]:
            raise TextbackError(
                f"inverter '{name}': has the hypothesizer of '{inverter.hypothesizer_of}', but "
                f"another '{key}': make them the same, or leave 'hypothesizer_of' out"
            )
    if owner.hypothesizer_of is not None:
        raise TextbackError(
            f"inverter '{name}': '{inverter.hypothesizer_of}' has its hypothesizer of "
            f"'{owner.hypothesizer_of}': name that one"
        )


def _check_budget(key: str, budget: Training, gpus: int, rounds: int = 1) -> None:
    """Of a training that is shared by so many GPUs, and divided into so many rounds."""
    if budget.batch % gpus:
        raise TextbackError(
            f"config: '{key}' has a batch of {budget.batch}, which {gpus} 'gpus' cannot share: "
            "make it a multiple of them"
        )
    if (budget.examples is None) == (budget.flops is None):
        raise TextbackError(f"config: '{key}' needs either 'examples' or 'flops'")
    if budget.examples is not None and (problem := budget.too_short(budget.examples // rounds)):
        apart = "" if rounds == 1 else f" in {rounds} data rounds"
        examples = counted(budget.examples, "example")
        raise TextbackError(f"config: '{key}' has a budget of {examples}{apart}, {problem}")


def _check_figure(study: Study, figure: str) -> None:
    shown = lookup(FIGURES, "figure", figure)
    missing = set(shown.metrics) - set(study.metrics)
    if missing:
        raise TextbackError(
            f"figure '{figure}' shows the metric '{min(missing)}': add it to 'metrics', or leave "
            "the figure out of 'figures'"
        )
    for axis in shown.needs:
        if not used(study, axis):
            raise TextbackError(
                f"figure '{figure}' needs '{axis}', which is empty: name one there, or leave the "
                "figure out of 'figures'"
            )
    if shown.varies and not compared.varies(figure, parts(study).values()):
        raise TextbackError(
            f"figure '{figure}' compares what the study has only one of: it needs {shown.varies}: "
            "add it, or leave the figure out of 'figures'"
        )
    if shown.of_own_texts and not compared.inverts_own_texts(parts(study).values()):
        raise TextbackError(
            f"figure '{figure}' shows inversions of the cells' own test passages, but the study "
            "inverts those of other targets alone: add a part without 'target_corpora' and "
            "'target_lengths', or leave the figure out of 'figures'"
        )
    if not shown.whole:
        _check_one_search(study, figure)
    for axis in shown.single:
        if len(used(study, axis)) > 1:
            raise TextbackError(
                f"figure '{figure}' shows one combination, but '{axis}' names "
                f"{len(used(study, axis))}: make a study of each, or leave the figure out of "
                "'figures'"
            )


def _check_one_search(study: Study, figure: str) -> None:
    searches = sorted({Search.of(part.evaluation).label for part in parts(study).values()})
    if len(searches) > 1:
        raise TextbackError(
            f"figure '{figure}' shows one search, but the parts have {', '.join(searches)}: name "
            "others in 'figures' (beam_grid compares searches), or choose parts with 'use_parts'"
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
            f"embedder '{name}': asks its endpoint for {counted(entry.dimensions, 'dimension')}, "
            f"but states {entry.dimension}: set 'dimension' and 'dimensions' to the same number"
        )


def _has_host(url: str) -> bool:
    """Whether a URL's host can be one and its port, if it has one, is a number up to 65535."""
    try:
        parts = urlsplit(url)
        return bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        return False


def _check_law(study: Study) -> None:
    """The law is of one kind of reduction and of the first embedder, and needs cells enough.

    An inverter that shares another's hypothesizer brings no point of its own.
    """
    reduced = [kind for kind in used(study, "reductions") if kind != "native"]
    if len(reduced) > 1:
        raise TextbackError(
            f"figure 'law' is of one reduction, but 'reductions' names {', '.join(reduced)}: make "
            "a study of each, or leave the figure out of 'figures'"
        )
    native = study.embedders[used(study, "use_embedders")[0]].dimension
    dimensions = list(used(study, "dimensions")) if reduced else []
    if "native" in used(study, "reductions"):
        if native in dimensions:
            raise TextbackError(
                f"figure 'law' would have two cells of {native} dimensions, native and reduced: "
                f"leave {native} out of 'dimensions', or 'native' out of 'reductions'"
            )
        dimensions.append(native)
    trained = [n for n in used(study, "use_inverters") if not study.inverters[n].hypothesizer_of]
    needed.check_grid(len(used(study, "lengths")), len(dimensions), len(trained))
