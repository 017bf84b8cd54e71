"""How many bytes of results a study leaves. Downloads come on top, in the hub's cache.

Embeddings, hypotheses and models are as large as their shapes say. Texts and tables are compressed:
of them the sizes that real ones had, a token or a row.
"""

from pathlib import Path

from textback.config import Study
from textback.config.corpora import HuggingFace, Package
from textback.corpora import own_files
from textback.corpora.files import matching_files
from textback.errors import TextbackError
from textback.packages import package_folder
from textback.plan import networks, work
from textback.plan.jobs import TRAININGS, Job

FLOAT16, FLOAT32, INT32 = 2, 4, 4
DOCUMENTS = 0.37  # of plain text's bytes
COMPRESSED = (".parquet", ".gz", ".arrow")  # sources that are so already
PASSAGE_TOKEN, TOKENIZER_TOKEN = 4, 60
TRACE, TRACE_ROW, TRACE_TOKEN = 6000, 20, 3  # of its file, and of a text's round
NEAREST_ROW, LIKELIHOOD_ROW = 100, 12
REPORT, SCORES = 4_000_000, 16_000  # of a study with its figures; of a cell
KINDS = ("texts", "embeddings", "models", "hypotheses", "inversions", "tables and report")


def by_kind(study: Study, jobs: list[Job]) -> dict[str, float]:
    """Bytes that jobs leave, by what they are."""
    found = dict.fromkeys(KINDS, 0.0)
    for job in jobs:
        kind, size = _of(study, job)
        found[kind] += size
    found["tables and report"] += REPORT
    return found


def _of(study: Study, job: Job) -> tuple[str, float]:
    if job.step in TRAININGS:
        rows = study.corpora[job.corpus].passages.test * (job.step != "corrector")
        model = networks.stored_bytes(work.network(study, job, job.step))
        return "models", model + LIKELIHOOD_ROW * rows
    if job.step == "corpus":
        return "texts", _documents(study, job.corpus)
    if job.step == "tokenizer":
        entry = study.tokenizers[job.tokenizer]
        size = entry.vocabulary if entry.kind == "bpe" else work.PRETRAINED_VOCABULARY
        return "texts", TOKENIZER_TOKEN * size
    if job.step in ("passages", "target_passages"):
        return "texts", work.passages(study, job) * PASSAGE_TOKEN * job.length
    if job.inversion is not None:
        rows = job.inversion.passages * (job.inversion.rounds + 1)
        return "inversions", TRACE + rows * (TRACE_ROW + TRACE_TOKEN * job.length)
    if job.step == "score":
        return "tables and report", SCORES
    return _vectors(study, job)


def _vectors(study: Study, job: Job) -> tuple[str, float]:
    native = study.embedders[job.embedder].dimension
    if job.step in ("embed", "embed_target"):
        return "embeddings", FLOAT16 * native * work.passages(study, job)
    if job.step == "hypotheses":
        (written,) = work.of(study, job)
        row = FLOAT16 * native + INT32 * (job.length + 1)
        return "hypotheses", row * written.amount
    if job.step == "reduction":
        dimension = job.reduction.dimension if job.reduction else None
        return "embeddings", FLOAT32 * native * (dimension or 0)
    if job.step == "nearest":
        return "embeddings", NEAREST_ROW * study.corpora[job.corpus].passages.test
    if job.step == "embed_retrieval":
        texts = sum(done.amount for done in work.of(study, job)[:1])
        return "embeddings", FLOAT16 * native * texts
    return "tables and report", SCORES  # of retrieval


def _documents(study: Study, name: str) -> float:
    """Of a corpus's documents, whose source is at hand or states its download; else nothing."""
    entry = study.corpora[name]
    if isinstance(entry, HuggingFace) and not Path(entry.dataset).exists():
        return 1e6 * (entry.download or 0)
    try:
        if isinstance(entry, Package):
            folder = package_folder(name, entry.package) / entry.folder
            files = matching_files(name, entry, folder)
        else:
            files = own_files(name, entry)
    except TextbackError:
        return 0.0
    return sum(_kept(path) for path in files)


def _kept(path: Path) -> float:
    size = path.stat().st_size
    return size if path.suffix in COMPRESSED else DOCUMENTS * size
