"""The command line: a sub-command per step of the workflow, and a few for people.

    textback invert "some text"         read a text back from its embedding, round by round
    textback plan config/paper.yaml     what a study needs before it runs
    textback status                     what a study has finished, and which cells are missing
    textback show len8 pca64            a cell's worst, median and best texts by round
    textback price                      what a study may ask of embedders that are paid for
    textback config-schema              the JSON schema of a study's configuration
    textback train-hypothesizer --help  any step of the workflow, by hand

A module that needs torch is imported inside the sub-command that needs it, so that the light
steps start in a fraction of a second.
"""

import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from textback.bench import commands as bench
from textback.errors import TextbackError
from textback.options import (
    ConfigArguments,
    ConfigFiles,
    DeviceOption,
    RetrievalFolder,
    ThreadsOption,
    configured_study,
    file_option,
    folder_option,
)
from textback.plan import command as plan
from textback.processes import die_with_workflow
from textback.progress import configure, log
from textback.sharing import commands as sharing
from textback.steps import commands as steps
from textback.studies import commands as studies

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How much of a text can be read back from its embedding?",
)
app.add_typer(bench.app, name="bench")
app.add_typer(studies.app)
app.command("plan")(plan.plan)
app.add_typer(sharing.app)
app.add_typer(steps.app)


@app.callback()
def _setup(
    log_file: Annotated[
        Path | None, typer.Option("--log", help="Write the log to this file, too.")
    ] = None,
) -> None:
    configure(log_file)


@app.command()
def invert(
    text: Annotated[list[str] | None, typer.Argument(help="Texts to embed and read back.")] = None,
    file: Annotated[Path | None, file_option("A file of texts, one a line.")] = None,
    vectors: Annotated[
        Path | None, file_option("A file of embeddings: .npy, or .safetensors with 'embeddings'.")
    ] = None,
    config: ConfigFiles = None,
    cell: Annotated[
        str | None, typer.Option(help="The trained cell: its path, or words of it: 'len8 pca64'.")
    ] = None,
    beam: Annotated[int, typer.Option(min=1, max=256, help="A round tries its square.")] = 4,
    rounds: Annotated[int, typer.Option(min=0, help="Rounds of correction.")] = 10,
    breadth: Annotated[
        int | None,
        typer.Option(min=1, help="Texts decoded for each that is embedded; else the study's."),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(min=1, help="Rounds without gain before the end; else the study's."),
    ] = None,
    edits: Annotated[
        bool | None,
        typer.Option("--edits/--no-edits", help="Whether to try edits; else the study's."),
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Read texts back from their embeddings, showing the rounds as they come."""
    if (text is not None) + (file is not None) + (vectors is not None) != 1:
        raise TextbackError("invert: give either a text, or --file, or --vectors")
    from rich.console import Console

    from textback import interactive

    study = configured_study(config)
    chosen = interactive.find_cell(study, cell) if cell else None
    search = interactive.Search(beam, rounds, breadth, patience, edits)
    _use(threads)
    if vectors is not None:
        interactive.invert_vectors(study, vectors, chosen, search, Console())
    else:
        texts = text if text is not None else interactive.read_texts(file)
        interactive.invert_texts(study, texts, chosen, search, Console())


@app.command()
def price(study: ConfigArguments = None, config: ConfigFiles = None) -> None:
    """Estimate what a study will ask of embedders that are paid by the token, at most."""
    from textback import prices
    from textback.terminal import console

    found = configured_study(study, config)
    if prices.estimate(found):
        console().print(prices.table(found))
    else:
        print(f"study {found.study}: nothing, it uses no embedder of kind 'openai'")


@app.command()
def retrieval(
    folder: RetrievalFolder,
    embedder: Annotated[str, typer.Option(help="The embedder's name in the configuration.")],
    reduction: Annotated[
        list[str] | None, typer.Option(help="native, or e.g. pca64; can be given several times.")
    ] = None,
    perturbation: Annotated[
        list[str] | None,
        typer.Option(
            help="Of the stored documents: none, gaussian:0.01, int8 or binary; several, too."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Which of the set's qrels.")] = "test",
    projection: Annotated[
        Path | None, file_option("The one reduction, fitted before; else fitted to the documents.")
    ] = None,
    output: Annotated[Path | None, file_option("A .json or .csv for results and costs.")] = None,
    config: ConfigFiles = None,
    state: Annotated[
        Path, folder_option("Where embeddings are kept, so that another run begins with them.")
    ] = Path("results/.state/retrieval"),
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Measure how well documents are found by their embeddings, reduced or perturbed."""
    from textback.cells import Reduction
    from textback.perturbations import Perturbation

    study = configured_study(config)
    reductions = [Reduction.parse(text) for text in reduction or ["native"]]
    perturbations = [Perturbation.parse(text) for text in perturbation or ["none"]]

    from textback.retrieval.command import Wanted, run

    _use(threads)
    wanted = Wanted(reductions, perturbations, projection)
    run(study, embedder, folder, split, wanted, output, state, device)


def _use(threads: int | None) -> None:
    if threads is not None:
        from textback.device import use_threads

        use_threads(threads)


@app.command()
def config_schema() -> None:
    """Print the JSON schema of a study's configuration."""
    from textback.config import json_schema

    print(json.dumps(json_schema(), indent=1))


def main() -> None:
    """Run the command line. What a user can mend is one line on stderr, exit code 1."""
    die_with_workflow()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        app(standalone_mode=True)
    except TextbackError as error:
        log.error("textback: error: %s", error)
        sys.exit(1)
    except Exception as error:
        if _out_of_memory(error):
            log.error("textback: error: out of memory: choose a smaller size, batch or beam")
            sys.exit(1)
        log.exception("textback: unexpected error, please report it with these lines")
        sys.exit(2)


def _out_of_memory(error: Exception) -> bool:
    """Whether torch had no memory, if it was imported at all, or Python."""
    if "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from textback.device import out_of_memory

    return out_of_memory(error)
