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
from typing import Annotated, Any

import typer

from textback.bench import commands as bench
from textback.errors import TextbackError
from textback.options import ConfigFiles, configured_study
from textback.plan import command as plan
from textback.processes import DEVICE, die_with_workflow
from textback.progress import configure, log
from textback.published.command import published
from textback.sharing import commands as sharing
from textback.studies import commands as studies

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How much of a text can be read back from its embedding?",
)
app.add_typer(bench.app, name="bench")
app.add_typer(studies.app)
app.command()(published)
app.command("plan")(plan.plan)
app.add_typer(sharing.app)


def _spec(text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}") from None


def _file(help: str) -> Any:
    return typer.Option(help=help, dir_okay=False)


def _folder(help: str) -> Any:
    return typer.Option(help=help, file_okay=False)


SpecOption = Annotated[
    dict, typer.Option(parser=_spec, metavar="JSON", help="The step's slice of the configuration.")
]
DeviceOption = Annotated[str, typer.Option(envvar=DEVICE, help="auto, cpu or cuda.")]
StateOption = Annotated[Path, _folder("Where unfinished work is kept to be resumed.")]
OutputFile = Annotated[Path, _file("The file to write.")]
OutputFolder = Annotated[Path, _folder("The folder to write into.")]
Documents = Annotated[Path, _file("documents.parquet of the corpus.")]
TokenizerFile = Annotated[Path, _file("tokenizer.json.")]
PassagesFolder = Annotated[Path, _folder("The passages of one length.")]
EmbeddingsFolder = Annotated[Path, _folder("The passages' embeddings.")]
ReductionFile = Annotated[Path, _file("The fitted reduction.")]
RetrievalFolder = Annotated[Path, _folder("A retrieval set in the layout of BEIR.")]
ModelFile = Annotated[Path, _file("model.safetensors of a trained model.")]


@app.callback()
def _setup(
    log_file: Annotated[
        Path | None, typer.Option("--log", help="Write the log to this file, too.")
    ] = None,
) -> None:
    configure(log_file)


@app.command()
def corpus(spec: SpecOption, output: OutputFile) -> None:
    """Read a corpus into documents, split into train, validation and test."""
    from textback.steps.data import make_corpus

    make_corpus(spec, output)


@app.command()
def words(spec: SpecOption, documents: Documents, output: OutputFile) -> None:
    """Count a corpus's words, and tell which are names."""
    from textback.steps.words import make_words

    make_words(spec, documents, output)


@app.command()
def tokenizer(spec: SpecOption, documents: Documents, output: OutputFile) -> None:
    """Train the inverter's tokenizer on the training documents, or fetch a pretrained one."""
    from textback.steps.data import make_tokenizer

    make_tokenizer(spec, documents, output)


@app.command()
def passages(
    spec: SpecOption, documents: Documents, tokenizer: TokenizerFile, output: OutputFolder
) -> None:
    """Draw passages of one length from each split."""
    from textback.steps.data import make_passages

    make_passages(spec, documents, tokenizer, output)


@app.command()
def embed(
    spec: SpecOption,
    passages: PassagesFolder,
    output: OutputFolder,
    state: StateOption,
    device: DeviceOption = "auto",
) -> None:
    """Embed the passages of every split."""
    from textback.steps.embed import make_embeddings

    make_embeddings(spec, passages, output, state, device)


@app.command()
def reduce(spec: SpecOption, embeddings: EmbeddingsFolder, output: OutputFile) -> None:
    """Fit a reduction to the training embeddings."""
    from textback.steps.reduce import make_reduction

    make_reduction(spec, embeddings / "train.safetensors", output)


@app.command()
def nearest(
    passages: PassagesFolder,
    embeddings: EmbeddingsFolder,
    reduction: ReductionFile,
    output: OutputFile,
) -> None:
    """Baseline: the training passage nearest to each test embedding."""
    from textback.steps.reduce import find_nearest

    find_nearest(passages, embeddings, reduction, output)


@app.command()
def train_null_model(
    spec: SpecOption,
    tokenizer: TokenizerFile,
    passages: PassagesFolder,
    output: OutputFolder,
    state: StateOption,
    device: DeviceOption = "auto",
) -> None:
    """Train the null model: the hypothesizer without an embedding."""
    from textback.steps.train import train_null_model as step

    step(spec, tokenizer, passages, output, state, device)


