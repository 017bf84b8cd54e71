"""What a study is made from: is it on this machine, on the hub, or missing? Told without loading.

A study that misses something ends before anything runs, in one line. What only loading can tell,
such as a broken file, is told by the step that loads it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from textback import hub
from textback.config import Backbone, Corpus, Embedder, RetrievalSet, Study, Tokenizer
from textback.config.corpora import HuggingFace, Package
from textback.config.embedders import Located, OpenAI
from textback.corpora import own_files
from textback.embedders.at_hand import check_at_hand
from textback.embedders.key import key_of
from textback.errors import TextbackError
from textback.packages import package_folder
from textback.plan.jobs import TRAININGS, jobs
from textback.retrieval.beir import set_files

EMBEDDING = (  # steps that may load an embedder
    *("embed", "embed_target", "hypotheses", "corrector", "invert", "embed_retrieval"),
)
PROBLEMS, NAMES = 2, 4  # of what is missing, named in the one line
ALL = "`textback plan`, with the same configuration, lists all"
Where = Literal["at hand", "an endpoint", "an endpoint without its key", "to download", "missing"]
ENDS_A_RUN = ("missing", "an endpoint without its key")


@dataclass(frozen=True)
class Needed:
    """Something a study is made from.

    what: e.g. `embedder 'gtr-base'`; name: its folder, package or hub id; megabytes: of the
    download, about, None where it is not known; problem: what is wrong where it ends a run and
    is not on the hub; options: of `hf download`
    """

    what: str
    name: str
    where: Where
    megabytes: float | None = None
    problem: str = ""
    options: str = ""


def needed(study: Study) -> list[Needed]:
    """All that the unfinished jobs of a study are made from."""
    asked = {
        "corpus": lambda name: _corpus(name, study.corpora[name]),
        "tokenizer": lambda name: _tokenizer(name, study.tokenizers[name]),
        "backbone": lambda name: _backbone(study, name),
        "embedder": lambda name: _embedder(name, study.embedders[name]),
        "retrieval set": lambda name: _retrieval_set(name, study.retrieval_sets[name]),
    }
    return [asked[kind](name) for kind, name in dict.fromkeys(_read_by_jobs(study))]


def _read_by_jobs(study: Study) -> Iterator[tuple[str, str]]:
    """Kind and name of what each unfinished job reads; of equal backbones the first."""
    first_with: dict[tuple[str | None, str | None], str] = {}
    for job in (job for job in jobs(study) if not job.finished):
        if job.step == "corpus":
            yield "corpus", job.corpus
        if job.step == "tokenizer" and study.tokenizers[job.tokenizer].kind == "pretrained":
            yield "tokenizer", job.tokenizer
        if job.step in TRAININGS and study.inverters[job.inverter].backbone.pretrained:
            weights = _weights(study.inverters[job.inverter].backbone)
            yield "backbone", first_with.setdefault(weights, job.inverter)
        if job.step in EMBEDDING:
            yield "embedder", job.embedder
        if job.retrieval_set:
            yield "retrieval set", job.retrieval_set


def check_all_at_hand(study: Study) -> None:
    """Raise TextbackError, one line, where anything that a study is made from is missing."""
    if line := what_is_missing(study):
        raise TextbackError(line)


def what_is_missing(study: Study) -> str:
    """What a run would end of before its first step, in one line, or nothing.

    It names the first few, and counts the others.
    """
    return "; ".join(_lines([need for need in needed(study) if need.where in ENDS_A_RUN]))


def _lines(missing: list[Needed]) -> Iterator[str]:
    """What is missing and the way out: of each, and once for all that lies on the hub."""
    problems = dict.fromkeys(need.problem for need in missing if need.problem)
    yield from list(problems)[:PROBLEMS]
    if len(problems) > PROBLEMS:
        yield f"and {len(problems) - PROBLEMS} more ({ALL})"
    absent = [need for need in missing if not need.problem]
    if absent:
        yield _absent(absent)


def _absent(absent: list[Needed]) -> str:
    """What lies on the hub, and the way out for all of it."""
    named = ", ".join(f"{need.what} ({need.name})" for need in absent[:NAMES])
    if len(absent) > NAMES:
        named += f" and {len(absent) - NAMES} more ({ALL})"
    downloads = {" ".join(f"hf download {n.options} {n.name}".split()) for n in absent}
    several = "hf download NAME --local-dir FOLDER` for each, of a corpus with `--repo-type dataset"
    command = f"{downloads.pop()} --local-dir FOLDER" if len(downloads) == 1 else several
    return (
        f"not on this machine, and the hub cannot be reached: {named}: where there is a network "
        f"run `{command}`, and give the folder instead of the name, or copy the cache there and "
        "set HF_HOME to the copy"
    )


def _corpus(name: str, entry: Corpus) -> Needed:
    what = f"corpus '{name}'"
    if isinstance(entry, HuggingFace):
        here = Path(entry.dataset).exists() or hub.has_dataset(entry.dataset, entry.name)
        return _of_hub(what, entry.dataset, here, entry.download, "--repo-type dataset")
    source = entry.package if isinstance(entry, Package) else entry.folder
    try:
        package_folder(name, entry.package) if isinstance(entry, Package) else own_files(
            name, entry
        )
    except TextbackError as error:
        return Needed(what, source, "missing", problem=str(error))
    return Needed(what, source, "at hand")


def _tokenizer(name: str, entry: Tokenizer) -> Needed:
    what, model = f"tokenizer '{name}'", entry.model or ""
    if entry.package is None:
        here = Path(model).is_dir() or hub.has_tokenizer(model, entry.revision)
        return _of_hub(what, model, here, entry.download)
    try:
        package_folder("tokenizer", entry.package)
    except TextbackError as error:
        return Needed(what, entry.package, "missing", problem=str(error))
    return Needed(what, entry.package, "at hand")


def _weights(entry: Backbone) -> tuple[str | None, str | None]:
    return entry.pretrained, entry.revision


def _backbone(study: Study, name: str) -> Needed:
    """Of all inverters that have its weights some entry may tell how large they are."""
    entry = study.inverters[name].backbone
    model = entry.pretrained or ""
    here = Path(model).is_dir() or hub.has_weights(model, entry.revision)
    same = (one.backbone for one in study.inverters.values())
    sizes = (one.download for one in same if _weights(one) == _weights(entry))
    megabytes = next((size for size in sizes if size is not None), None)
    return _of_hub(f"backbone of inverter '{name}'", model, here, megabytes)


def _embedder(name: str, entry: Embedder) -> Needed:
    what = f"embedder '{name}'"
    try:
        check_at_hand(name, entry)
    except TextbackError as error:
        return Needed(what, getattr(entry, "model", entry.kind), "missing", problem=str(error))
    if isinstance(entry, OpenAI):
        return _endpoint(what, name, entry)
    if not isinstance(entry, Located):
        return Needed(what, getattr(entry, "model", entry.kind), "at hand")
    if entry.package is not None or Path(entry.model).is_dir():
        return Needed(what, entry.package or entry.model, "at hand")
    has = hub.has_tokenizer if entry.kind == "random-transformer" else hub.has_weights
    here = has(entry.model, entry.revision)
    return _of_hub(what, entry.model, here, entry.download, asked=not entry.offline)


def _endpoint(what: str, name: str, entry: OpenAI) -> Needed:
    try:
        key_of(name, entry)
    except TextbackError as error:
        return Needed(what, entry.model, "an endpoint without its key", problem=str(error))
    return Needed(what, entry.model, "an endpoint")


def _retrieval_set(name: str, entry: RetrievalSet) -> Needed:
    what = f"retrieval set '{name}'"
    try:
        set_files(Path(entry.folder), entry.split, entry.source)
    except TextbackError as error:
        return Needed(what, entry.folder, "missing", entry.download, str(error))
    return Needed(what, entry.folder, "at hand")


def _of_hub(
    what: str,
    name: str,
    here: bool,
    megabytes: float | None,
    options: str = "",
    asked: bool = True,
) -> Needed:
    """What is at hand or fetched by its name. asked: whether the hub may be."""
    if here:
        return Needed(what, name, "at hand", options=options)
    if not hub.is_name(name):
        problem = f"{what}: folder {name} does not exist: correct its entry"
        return Needed(what, name, "missing", problem=problem)
    where: Where = "to download" if asked and hub.reachable() else "missing"
    return Needed(what, name, where, megabytes, options=options)
