"""The typed configuration: every key a study may have, its default, its unit and its limits.

`textback config-schema` prints the JSON schema made from these classes, and `config/README.md`
explains the keys in prose. Catalogues (corpora, tokenizers, embedders, inverters) are mappings
from a name to an entry; the axes of the grid are lists, so that a command line can narrow one:

    snakemake --config 'lengths=[4]'
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from textback.errors import TextbackError, unknown_name

METRICS = (
    "bleu",
    "bleu_sentence",
    "exact_match",
    "token_f1",
    "token_f1_set",
    "rouge_l",
    "edit_similarity",
    "cosine",
    "cosine_null",
    "nll_bits",
    "null_nll_bits",
    "recovered_bits",
    "recovered_bits_per_token",
    "recovered_bits_per_byte",
    "recovered_bits_per_dimension",
    "unrecovered_fraction",
)
FIGURES: dict[str, tuple[str, ...]] = {  # and the metrics each one shows
    "by_round": ("bleu", "exact_match", "cosine"),
    "by_length": ("bleu", "exact_match", "token_f1", "cosine"),
    "recovered_bits": ("recovered_bits", "recovered_bits_per_token", "null_nll_bits"),
    "cosine_bleu": (),
    "worked_example": (),
}

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Positive = Annotated[int, Field(gt=0)]
Entry = TypeVar("Entry")
Fraction = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, values are fixed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Split(Section):
    """How a corpus is divided, by whole documents."""

    validation: Fraction = Field(0.05, description="share of the documents")
    test: Fraction = Field(0.1, description="share of the documents")
    seed: int = 0


class PassageCounts(Section):
    """How many passages of each length are drawn from each split."""

    train: Positive = 50_000
    validation: Positive = 500
    test: Positive = 500
    seed: int = 0


class Corpus(Section):
    """A named source of documents, one file a document."""

    kind: Literal["package", "files"]
    package: str | None = Field(None, description="kind package: the installed Python package")
    folder: str | None = Field(None, description="kind files: the folder; package: inside it")
    glob: str = Field("**/*.txt", description="which files below the folder are documents")
    lowercase: bool = Field(False, description="for uncased embedders")
    split: Split = Split()
    passages: PassageCounts = PassageCounts()


class Tokenizer(Section):
    """The inverter's tokenizer: trained on the corpus, or a pretrained one."""

    kind: Literal["bpe", "pretrained"] = "bpe"
    vocabulary: int = Field(
        2048, ge=258, le=65_536, description="kind bpe: tokens, 258 or more; byte-level"
    )
    model: str | None = Field(
        None, description="kind pretrained: hub id or folder; with `package`, inside the package"
    )
    revision: str | None = Field(None, description="of the hub model: a commit, tag or branch")
    package: str | None = Field(None, description="the installed Python package with the files")


class Embedder(Section):
    """A text embedding model: a folder, a folder inside an installed package, or a hub id."""

    kind: Literal["sentence-transformers"]
    model: str = Field(description="folder or hub id; with `package`, a folder inside the package")
    package: str | None = Field(None, description="the installed Python package with the weights")
    sha256: str | None = Field(None, description="checksum of model.safetensors, checked on load")
    dimension: Positive = Field(description="of the native embedding")
    max_tokens: Positive = Field(description="longest input in its own tokens, specials included")
    offline: bool = Field(False, description="never ask the hub, even if it could be reached")


class Backbone(Section):
    """The network of an inverter: a named size trained from scratch, or pretrained weights.

    form: `textback`, or `paper`, the exact form of Morris et al. 2023 (see `inverter/readers.py`)
    """

    family: Literal["llama", "t5"] = Field("llama", description="decoder-only, or encoder-decoder")
    size: Literal["toy", "nano", "tiny", "mini", "small", "base"] = "nano"
    pretrained: str | None = Field(
        None, description="hub id or folder of a T5 or causal model; it sets family and size"
    )
    revision: str | None = Field(None, description="of the hub model: a commit, tag or branch")
    form: Literal["textback", "paper"] = "textback"
    dropout: float = Field(0.0, ge=0, lt=1, description="a T5's everywhere; a Llama's of attention")
    embedding_tokens: Positive = Field(1, description="backbone inputs a vector is projected to")