@app.command()
def train_hypothesizer(
    spec: SpecOption,
    tokenizer: TokenizerFile,
    passages: PassagesFolder,
    embeddings: EmbeddingsFolder,
    reduction: ReductionFile,
    output: OutputFolder,
    state: StateOption,
    device: DeviceOption = "auto",
) -> None:
    """Train the hypothesizer: embedding to text in one pass."""
    from textback.steps.train import train_hypothesizer as step

    step(spec, tokenizer, passages, embeddings, reduction, output, state, device)


@app.command()
def hypotheses(
    spec: SpecOption,
    hypothesizer: ModelFile,
    tokenizer: TokenizerFile,
    passages: PassagesFolder,
    embeddings: EmbeddingsFolder,
    reduction: ReductionFile,
    output: OutputFolder,
    state: StateOption,
    device: DeviceOption = "auto",
) -> None:
    """Let the hypothesizer guess training passages, and embed the guesses."""
    from textback.steps.hypotheses import make_hypotheses

    make_hypotheses(
        spec, hypothesizer, tokenizer, passages, embeddings, reduction, output, state, device
    )


@app.command()
def train_corrector(
    spec: SpecOption,
    hypothesizer: ModelFile,
    tokenizer: TokenizerFile,
    passages: PassagesFolder,
    embeddings: EmbeddingsFolder,
    reduction: ReductionFile,
    hypotheses: Annotated[Path, _folder("The hypothesizer's guesses, embedded.")],
    output: OutputFolder,
    state: StateOption,
    device: DeviceOption = "auto",
) -> None:
    """Train the corrector: embedding, guess and its embedding to a better guess."""
    from textback.steps.corrector import train_corrector as step

    step(
        spec,
        hypothesizer,
        tokenizer,
        passages,
        embeddings,
        reduction,
        hypotheses,
        output,
        state,
        device,
    )


