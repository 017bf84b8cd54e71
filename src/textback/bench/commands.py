"""The commands of `textback bench`. Torch is imported when a command has understood its options.

textback bench corpus --megabytes 20
textback bench training --size nano --length 8 --threads 1 --seconds 3
textback bench inversion --cell state-of-the-union/minilm/len8/native/nano/seed0
"""

from pathlib import Path
from typing import Annotated

import typer

from textback.errors import TextbackError
from textback.options import ConfigFiles, DeviceOption, ThreadsOption, configured_study
from textback.processes import COMPILE

app = typer.Typer(
    no_args_is_help=True,
    help="Measure how fast this machine prepares a corpus, embeds, trains, decodes and inverts: "
    "a table, then JSON. On a CPU, peak memory is the whole process's, its libraries included.",
)

CompileOption = Annotated[
    str, typer.Option(envvar=COMPILE, help="auto (on a GPU), on or off: torch.compile.")
]
JsonOption = Annotated[
    Path | None,
    typer.Option("--json", dir_okay=False, help="Write the JSON here, not below the table."),
]
FamilyOption = Annotated[
    str | None, typer.Option(help="t5 or llama; default: llama, with --form paper t5.")
]
SizeOption = Annotated[str, typer.Option(help="toy, nano, tiny, mini, small or base.")]
FormOption = Annotated[str, typer.Option(help="textback, or the paper's exact form.")]
LengthOption = Annotated[int, typer.Option(min=1, help="Tokens of a text.")]
TextsOption = Annotated[int, typer.Option(min=1, help="How many texts.")]
VocabularyOption = Annotated[int, typer.Option(min=258, help="Tokens of the inverter.")]
DimensionOption = Annotated[int, typer.Option(min=1, help="Of the embeddings.")]
EmbeddingTokensOption = Annotated[
    int | None,
    typer.Option(min=1, help="Inputs of a vector; default: 1, with --form paper 16."),
]
BeamOption = Annotated[
    int, typer.Option(min=1, max=256, help="Beams; a search tries its square a round.")
]


@app.command()
def corpus(
    folder: Annotated[
        Path | None, typer.Option(file_okay=False, help="Of texts, which are lowercased.")
    ] = None,
    glob: Annotated[str, typer.Option(help="Which files below it.")] = "**/*.txt",
    megabytes: Annotated[
        float | None, typer.Option(min=0.01, help="Instead: so much text of random words.")
    ] = None,
    vocabulary: VocabularyOption = 2048,
    length: LengthOption = 32,
    passages: Annotated[int, typer.Option(min=1, help="Training passages drawn.")] = 100_000,
    threads: ThreadsOption = None,
    json: JsonOption = None,
) -> None:
    """Documents, tokenizer and passages of a corpus, and the memory of each step."""
    if (folder is None) == (megabytes is None):
        raise TextbackError("bench corpus: give either --folder or --megabytes")
    from tempfile import TemporaryDirectory

    from textback.bench.corpus import generate, measure
    from textback.bench.hardware import prepare
    from textback.bench.report import show
    from textback.config.corpora import Files

    prepare("cpu", threads)
    with TemporaryDirectory() as generated:
        if folder is None:
            folder, glob = Path(generated, "random-words"), "*.jsonl"
            generate(folder / "texts.jsonl", megabytes)
        entry = Files(kind="files", folder=str(folder), glob=glob, lowercase=True)
        measured = measure(folder.name, entry, vocabulary, length, passages)
    show(measured, json)


@app.command()
def embedding(
    config: ConfigFiles = None,
    embedder: Annotated[str, typer.Option(help="The embedder's name in it.")] = "minilm",
    length: Annotated[int, typer.Option(min=1, help="Words of a text, one token each.")] = 32,
    texts: TextsOption = 512,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    json: JsonOption = None,
) -> None:
    """An embedder, beside its library's own `encode`."""
    from textback.config import lookup

    entry = lookup(configured_study(config).embedders, "embedder", embedder)

    from textback.bench.embedding import measure
    from textback.bench.hardware import prepare
    from textback.bench.report import show

    show(measure(embedder, entry, length, texts, prepare(device, threads)), json)