class Training(Section):
    """A training budget, counted in examples or in floating-point operations."""

    examples: Positive | None = None
    flops: Annotated[float, Field(gt=0)] | None = Field(
        None, description="instead of examples: forward and backward passes, e.g. 1.0e+15"
    )
    batch: Positive = 128
    optimizer: Literal["muon", "adamw"] = "muon"
    learning_rate: float = Field(5e-3, gt=0)
    warmup: Fraction = Field(0.02, description="share of the steps")
    weight_decay: float = Field(0.01, ge=0)


class CorrectorTraining(Training):
    """The corrector's budget, and the hypotheses it learns from.

    It begins with good weights, for which Muon's rate from scratch is too high.
    """

    optimizer: Literal["muon", "adamw"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)

    passages: Positive = Field(description="training passages that are hypothesised")
    hypotheses: Positive = Field(1, description="a passage: the greedy one, then sampled ones")
    temperature: float = Field(1.0, gt=0, description="of the sampled hypotheses")
    data_rounds: Positive = Field(
        1, description="1: hypothesizer's output only; k: also the corrector's own, k - 1 times"
    )
    start: Literal["hypothesizer", "backbone"] = Field(
        "hypothesizer", description="whose weights the corrector begins with"
    )


class Inverter(Section):
    """Tokenizer, backbone and training budgets: everything that makes an inverter but its data."""

    tokenizer: Name
    backbone: Backbone = Backbone()
    null_model: Training
    hypothesizer: Training
    corrector: CorrectorTraining


class Evaluation(Section):
    """What is done with a trained cell."""

    mode: Literal["elitist", "paper"] = Field(
        "elitist", description="how rounds search; `paper`: no elitism, no memory, no early stop"
    )
    passages: int = Field(500, ge=2, description="test passages inverted")
    rounds: Positive = Field(10, description="correction rounds after the first hypothesis")
    patience: Positive = Field(3, description="rounds without gain before a text is given up")
    resamples: Positive = Field(1000, description="bootstrap resamples of an interval")


class Axes(Section):
    """The axes of a grid: every combination is a cell. `native` has no dimension to choose."""

    study: Name
    use_corpora: list[Name]
    use_embedders: list[Name]
    use_inverters: list[Name]
    lengths: list[Positive]
    reductions: list[Literal["native", "pca"]]
    dimensions: list[Positive] = []
    seeds: list[Annotated[int, Field(ge=0)]] = [0]
    beams: list[Positive] = Field([1], description="hypotheses kept and corrected a round")


class Study(Axes):
    """A study: catalogues, the axes of its grid, what is evaluated and what is drawn."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    gpus: Positive = Field(1, description="GPUs that train one model together, with torchrun")
    compile: Literal["auto", "on", "off"] = Field(
        "auto", description="torch.compile of training and decoding; `auto`: on a GPU"
    )

    corpora: dict[Name, Corpus]
    tokenizers: dict[Name, Tokenizer]
    embedders: dict[Name, Embedder]
    inverters: dict[Name, Inverter]

    evaluation: Evaluation = Evaluation()
    metrics: list[str] = list(METRICS)
    figures: list[str] = list(FIGURES)


def read_study(config: dict[str, Any]) -> Study:
    """Check a configuration and return it typed.

    Raises TextbackError, one line, at the first key or value that cannot be meant so.
    """
    try:
        study = Study.model_validate(config)
    except ValidationError as error:
        raise _one_line(error) from None
    _check_names(study)
    _check_grid(study)
    return study


def read_study_file(path: Path) -> Study:
    """Read a study's YAML file. Raises TextbackError where it is missing or not YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TextbackError(f"config file {path}: {error.strerror}") from None
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TextbackError(
            f"config file {path}: not YAML: {' '.join(str(error).split())}"
        ) from None
    return read_study(config)


