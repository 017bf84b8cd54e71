"""The rows: the commands that measure each of them, and what they need to be at hand."""

import importlib.util
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

LENGTH = 32
CORPUS, TOKENIZER, EMBEDDER = "state-of-the-union", "bpe-2k", "minilm"
EMBEDDINGS = Path("results", "embeddings", CORPUS, TOKENIZER, f"len{LENGTH}", EMBEDDER)
REDUCTION = "reduction.safetensors"
WIKIPEDIA = Path("..", "shared", "corpora", "wikipedia-2015")
DEFAULT_SIZE = {"toy": "toy", "cpu": "nano", "cuda": "small"}

Command = list[str]


@dataclass(frozen=True)
class Scale:
    """How much is measured. seconds and turns: of trainings whose examples a second are told;
    precisions: of vec2text's; embedded, searched, own_searched: texts, the last without vec2text;
    pair_examples, pair_passages: of the models that both sides search with.
    """

    threads: int
    batch: int
    seconds: float
    turns: int
    precisions: str
    embedded: int
    searched: int
    own_searched: int
    rounds: int
    beam: int
    bleu_seconds: float
    bleu_texts: int
    pair_examples: int
    pair_passages: int


SCALES = {
    "toy": Scale(
        threads=1,
        batch=32,
        seconds=0.5,
        turns=1,
        precisions="bf16",
        embedded=64,
        searched=2,
        own_searched=2,
        rounds=2,
        beam=2,
        bleu_seconds=2.0,
        bleu_texts=20,
        pair_examples=1000,
        pair_passages=50,
    ),
    "cpu": Scale(
        threads=1,
        batch=128,
        seconds=8.0,
        turns=2,
        precisions="fp32 bf16",
        embedded=512,
        searched=4,
        own_searched=4,
        rounds=50,
        beam=8,
        bleu_seconds=60.0,
        bleu_texts=200,
        pair_examples=100_000,
        pair_passages=10_000,
    ),
    "cuda": Scale(
        threads=8,
        batch=512,
        seconds=10.0,
        turns=1,
        precisions="bf16",
        embedded=20_000,
        searched=32,
        own_searched=200,
        rounds=50,
        beam=8,
        bleu_seconds=60.0,
        bleu_texts=200,
        pair_examples=200_000,
        pair_passages=20_000,
    ),
}


@dataclass(frozen=True)
class Setup:
    """Where and how all rows are run. root: the folder with `results/`; vec2text: its Python."""

    device: str
    toy: bool
    scale: Scale
    output: Path
    root: Path
    vec2text: Path


@dataclass(frozen=True)
class Row:
    """commands: of a size; the last may write what it found to the file `out`, as JSON.

    missing: what is not at hand, or None; sized: whether it is measured for each size
    """

    commands: Callable[[Setup, str, Path], list[Command]]
    missing: Callable[[Setup, str], str | None]
    sized: bool = False


@dataclass(frozen=True)
class Job:
    """A row, of one size."""

    row: str
    size: str

    @property
    def name(self) -> str:
        """Of its files. A row that has no size is measured once."""
        return f"{self.row}-{self.size}" if ROWS[self.row].sized else self.row

    def commands(self, setup: Setup, out: Path) -> list[Command]:
        """What to run, one after another."""
        return ROWS[self.row].commands(setup, self.size, out)

    def missing(self, setup: Setup) -> str | None:
        """What is not at hand."""
        return ROWS[self.row].missing(setup, self.size)


def jobs(sizes: Iterable[str], rows: Iterable[str]) -> list[Job]:
    """All jobs of the rows, each once, in the order of `ROWS`."""
    sizes, asked = list(sizes), set(rows)
    found: dict[str, Job] = {}
    for job in (Job(row, size) for row in ROWS if row in asked for size in sizes):
        found.setdefault(job.name, job)
    return list(found.values())


def exchange(setup: Setup, size: str) -> Path:
    """The folder that both sides read."""
    return setup.output / f"exchange-{size}"


def _mfu(setup: Setup, size: str, out: Path) -> list[Command]:
    """The paper's T5-base; a batch that fills a card, so that the optimiser is no great part."""
    shape = "--family t5 --form paper --embedding-tokens 16 --vocabulary 32128 --dimension 768"
    scale = f"--size {'toy' if setup.toy else 'base'} --batch {8 if setup.toy else 512}"
    rest = f"--optimizer adamw --length {LENGTH} --seconds {setup.scale.seconds}"
    return [_bench("training", f"{shape} {scale} {rest}", setup, out)]


def _search(setup: Setup, size: str, out: Path) -> list[Command]:
    """The shape of the paper's T5-base, of random weights."""
    scale = setup.scale
    shape = f"--family t5 --form paper --size {'toy' if setup.toy else 'base'} --length {LENGTH}"
    search = f"--beam {scale.beam} --rounds {scale.rounds} --texts {scale.own_searched}"
    return [_bench("inversion", f"{shape} {search} --compile off", setup, out)]


