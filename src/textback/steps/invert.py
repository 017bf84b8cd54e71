"""Inversion of a cell's test embeddings in rounds of correction."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from textback.device import cost, pick_device
from textback.embedders import Embedder, ReadsIds, Screens, load_embedder
from textback.embedders.cutting import Cutting
from textback.embedders.gate import check_embeddings
from textback.embedders.paid import paid_costs
from textback.files import replacing, write_json
from textback.inverter import data
from textback.inverter.attacks import attack
from textback.inverter.search import Attack, Embed, Round, invert
from textback.inverter.starts import First, first_hypotheses
from textback.inverter.state import load_model
from textback.passages import read_passages
from textback.perturbations import Perturbation, perturb
from textback.progress import log
from textback.reductions import Projection, load_projection
from textback.searches import Search
from textback.specs import Spec, embedder_entry
from textback.tokenizer import Tokenizer
from textback.trace import to_frame


def invert_cell(
    spec: Spec,
    hypothesizer: Path,
    corrector: Path | None,
    tokenizer: Path,
    passages: Path,
    embeddings: Path,
    reduction: Path,
    output: Path,
    device: str,
) -> None:
    """Invert the first test passages, as they are stored; writes the trace and the costs.

    passages, embeddings: the cell's own, or those of another target. The corrector is left out
    where there are no rounds.
    """
    began = time.monotonic()
    device = pick_device(device)
    embedder = load_embedder(spec["name"], embedder_entry(spec), device)
    ids, texts = read_passages(passages)
    project = load_projection(reduction)
    embed = CandidateEmbedder(spec["name"], embedder, tokenizer, project)
    perturbation = Perturbation.parse(spec["perturbation"])
    stored = perturb(perturbation, data.targets(embeddings, project).numpy())
    ids, texts, targets = (part[: spec["passages"]] for part in (ids, texts, stored))
    search, beam = Search.parse(spec["search"]), spec["beam"]
    bpe = Tokenizer.load(tokenizer)
    first = first_hypotheses(search.start, ids, bpe, beam, spec["seed"])
    inverter = load_attack(hypothesizer, corrector, bpe, embed, first, device)
    effort = search.effort(beam, spec["rounds"])
    histories = invert(inverter, targets, effort, log_round(effort.rounds))
    with replacing(output / "trace.parquet") as temporary:
        to_frame(texts, histories, targets).to_parquet(temporary, compression="zstd", index=False)
    seconds = time.monotonic() - began
    measured = {"invert_seconds": seconds, "embedder_queries": embed.queries}
    paid = paid_costs(spec["name"], embedder)
    write_json(output / "costs.json", cost(device, **measured, **paid))


def load_attack(
    hypothesizer: Path,
    corrector: Path | None,
    bpe: Tokenizer,
    embed: "CandidateEmbedder",
    first: First,
    device: str,
) -> Attack:
    """An inverter with its embedder, as the search sees them.

    Without a corrector it can only guess.
    """
    models = [load_model(hypothesizer, device), None]
    models[0].check_fits(hypothesizer, bpe.size, embed.dimension, ways=1)
    if corrector is not None:
        models[1] = load_model(corrector, device)
        models[1].check_fits(corrector, bpe.size, embed.dimension, ways=3)
    return attack(*models, bpe.decode_batch, embed, first, embed.screen)


class CandidateEmbedder:
    """Embeds candidates as the targets were: `queries` of them so far, in whatever precision.

    They go to the embedder as token ids where it has the inverter's tokenizer and the ids are those
    of the text (a model may spell a text in other tokens), as text otherwise.
    """

    def __init__(self, name: str, embedder: Embedder, tokenizer: Path, project: Projection) -> None:
        self._name, self._embedder, self._project = name, embedder, project
        self._text = Cutting(embedder)  # a garbled candidate may be longer than any passage
        self._tokenizer = Tokenizer.load(tokenizer)
        self._reads_ids = isinstance(embedder, ReadsIds) and embedder.has_tokenizer(self._tokenizer)
        self._screening = embedder.screening() if isinstance(embedder, Screens) else None
        self._screened: set[str] = set()
        self.dimension = embedder.dimension if project.basis is None else project.basis.shape[1]
        self.queries = 0

    def __call__(self, texts: Sequence[str], ids: np.ndarray) -> np.ndarray:
        """Texts with their ids, (m, length), → reduced embeddings, (m, dim)."""
        self.queries += sum(text not in self._screened for text in texts)
        return self._embed(texts, ids)

    @property
    def screen(self) -> Embed | None:
        """The same in lower precision; None where that would be no faster."""
        return None if self._screening is None else self._roughly

    def _roughly(self, texts: Sequence[str], ids: np.ndarray) -> np.ndarray:
        self.queries += len(texts)
        self._screened.update(texts)
        with self._screening:
            return self._embed(texts, ids)

    def _embed(self, texts: Sequence[str], ids: np.ndarray) -> np.ndarray:
        rows = self._by_ids(texts, ids) if self._reads_ids else self._text.embed(texts)
        check_embeddings(self._name, rows, len(texts), self._embedder.dimension)
        return self._project(rows)

    def _by_ids(self, texts: Sequence[str], ids: np.ndarray) -> np.ndarray:
        own = self._tokenizer.encode_batch(texts)
        plain = np.array([a == b for a, b in zip(own, ids.tolist(), strict=True)], bool)
        rows = np.empty((len(texts), self._embedder.dimension), np.float32)
        rows[plain] = self._embedder.embed_ids(ids[plain].tolist())
        rows[~plain] = self._text.embed([texts[i] for i in np.flatnonzero(~plain)])
        return rows


def log_round(rounds: int) -> Callable[[int, list[Round]], None]:
    """What logs each round of a search, of so many."""

    def report(number: int, state: list[Round]) -> None:
        cosine = np.mean([r.best.cosine for r in state])
        queries = np.mean([r.queries for r in state])
        said = "round %d/%d: mean cosine %.4f, %.1f embedded a text"
        log.info(said, number, rounds, cosine, queries)

    return report