@app.command()
def invert_cell(
    spec: SpecOption,
    hypothesizer: ModelFile,
    tokenizer: TokenizerFile,
    passages: Annotated[Path, _file("The test passages.")],
    embeddings: Annotated[Path, _file("The test passages' embeddings.")],
    reduction: ReductionFile,
    output: OutputFolder,
    corrector: Annotated[
        Path | None, _file("model.safetensors of the corrector; none where there are no rounds.")
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Invert a cell's test embeddings in rounds of correction."""
    from textback.steps.invert import invert_cell as step

    step(spec, hypothesizer, corrector, tokenizer, passages, embeddings, reduction, output, device)


@app.command()
def score(
    spec: SpecOption,
    trace: Annotated[
        list[Path], _file("A trace; once for each inversion of the spec, in its order.")
    ],
    nearest: Annotated[Path, _file("The trace of the nearest training passages.")],
    likelihood: Annotated[Path, _file("The hypothesizer's NLL of the test passages.")],
    null_likelihood: Annotated[Path, _file("The null model's NLL of the test passages.")],
    reduction: ReductionFile,
    output: OutputFile,
    words: Annotated[
        list[Path] | None, _file("words.parquet; once for each corpus of the spec's words.")
    ] = None,
) -> None:
    """Measure a cell's inversions against its texts and baselines."""
    from textback.steps.score import score_cell

    score_cell(spec, trace, nearest, likelihood, null_likelihood, reduction, words or [], output)


@app.command()
def table(
    spec: SpecOption = None,
    output: Annotated[Path | None, _folder("Default: `partial` in the study's folder.")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Of an unfinished study: the cells with scores.")
    ] = False,
    config: ConfigFiles = None,
) -> None:
    """Gather a study's scores into its tables."""
    if partial == (spec is not None) or (spec is not None and output is None):
        raise TextbackError(
            "table: say --partial, with --config of the study, or as the workflow does --spec and "
            "--output"
        )
    if partial:
        from textback.studies.partial import gather

        gather(configured_study(config), output)
    else:
        from textback.steps.study import make_tables

        make_tables(spec, output)


@app.command()
def word_errors(spec: SpecOption, output: OutputFile) -> None:
    """Gather a study's errors by word frequency into their table."""
    from textback.steps.study import make_word_errors

    make_word_errors(spec, output)


@app.command()
def costs(spec: SpecOption, output: OutputFile) -> None:
    """Gather what every step of a study cost."""
    from textback.steps.study import make_costs

    make_costs(spec, output)


@app.command()
def histories(spec: SpecOption, output: OutputFile) -> None:
    """Gather how every training of a study went."""
    from textback.steps.study import make_histories

    make_histories(spec, output)


@app.command()
def embed_retrieval(
    spec: SpecOption,
    folder: RetrievalFolder,
    output: OutputFolder,
    state: StateOption,
    device: DeviceOption = "auto",
) -> None:
    """Embed the documents and queries of a retrieval set."""
    from textback.steps.retrieval import embed_retrieval as step

    step(spec, folder, output, state, device)


@app.command()
def score_retrieval(
    spec: SpecOption,
    folder: RetrievalFolder,
    embeddings: Annotated[Path, _folder("The set's embeddings.")],
    output: OutputFile,
    device: DeviceOption = "auto",
) -> None:
    """Search a retrieval set by its embeddings, reduced and perturbed, and score every query."""
    from textback.steps.retrieval import score_retrieval as step

    step(spec, folder, embeddings, output, device)


@app.command()
def retrieval_table(spec: SpecOption, output: OutputFile) -> None:
    """Gather a study's scores of retrieval into their table."""
    from textback.steps.study import make_retrieval_table

    make_retrieval_table(spec, output)


@app.command()
def fit(study: Annotated[Path, _folder("The study's folder, with its tables.")]) -> None:
    """Fit the law of the unrecovered fraction, test it on held-out cells, and say the verdict."""
    from textback.steps.fit import make_fits

    make_fits(study)


@app.command()
def figure(
    name: Annotated[str, typer.Argument(help="The figure's name.")],
    study: Annotated[Path, _folder("The study's folder, with its tables.")],
) -> None:
    """Draw a figure from a study's tables."""
    from textback.steps.draw import draw_figure

    draw_figure(name, study)


@app.command()
def example(study: Annotated[Path, _folder("The study's folder, with its tables.")]) -> None:
    """Write a study's worked example as text."""
    from textback.steps.draw import write_example

    write_example(study)


@app.command()
def pages(study: Annotated[Path, _folder("The study's folder, with its tables.")]) -> None:
    """Write a study's overview and its costs as HTML."""
    from textback.steps.draw import write_pages

    write_pages(study)


@app.command()
def invert(
    text: Annotated[list[str] | None, typer.Argument(help="Texts to embed and read back.")] = None,
    file: Annotated[Path | None, _file("A file of texts, one a line.")] = None,
    vectors: Annotated[
        Path | None, _file("A file of embeddings: .npy, or .safetensors with 'embeddings'.")
    ] = None,
    config: ConfigFiles = None,
    cell: Annotated[str | None, typer.Option(help="The trained cell, as its path is.")] = None,
    beam: Annotated[int, typer.Option(min=1, help="Hypotheses corrected a round.")] = 4,
    rounds: Annotated[int, typer.Option(min=0, help="Rounds of correction.")] = 10,
) -> None:
    """Read texts back from their embeddings, showing the rounds as they come."""
    if (text is not None) + (file is not None) + (vectors is not None) != 1:
        raise TextbackError("invert: give either a text, or --file, or --vectors")
    from rich.console import Console

    from textback import interactive

    study = configured_study(config)
    chosen = interactive.find_cell(study, cell) if cell else None
    search = interactive.Search(beam, rounds)
    if vectors is not None:
        interactive.invert_vectors(study, vectors, chosen, search, Console())
    else:
        texts = text if text is not None else interactive.read_texts(file)
        interactive.invert_texts(study, texts, chosen, search, Console())


@app.command()
def price(
    config: ConfigFiles = None,
) -> None:
    """Estimate what a study will ask of embedders that are paid by the token, at most."""
    from rich.console import Console

    from textback import prices

    study = configured_study(config)
    if not prices.estimate(study):
        raise TextbackError(f"study '{study.study}': it uses no embedder of kind 'openai'")
    Console().print(prices.table(study))


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
        Path | None, _file("The one reduction, fitted before; else fitted to the documents.")
    ] = None,
    output: Annotated[Path | None, _file("A .json or .csv for results and costs.")] = None,
    config: ConfigFiles = None,
    state: Annotated[
        Path, _folder("Where embeddings are kept, so that another run begins with them.")
    ] = Path("results/.state/retrieval"),
    device: DeviceOption = "auto",
) -> None:
    """Measure how well documents are found by their embeddings, reduced or perturbed."""
    from textback.cells import Reduction
    from textback.perturbations import Perturbation

    study = configured_study(config)
    reductions = [Reduction.parse(text) for text in reduction or ["native"]]
    perturbations = [Perturbation.parse(text) for text in perturbation or ["none"]]

    from textback.retrieval.command import Wanted, run

    wanted = Wanted(reductions, perturbations, projection)
    run(study, embedder, folder, split, wanted, output, state, device)


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
    except MemoryError:
        log.error("textback: error: out of memory: lower the inverter's batch or size")
        sys.exit(1)
    except Exception:
        log.exception("textback: unexpected error, please report it with these lines")
        sys.exit(2)