def _gpu_missing(setup: Setup, size: str) -> str | None:
    return None if setup.toy or setup.device == "cuda" else "a GPU: it has no target on a CPU"


def _embedding(setup: Setup, size: str, out: Path) -> list[Command]:
    options = f"--embedder {EMBEDDER} --length {LENGTH} --texts {setup.scale.embedded}"
    return [_bench("embedding", options, setup, out)]


def _beside(setup: Setup, size: str, out: Path) -> list[Command]:
    """Passages and embeddings, where there are none yet, and all that is beside vec2text."""
    scale = setup.scale
    budget = f"--examples {scale.pair_examples} --passages {scale.pair_passages}"
    training = f"--seconds {scale.seconds} --turns {scale.turns} --precisions {scale.precisions}"
    bleu = f"--bleu-seconds {scale.bleu_seconds} --texts {scale.bleu_texts}"
    bleu += " --reference-rates 3e-3" if setup.toy else ""
    search = f"--searched {scale.searched} --reference-batch {scale.searched}"
    search += f" --rounds {scale.rounds} --beam {scale.beam}"
    every = f"{budget} {training} {bleu} {search}"
    together = [*_compare("together", every, setup, size, out), "--root", str(setup.root)]
    return [together] if _embedded(setup) else [_workflow(setup), together]


def _workflow(setup: Setup) -> Command:
    """Makes passages of 32 tokens and their embeddings."""
    config = [f"lengths=[{LENGTH}]", f"device={setup.device}"]
    if setup.toy:
        few = "{passages: {train: 1000, validation: 100, test: 100}}"
        config += [f"corpora={{{CORPUS}: {few}}}", "evaluation={passages: 100}"]
        config += ["inverters={nano: {corrector: {passages: 100}}}"]
    return [*_snakemake(setup), str(EMBEDDINGS / "native" / REDUCTION), "--config", *config]


def _snakemake(setup: Setup) -> Command:
    return ["snakemake", "--directory", str(setup.root), "--cores", "all"]


def _beside_missing(setup: Setup, size: str) -> str | None:
    if not setup.vec2text.exists():
        return f"{setup.vec2text}: make vec2text's environment (benchmarks/README.md)"
    if _embedded(setup) or importlib.util.find_spec("snakemake"):
        return None
    return f"snakemake (docs/air-gapped.md), or {EMBEDDINGS} from elsewhere"


def _embedded(setup: Setup) -> bool:
    return (setup.root / EMBEDDINGS / "native" / REDUCTION).exists()


def _passages(setup: Setup, size: str, out: Path) -> list[Command]:
    options = f"--texts {setup.scale.embedded} --turns {setup.scale.turns}"
    return [_compare("embedding", options, setup, size, out)]


def _passages_missing(setup: Setup, size: str) -> str | None:
    folder = exchange(setup, size)
    return None if (folder / "task.json").exists() else f"{folder}: run row beside"


def _record(setup: Setup, size: str, out: Path) -> list[Command]:
    """The track of one GPU-hour; as a toy, the workflow tests' study."""
    if setup.toy:
        study = "tiny"
        run = [*_snakemake(setup), "--configfile", "tests/workflow/tiny.yaml"]
    else:
        study = "one-gpu-hour"
        run = shlex.split("snakemake --workflow-profile workflow/profiles/gpu --configfile")
        run += ["config/gpu_record.yaml"]
    record = ["python", "benchmarks/record.py", "--study", study, "--root", str(setup.root)]
    where = ["--folder", str(setup.output / "record"), "--command", shlex.join(run)]
    return [run, record + where]


def _record_missing(setup: Setup, size: str) -> str | None:
    if not importlib.util.find_spec("snakemake"):
        return "snakemake (docs/air-gapped.md)"
    if setup.toy:
        return None
    if setup.device != "cuda":
        return "a GPU: --device cuda"
    return None if WIKIPEDIA.exists() else f"the corpus: {WIKIPEDIA} (docs/air-gapped.md)"


def _bench(name: str, options: str, setup: Setup, out: Path) -> Command:
    where = f"--device {setup.device} --threads {setup.scale.threads}"
    return [*shlex.split(f"textback bench {name} {options} {where}"), "--json", str(out)]


def _compare(name: str, options: str, setup: Setup, size: str, out: Path | None = None) -> Command:
    where = f"--device {setup.device} --threads {setup.scale.threads}"
    both = f"{name} {options} --size {size} --length {LENGTH} --batch {setup.scale.batch} {where}"
    folder = ["--folder", str(exchange(setup, size)), "--python", str(setup.vec2text)]
    output = [] if out is None else ["--output", str(out)]
    return ["python", "benchmarks/vec2text/compare.py", *shlex.split(both), *folder, *output]


ROWS = {
    "mfu": Row(_mfu, _gpu_missing),
    "embedding": Row(_embedding, lambda setup, size: None),
    "beside": Row(_beside, _beside_missing, sized=True),
    "search": Row(_search, _gpu_missing),
    "passages": Row(_passages, _passages_missing),
    "record": Row(_record, _record_missing),
}
UNASKED = ("record",)  # an hour and more: only where it is named