def lookup(catalogue: Mapping[str, Entry], what: str, name: str) -> Entry:
    """The catalogue's entry of that name, or an error that names the nearest one."""
    if name not in catalogue:
        raise unknown_name(what, name, catalogue)
    return catalogue[name]


def canonical(spec: Any) -> str:
    """A JSON text that is equal for equal specs: keys sorted, no spaces.

    Snakemake compares it as a job's parameter, so reordering a config reruns nothing.
    """
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def json_schema() -> dict[str, Any]:
    """The JSON schema of a study's configuration."""
    return Study.model_json_schema()


def _check_names(study: Study) -> None:
    for name in study.use_corpora:
        _check_source(name, lookup(study.corpora, "corpus", name))
    for name in study.use_embedders:
        lookup(study.embedders, "embedder", name)
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
    missing = set(lookup(FIGURES, "figure", figure)) - set(study.metrics)
    if missing:
        raise TextbackError(
            f"figure '{figure}' shows the metric '{min(missing)}': add it to 'metrics', or leave "
            "the figure out of 'figures'"
        )
    for axis in ("use_corpora", "use_embedders", "use_inverters"):
        if len(getattr(study, axis)) > 1:
            raise TextbackError(
                f"figure '{figure}' compares lengths and dimensions of one combination, but "
                f"'{axis}' names {len(getattr(study, axis))}: make a study of each, or set "
                "figures: []"
            )


def _check_source(name: str, corpus: Corpus) -> None:
    needed = {"package": "package", "files": "folder"}[corpus.kind]
    if getattr(corpus, needed) is None:
        raise TextbackError(f"corpus '{name}' of kind {corpus.kind} needs the key '{needed}'")
    if corpus.split.validation + corpus.split.test >= 1:
        raise TextbackError(
            f"corpus '{name}': validation and test shares leave no training documents: lower them"
        )


def _check_grid(study: Study) -> None:
    for axis in sorted(Axes.model_fields.keys() - {"study", "dimensions"}):
        values = getattr(study, axis)
        if not values:
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


def check_dimension(name: str, embedder: Embedder, dimension: int) -> None:
    """Raise TextbackError where a reduction would not reduce."""
    if dimension > embedder.dimension:
        raise TextbackError(
            f"dimension {dimension} is above the native {embedder.dimension} of embedder "
            f"'{name}': use at most {embedder.dimension}, or the reduction 'native'"
        )


def check_length(name: str, embedder: Embedder, length: int) -> None:
    """Raise TextbackError where no passage of `length` tokens can fit the embedder's input.

    The two count in different tokens: this is the quick test, `embed` makes the exact one.
    """
    if length > embedder.max_tokens:
        raise TextbackError(
            f"length {length} is longer than embedder '{name}' reads "
            f"({embedder.max_tokens} of its tokens): use a shorter length"
        )


def _one_line(error: ValidationError) -> TextbackError:
    first, *others = error.errors()
    more = f" (and {len(others)} more)" if others else ""
    path = ".".join(str(part) for part in first["loc"] if part != "[key]")
    if first["type"] == "extra_forbidden":
        message = str(unknown_name("config key", path, _siblings(first["loc"])))
    elif first["type"] == "missing":
        message = f"config key '{path}' is missing: add it (see config/README.md)"
    else:
        message = f"config key '{path}': {first['msg']}, but it is {first['input']!r}"
    return TextbackError(message + more)


def _siblings(loc: tuple[int | str, ...]) -> list[str]:
    """The valid keys, as full paths, beside the key at `loc`."""
    model: Any = Study
    for part in loc[:-1]:
        if get_origin(model) is dict:
            model = get_args(model)[1]
        else:
            model = model.model_fields[str(part)].annotation
    prefix = "".join(f"{part}." for part in loc[:-1])
    return [prefix + name for name in model.model_fields]