@app.command()
def training(
    part: Annotated[str, typer.Option(help="hypothesizer or corrector.")] = "hypothesizer",
    family: FamilyOption = None,
    size: SizeOption = "nano",
    form: FormOption = "textback",
    optimizer: Annotated[str, typer.Option(help="adamw or muon.")] = "muon",
    length: LengthOption = 32,
    vocabulary: VocabularyOption = 2048,
    dimension: DimensionOption = 384,
    embedding_tokens: EmbeddingTokensOption = None,
    batch: Annotated[int, typer.Option(min=1, help="Examples of a step.")] = 128,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long to measure.")] = 10,
    compile: CompileOption = "auto",
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    json: JsonOption = None,
) -> None:
    """Training steps of an inverter's part, on random data."""
    from textback.bench import choices

    choices.check_part(part)
    entry = choices.backbone(family, size, form, embedding_tokens)
    budget = choices.budget(optimizer, batch)
    choices.set_compile(compile)

    from textback.bench.hardware import prepare
    from textback.bench.report import show
    from textback.bench.training import measure

    device = prepare(device, threads)
    show(measure(entry, part, budget, length, vocabulary, dimension, seconds, device), json)


@app.command()
def decoding(
    family: FamilyOption = None,
    size: SizeOption = "nano",
    form: FormOption = "textback",
    length: LengthOption = 32,
    vocabulary: VocabularyOption = 2048,
    dimension: DimensionOption = 384,
    embedding_tokens: EmbeddingTokensOption = None,
    beam: BeamOption = 4,
    texts: TextsOption = 512,
    compile: CompileOption = "auto",
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    json: JsonOption = None,
) -> None:
    """Greedy, beam-search and sampled passages of a hypothesizer and a corrector."""
    from textback.bench import choices

    entry = choices.backbone(family, size, form, embedding_tokens)
    choices.set_compile(compile)

    from textback.bench.decoding import measure
    from textback.bench.hardware import prepare
    from textback.bench.report import show

    device = prepare(device, threads)
    show(measure(entry, length, vocabulary, dimension, beam, texts, device), json)


@app.command()
def inversion(
    config: ConfigFiles = None,
    cell: Annotated[
        str | None, typer.Option(help="A trained cell: its path, or words. Give this or --size.")
    ] = None,
    size: Annotated[str | None, typer.Option(help="Instead: of random weights.")] = None,
    family: Annotated[
        str | None,
        typer.Option(help="With --size; default: llama, with --form paper t5."),
    ] = None,
    form: Annotated[str | None, typer.Option(help="With --size: textback (else) or paper.")] = None,
    embedder: Annotated[
        str | None, typer.Option(help="With --size: its name; else the study's first.")
    ] = None,
    length: Annotated[
        int | None, typer.Option(min=1, help="With --size: tokens of a text; else 32.")
    ] = None,
    texts: TextsOption = 100,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of correction.")] = 50,
    beam: BeamOption = 8,
    mode: Annotated[str, typer.Option(help="elitist or paper.")] = "elitist",
    breadth: Annotated[
        int | None,
        typer.Option(min=1, help="elitist: texts decoded for each that is embedded; else 2."),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(min=1, help="elitist: rounds without gain before a text ends; else 3."),
    ] = None,
    edits: Annotated[
        bool | None, typer.Option(help="elitist: whether to try edits of hypotheses; else it does.")
    ] = None,
    compile: CompileOption = "auto",
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    json: JsonOption = None,
) -> None:
    """The whole search: of a trained cell (--cell), or of random weights for its speed (--size)."""
    if (cell is None) == (size is None):
        raise TextbackError("bench inversion: give either --cell or --size")
    if cell is not None:
        _leave_out("a cell has its own", embedder=embedder, length=length, family=family, form=form)
    if mode == "paper":
        _leave_out("mode paper has no", breadth=breadth, patience=patience, edits=edits)
    from textback.bench import choices

    if size is not None:
        entry = choices.backbone(family, size, form or "textback")
    effort = choices.search(mode, breadth=breadth, patience=patience, edits=edits).effort(
        beam, rounds
    )
    choices.set_compile(compile)
    study = configured_study(config)

    from textback.bench.hardware import prepare
    from textback.bench.inversion import measure_cell, measure_random
    from textback.bench.report import show
    from textback.interactive import find_cell

    device = prepare(device, threads)
    if cell is not None:
        measured = measure_cell(study, find_cell(study, cell), texts, effort, device)
    else:
        name = embedder or study.use_embedders[0]
        measured = measure_random(study, name, entry, length or 32, texts, effort, device)
    show(measured, json)


def _leave_out(why: str, **options: object) -> None:
    """Raise TextbackError where any of these was given beside what leaves no place for it."""
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        raise TextbackError(
            f"bench inversion: {why} {', '.join(options)}: leave {' and '.join(given)} out"
        )
