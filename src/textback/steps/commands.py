"""The steps of the workflow, a sub-command each."""

import functools
from pathlib import Path
from typing import Annotated

import typer

from textback.errors import TextbackError
from textback.options import (
    ConfigFiles,
    DeviceOption,
    RetrievalFolder,
    configured_study,
    file_option,
    folder_option,
    json_spec,
)

app = typer.Typer()
workflow_step = functools.partial(app.command, rich_help_panel="Steps of the workflow")

StateOption = Annotated[Path, folder_option("Where unfinished work is kept to be resumed.")]
OutputFile = Annotated[Path, file_option("The file to write.")]
OutputFolder = Annotated[Path, folder_option("The folder to write into.")]
Documents = Annotated[Path, file_option("documents.parquet of the corpus.")]
TokenizerFile = Annotated[Path, file_option("tokenizer.json.")]
PassagesFolder = Annotated[Path, folder_option("The passages of one length.")]
EmbeddingsFolder = Annotated[Path, folder_option("The passages' embeddings.")]
ReductionFile = Annotated[Path, file_option("The fitted reduction.")]
ModelFile = Annotated[Path, file_option("model.safetensors of a trained model.")]
SpecOption = Annotated[
    dict,
    typer.Option(parser=json_spec, metavar="JSON", help="The step's slice of the configuration."),
]


def _existing(study: Path) -> Path:
    if not study.is_dir():
        raise TextbackError(f"study {study}: there is no such folder: run its study first")
    return study


StudyFolder = Annotated[
    Path, typer.Option(callback=_existing, help="The study's folder, with its tables.")
]


@workflow_step()
def corpus(spec: SpecOption, output: OutputFile) -> None:
    """Read a corpus into documents, split into train, validation and test."""
    from textback.steps.data import make_corpus

    make_corpus(spec, output)


@workflow_step()
def words(spec: SpecOption, documents: Documents, output: OutputFile) -> None:
    """Count a corpus's words, and tell which are names."""
    from textback.steps.words import make_words

    make_words(spec, documents, output)


@workflow_step()
def tokenizer(spec: SpecOption, documents: Documents, output: OutputFile) -> None:
    """Train the inverter's tokenizer on the training documents, or fetch a pretrained one."""
    from textback.steps.data import make_tokenizer

    make_tokenizer(spec, documents, output)


@workflow_step()
def passages(
    spec: SpecOption, documents: Documents, tokenizer: TokenizerFile, output: OutputFolder
) -> None:
    """Draw passages of one length from each split."""
    from textback.steps.data import make_passages

    make_passages(spec, documents, tokenizer, output)


@workflow_step()
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


@workflow_step()
def reduce(spec: SpecOption, embeddings: EmbeddingsFolder, output: OutputFile) -> None:
    """Fit a reduction to the training embeddings."""
    from textback.steps.reduce import make_reduction

    make_reduction(spec, embeddings / "train.safetensors", output)


@workflow_step()
def nearest(
    passages: PassagesFolder,
    embeddings: EmbeddingsFolder,
    reduction: ReductionFile,
    output: OutputFile,
) -> None:
    """Baseline: the training passage nearest to each test embedding."""
    from textback.steps.reduce import find_nearest

    find_nearest(passages, embeddings, reduction, output)


@workflow_step()
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


@workflow_step()
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


@workflow_step()
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


@workflow_step()
def train_corrector(
    spec: SpecOption,
    hypothesizer: ModelFile,
    tokenizer: TokenizerFile,
    passages: PassagesFolder,
    embeddings: EmbeddingsFolder,
    reduction: ReductionFile,
    hypotheses: Annotated[Path, folder_option("The hypothesizer's guesses, embedded.")],
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


@workflow_step()
def invert_cell(
    spec: SpecOption,
    hypothesizer: ModelFile,
    tokenizer: TokenizerFile,
    passages: Annotated[Path, file_option("The test passages.")],
    embeddings: Annotated[Path, file_option("The test passages' embeddings.")],
    reduction: ReductionFile,
    output: OutputFolder,
    corrector: Annotated[
        Path | None,
        file_option("model.safetensors of the corrector; none where there are no rounds."),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Invert a cell's test embeddings in rounds of correction."""
    from textback.steps.invert import invert_cell as step

    step(spec, hypothesizer, corrector, tokenizer, passages, embeddings, reduction, output, device)


@workflow_step()
def score(
    spec: SpecOption,
    trace: Annotated[
        list[Path], file_option("A trace; once for each inversion of the spec, in its order.")
    ],
    nearest: Annotated[Path, file_option("The trace of the nearest training passages.")],
    likelihood: Annotated[Path, file_option("The hypothesizer's NLL of the test passages.")],
    null_likelihood: Annotated[Path, file_option("The null model's NLL of the test passages.")],
    reduction: ReductionFile,
    output: OutputFile,
    words: Annotated[
        list[Path] | None, file_option("words.parquet; once for each corpus of the spec's words.")
    ] = None,
) -> None:
    """Measure a cell's inversions against its texts and baselines."""
    from textback.steps.score import score_cell

    score_cell(spec, trace, nearest, likelihood, null_likelihood, reduction, words or [], output)


@workflow_step()
def table(
    spec: SpecOption = None,
    output: Annotated[
        Path | None, folder_option("Default: `partial` in the study's folder.")
    ] = None,
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


@workflow_step()
def word_errors(spec: SpecOption, output: OutputFile) -> None:
    """Gather a study's errors by word frequency into their table."""
    from textback.steps.study import make_word_errors

    make_word_errors(spec, output)


@workflow_step()
def costs(spec: SpecOption, output: OutputFile) -> None:
    """Gather what every step of a study cost."""
    from textback.steps.study import make_costs

    make_costs(spec, output)


@workflow_step()
def histories(spec: SpecOption, output: OutputFile) -> None:
    """Gather how every training of a study went."""
    from textback.steps.study import make_histories

    make_histories(spec, output)


@workflow_step()
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


@workflow_step()
def score_retrieval(
    spec: SpecOption,
    folder: RetrievalFolder,
    embeddings: Annotated[Path, folder_option("The set's embeddings.")],
    output: OutputFile,
    device: DeviceOption = "auto",
) -> None:
    """Search a retrieval set by its embeddings, reduced and perturbed, and score every query."""
    from textback.steps.retrieval import score_retrieval as step

    step(spec, folder, embeddings, output, device)


@workflow_step()
def retrieval_table(spec: SpecOption, output: OutputFile) -> None:
    """Gather a study's scores of retrieval into their table."""
    from textback.steps.study import make_retrieval_table

    make_retrieval_table(spec, output)


@workflow_step()
def fit(study: StudyFolder) -> None:
    """Fit the law of the unrecovered fraction, test it on held-out cells, and say the verdict."""
    from textback.steps.fit import make_fits

    make_fits(study)


@workflow_step()
def figure(
    name: Annotated[str, typer.Argument(help="The figure's name.")],
    study: StudyFolder,
) -> None:
    """Draw a figure from a study's tables."""
    from textback.steps.draw import draw_figure

    draw_figure(name, study)


@workflow_step()
def example(study: StudyFolder) -> None:
    """Write a study's worked example as text."""
    from textback.steps.draw import write_example

    write_example(study)


@workflow_step()
def published(spec: SpecOption, study: StudyFolder) -> None:
    """Put published numbers beside a study's own: published.csv and published.html."""
    from textback.steps.published import compare

    compare(spec, study)


@workflow_step()
def pages(study: StudyFolder) -> None:
    """Write a study's overview and its costs as HTML."""
    from textback.steps.draw import write_pages

    write_pages(study)
