import json
import sys
from shlex import quote

import textback
from textback import cells, fork_server, prices, specs
from textback.config import FIGURES, canonical, lookup, parts, read_study, study_warnings, used
from textback.config.finding import find_corpus, find_inverter, find_part, find_retrieval_set
from textback.corpora import names_files, own_files
from textback.errors import TextbackError
from textback.failures import last_words
from textback.histories import history_files
from textback.locks import hold
from textback.pooling import resamples_path
from textback.processes import gpus, mark_command, mark_embedders, mark_steps
from textback.published.values import FILE as VALUES
from textback.retrieval.beir import set_files
from textback.sharing.places import imported, place
from textback.sharing.unpacking import check_imported
from textback.table import Known, cost_files, own_score_path, score_path, trace_path


def mendable(function, *arguments):
    """Call a function; an error the user can mend ends the run in one line."""
    try:
        return function(*arguments)
    except TextbackError as error:
        sys.exit(f"textback: error: {error}")


def at_hand(function, *arguments):
    """As `mendable`; where a file is missing, the line is of all that the study misses."""
    try:
        return function(*arguments)
    except TextbackError as error:
        check_at_hand()
        sys.exit(f"textback: error: {error}")


if "cuda" in workflow.global_resources:  # the profile says that there is a GPU
    config["device"] = "cuda"
STUDY = mendable(read_study, config)
PARTS = parts(STUDY)
mendable(check_imported, STUDY)
OWNERS = cells.owners(STUDY)
FOLDER = cells.study_folder(STUDY.study)
STATE = cells.RESULTS / ".state"
LOGS = "logs"
GPUS = gpus(STUDY.device)  # of a step that uses one
FORKED_JOBS = 8  # from here on they save more than a server takes to start
TRAINING_GPUS = GPUS * STUDY.gpus

mark_steps(STUDY.device, STUDY.compile, STUDY.gpus)
mark_embedders(specs.how_asked(STUDY))
mark_command(sys.argv)


wildcard_constraints:
    corpus=r"[a-z0-9-]+",
    tokenizer=r"[a-z0-9-]+",
    embedder=r"[a-z0-9-]+",
    inverter=r"[a-z0-9-]+",
    reduction=r"[a-z]+[0-9]*",
    length=r"[1-9][0-9]*",
    seed=r"[0-9]+",
    part=r"[a-z0-9-]+",
    owner=r"[a-z0-9-]+",
    target_corpus=r"[a-z0-9-]+",
    target_length=r"[1-9][0-9]*",
    search=r"[a-z0-9-]+",
    beam=r"[1-9][0-9]*",
    rounds=r"[0-9]+",
    texts=r"[1-9][0-9]*",
    retrieval_set=r"[a-z0-9-]+",
    perturbation=r"[a-z0-9:.+-]+",


# Paths with wildcards, made by the functions that make the real ones.
ANY = cells.Cell("{corpus}", "{embedder}", "{length}", "{reduction}", "{inverter}", "{seed}")
CELL = ANY.folder
OWNER = cells.Cell("{corpus}", "{embedder}", "{length}", "{reduction}", "{owner}", "{seed}")
TARGET = cells.Target("{target_corpus}", "{target_length}")
INVERSION = cells.Inversion(
    ANY, "{search}", "{beam}", "{rounds}", "{texts}", TARGET, "{perturbation}"
).folder
RETRIEVAL = cells.Retrieval("{retrieval_set}", "{embedder}", "{reduction}", "{perturbation}")
DOCUMENTS = cells.documents_file("{corpus}")
WORDS = cells.words_file("{corpus}")
TOKENIZER = cells.tokenizer_file("{corpus}", "{tokenizer}")
PASSAGES = cells.passages_folder("{corpus}", "{tokenizer}", "{length}")
EMBEDDINGS = cells.embeddings_folder("{corpus}", "{tokenizer}", "{length}", "{embedder}")
TARGETS = cells.targets_folder("{corpus}", "{tokenizer}", TARGET)
RETRIEVAL_TABLE = FOLDER / "retrieval.csv"
SCORES = own_score_path(STUDY.study, "{part}", ANY)
SPLITS = cells.SPLITS


def spec(function, *names):
    """A params function: the step's slice of the configuration, as canonical JSON."""
    return lambda wildcards: mendable(
        lambda: canonical(function(STUDY, *(cast(wildcards, name) for name in names)))
    )


def cast(wildcards, name):
    """A wildcard's value; `=text` stands for the text itself."""
    if name.startswith("="):
        return name[1:]
    value = getattr(wildcards, name)
    numbers = ("length", "target_length", "seed", "beam", "rounds", "texts")
    return int(value) if name in numbers else value


