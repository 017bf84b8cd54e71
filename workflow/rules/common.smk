import sys

import textback
from textback import cells, prices, specs
from textback.config import FIGURES, canonical, lookup, read_study, study_warnings
from textback.corpora import own_files
from textback.errors import TextbackError
from textback.locks import hold
from textback.processes import gpus, mark_embedders, mark_steps
from textback.retrieval.beir import set_files
from textback.table import cost_files, score_path


def mendable(function, *arguments):
    """Call a function; an error the user can mend ends the run in one line."""
    try:
        return function(*arguments)
    except TextbackError as error:
        sys.exit(f"textback: error: {error}")


STUDY = mendable(read_study, config)
CELLS = list(cells.grid(STUDY))
FOLDER = cells.study_folder(STUDY.study)
STATE = cells.RESULTS / ".state"
LOGS = "logs"
GPUS = gpus(STUDY.device)  # of a step that uses one
TRAINING_GPUS = GPUS * STUDY.gpus

mark_steps(STUDY.device, STUDY.compile, STUDY.gpus)
mark_embedders(specs.how_asked(STUDY))


wildcard_constraints:
    corpus=r"[a-z0-9-]+",
    tokenizer=r"[a-z0-9-]+",
    embedder=r"[a-z0-9-]+",
    inverter=r"[a-z0-9-]+",
    reduction=r"[a-z]+[0-9]*",
    length=r"[1-9][0-9]*",
    seed=r"[0-9]+",
    mode=r"[a-z]+",
    beam=r"[1-9][0-9]*",
    rounds=r"[1-9][0-9]*",
    texts=r"[1-9][0-9]*",
    retrieval_set=r"[a-z0-9-]+",
    perturbation=r"[a-z0-9:.+-]+",


# Paths with wildcards, made by the functions that make the real ones.
ANY = cells.Cell("{corpus}", "{embedder}", "{length}", "{reduction}", "{inverter}", "{seed}")
CELL, NULL_MODEL = ANY.folder, ANY.null_model
INVERSION = ANY.inversion("{mode}", "{beam}", "{rounds}", "{texts}")
RETRIEVAL = cells.Retrieval("{retrieval_set}", "{embedder}", "{reduction}", "{perturbation}")
DOCUMENTS = cells.documents_file("{corpus}")
TOKENIZER = cells.tokenizer_file("{corpus}", "{tokenizer}")
PASSAGES = cells.passages_folder("{corpus}", "{tokenizer}", "{length}")
EMBEDDINGS = cells.embeddings_folder("{corpus}", "{tokenizer}", "{length}", "{embedder}")
RETRIEVAL_TABLE = FOLDER / "retrieval.csv"
SCORES = score_path(STUDY.study, ANY)
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
    return int(value) if name in ("length", "seed", "beam", "rounds", "texts") else value


def of_tokenizer(*patterns):
    """An input function: the patterns with the tokenizer of the cell's inverter."""

    def paths(wildcards):
        inverter = mendable(specs.find_inverter, STUDY, wildcards.inverter)
        known = {"tokenizer": inverter.tokenizer, **dict(wildcards.items())}
        return [str(pattern).format(**known) for pattern in patterns]

    return paths


def inside(folder, *names):
    """Files of a folder."""
    return [folder / name for name in names]


def corpus_files(wildcards):
    """The user's own files that a corpus is read from."""
    entry = mendable(specs.find_corpus, STUDY, wildcards.corpus)
    return mendable(own_files, wildcards.corpus, entry)


def retrieval_files(wildcards):
    """The files of a retrieval set."""
    entry = mendable(specs.find_retrieval_set, STUDY, wildcards.retrieval_set)
    return mendable(set_files, Path(entry.folder), entry.split, entry.source)


def drawn_beside(wildcards):
    """What a figure is drawn from beside the table."""
    return inside(FOLDER, *mendable(lookup, FIGURES, "figure", wildcards.figure).beside)


def embed_threads(name):
    """Of a job that embeds: every core for an embedder that shares its texts among processes."""
    entry = STUDY.embedders.get(name)
    shares = entry is not None and entry.kind == "universal-sentence-encoder"
    return workflow.cores if shares else 1


def take_workflow_lock():
    """Let no second workflow work in this folder; the lock goes with the process."""
    mendable(hold, STATE)


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


def say_what_to_open():
    """The last lines of a run that made the report."""
    if not (FOLDER / "report.html").exists():
        return
    print(f"\nOpen {FOLDER}/report.html in a browser.", file=sys.stderr)
    print(f"Figures: {FOLDER}/figures/  Table: {FOLDER}/table.csv", file=sys.stderr)
