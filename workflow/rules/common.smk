import sys

import textback
from textback import cells, specs
from textback.config import canonical, read_study
from textback.errors import TextbackError
from textback.locks import hold
from textback.processes import mark_steps
from textback.table import cost_files as find_cost_files


def mendable(function, *arguments):
    """Call a function; an error the user can mend ends the run in one line."""
    try:
        return function(*arguments)
    except TextbackError as error:
        sys.exit(f"textback: error: {error}")


STUDY = mendable(read_study, config)
CELLS = list(cells.grid(STUDY))
FOLDER = cells.study_folder(STUDY.study)
RESULTS = cells.RESULTS
STATE = RESULTS / ".state"
LOGS = "logs"
GPUS = 0 if STUDY.device == "cpu" else 1
SEARCH = f"rounds{STUDY.evaluation.rounds}-passages{STUDY.evaluation.passages}"

mark_steps(STUDY.device)


wildcard_constraints:
    corpus=r"[a-z0-9-]+",
    tokenizer=r"[a-z0-9-]+",
    embedder=r"[a-z0-9-]+",
    inverter=r"[a-z0-9-]+",
    reduction=r"[a-z]+[0-9]*",
    length=r"[1-9][0-9]*",
    seed=r"[0-9]+",
    beam=r"[1-9][0-9]*",
    rounds=r"[1-9][0-9]*",
    texts=r"[1-9][0-9]*",


DOCUMENTS = RESULTS / "corpora" / "{corpus}" / "documents.parquet"
TOKENIZER = RESULTS / "tokenizers" / "{corpus}" / "{tokenizer}" / "tokenizer.json"
PASSAGES = RESULTS / "passages" / "{corpus}" / "{tokenizer}" / "len{length}"
EMBEDDINGS = RESULTS / "embeddings" / "{corpus}" / "{tokenizer}" / "len{length}" / "{embedder}"
NULL_MODEL = RESULTS / "null_models" / "{corpus}" / "len{length}" / "{inverter}" / "seed{seed}"
CELL = (
    RESULTS
    / "cells"
    / "{corpus}"
    / "{embedder}"
    / "len{length}"
    / "{reduction}"
    / "{inverter}"
    / "seed{seed}"
)
INVERSION = CELL / "inversions" / "beam{beam}-rounds{rounds}-passages{texts}"
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


def take_workflow_lock():
    """Let no second workflow work in this folder; the lock goes with the process."""
    mendable(hold, STATE)


def say_what_to_open():
    """The last lines of a run."""
    print(f"\nOpen {FOLDER}/report.html in a browser.", file=sys.stderr)
    print(f"Figures: {FOLDER}/figures/  Table: {FOLDER}/table.csv", file=sys.stderr)


def cost_files(study):
    """The cost records of a study's cells."""
    tokenizers = {name: study.inverters[name].tokenizer for name in study.use_inverters}
    return find_cost_files(study, study.evaluation, tokenizers)