def of_inverter(*patterns):
    """An input function: the patterns with the tokenizer of the cell's inverter, and the inverter
    that owns its hypothesizer."""

    def paths(wildcards):
        inverter = mendable(find_inverter, STUDY, wildcards.inverter)
        own = {"tokenizer": inverter.tokenizer, "owner": OWNERS[wildcards.inverter]}
        known = {**own, **dict(wildcards.items())}
        return [str(pattern).format(**known) for pattern in patterns]

    return paths


def inverted(kind):
    """An input function: what an inversion reads back, `passages` or `embeddings`."""
    files = {
        "passages": (PASSAGES / "test.parquet", TARGETS / "test.parquet"),
        "embeddings": (
            EMBEDDINGS / "test.safetensors",
            TARGETS / "{embedder}" / "test.safetensors",
        ),
    }

    def paths(wildcards):
        own = (wildcards.corpus, wildcards.length)
        others = own != (wildcards.target_corpus, wildcards.target_length)
        return of_inverter(files[kind][others])(wildcards)

    return paths


def traces_of_part(wildcards):
    """The traces of a cell that its part asks for."""
    part = mendable(find_part, STUDY, wildcards.part)
    reduction = mendable(cells.Reduction.parse, wildcards.reduction)
    cell = cells.Cell(
        wildcards.corpus,
        wildcards.embedder,
        int(wildcards.length),
        reduction,
        wildcards.inverter,
        int(wildcards.seed),
    )
    return [inversion.trace for inversion in cells.inversions_of(part, cell)]


def inside(folder, *names):
    """Files of a folder."""
    return [folder / name for name in names]


def corpus_files(wildcards):
    """The user's own files that a corpus is read from."""
    entry = mendable(find_corpus, STUDY, wildcards.corpus)
    return at_hand(own_files, wildcards.corpus, entry)


def names_list(wildcards):
    """The list of names of a corpus, if it has one."""
    entry = mendable(find_corpus, STUDY, wildcards.corpus)
    return mendable(names_files, wildcards.corpus, entry)


def words_of_part(wildcards):
    """The words of a cell's corpus and of its part's targets, where recalls are measured."""
    corpora = mendable(specs.word_corpora, STUDY, wildcards.part, wildcards.corpus)
    return [cells.words_file(corpus) for corpus in corpora]


def retrieval_files(wildcards):
    """The files of a retrieval set."""
    entry = mendable(find_retrieval_set, STUDY, wildcards.retrieval_set)
    return at_hand(set_files, Path(entry.folder), entry.split, entry.source)


def drawn_beside(wildcards):
    """What a figure is drawn from beside the table."""
    shown = mendable(lookup, FIGURES, "figure", wildcards.figure)
    compared = PUBLISHED[:1] if shown.published else []
    return inside(FOLDER, *shown.beside) + compared


def embed_threads(name):
    """Of a job that embeds: every core for an embedder that shares its texts among processes."""
    entry = STUDY.embedders.get(name)
    shares = entry is not None and entry.kind == "universal-sentence-encoder"
    return workflow.cores if shares else 1


def take_workflow_lock():
    """Let no second workflow work in this folder; the lock goes with the process."""
    mendable(hold, STATE)


def check_device():
    """End a run that needs a GPU before its first step where there is none; on a cluster, the steps'
    own machines have them."""
    if STUDY.device == "cuda" and workflow.local_exec:
        from textback.device import pick_device  # seconds, once a run

        mendable(pick_device, STUDY.device)


def check_at_hand():
    """End a run that would work for minutes before it misses what it is made from, in one line."""
    from textback.plan.at_hand import check_all_at_hand  # half a second, once a run

    mendable(check_all_at_hand, STUDY)


def warn():
    """Say what the study may not mean."""
    for line in study_warnings(STUDY):
        print(f"textback: warning: {line}", file=sys.stderr)


def say_prices():
    """The first lines of a run that may cost money."""
    for line in mendable(prices.lines, STUDY):
        print(line, file=sys.stderr)


def start_fork_server():
    """Spare the steps of a run on this machine's CPU their imports, where it has enough of them."""
    jobs = sum(1 for job in workflow.dag.needrun_jobs())
    if workflow.local_exec and GPUS == 0 and jobs >= FORKED_JOBS:
        fork_server.start()


def say_what_to_open():
    """The last lines of a run that made the report."""
    if not (FOLDER / "report.html").exists():
        return
    print(f"\nOpen {FOLDER}/report.html in a browser.", file=sys.stderr)
    print(f"Figures: {FOLDER}/figures/  Table: {FOLDER}/table.csv", file=sys.stderr)


def say_what_failed(logs):
    """The last lines of a run that failed or was stopped: what its failed steps said last."""
    said = last_words(map(Path, logs))
    for line in said:
        print(f"failed: {line}", file=sys.stderr)
    when = "once that is mended, " if said else ""
    print(f"What is finished is kept: {when}the same command goes on from there.", file=sys.stderr)
