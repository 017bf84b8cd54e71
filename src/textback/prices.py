"""What a study may ask of embedders that are paid by the token: an upper bound, before it runs.

    textback price mine.yaml

Texts are counted as if none occurred twice and no search ended early; what is asked twice, what the
cache holds and what earlier runs finished cost nothing, so a run costs less. A text has about
TOKENS_PER_TOKEN of the endpoint's tokens for each of the inverter's: that is generous, since
vocabularies of endpoints are larger than an inverter's. Of a retrieval set's texts, which no
inverter reads, BYTES_PER_TOKEN bytes count as one: of English prose a token has more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from textback.cells import Cell, grid, inversions, retrievals
from textback.config import Study
from textback.config.embedders import OpenAI
from textback.embedders.gate import TEXTS
from textback.retrieval.beir import read_set
from textback.searches import Search

TOKENS_PER_TOKEN = 1.3
BYTES_PER_TOKEN = 3
GATE_TEXTS = 2 * len(TEXTS)  # as they are, and in capitals
GATE_TOKENS = 2 * sum(len(text.encode()) for text in TEXTS)  # no text has more tokens than bytes


@dataclass(frozen=True)
class Asked:
    """What a step asks of an embedder at most, and about how many tokens that is."""

    embedder: str
    step: str
    texts: int
    tokens: float


def estimate(study: Study) -> list[Asked]:
    """What each step of a study asks of each paid embedder, summed over cells and retrieval sets.

    Raises TextbackError where a retrieval set cannot be read.
    """
    sums: dict[tuple[str, str], Asked] = {}
    for asked in _asked(study):
        key = (asked.embedder, asked.step)
        before = sums.get(key, Asked(*key, 0, 0.0))
        sums[key] = Asked(*key, before.texts + asked.texts, before.tokens + asked.tokens)
    return list(sums.values())


def totals(study: Study) -> list[Asked]:
    """What a whole study asks of each paid embedder."""
    every = estimate(study)
    return [
        Asked(
            name,
            "all",
            sum(asked.texts for asked in every if asked.embedder == name),
            sum(asked.tokens for asked in every if asked.embedder == name),
        )
        for name in dict.fromkeys(asked.embedder for asked in every)
    ]


def lines(study: Study) -> list[str]:
    """One line for each paid embedder of a study, to be shown before it runs."""
    return [
        f"embedder '{asked.embedder}': at most {asked.texts:,} texts, about "
        f"{asked.tokens:,.0f} tokens, {_dollars(study, asked)}; texts that it answered before are "
        "not asked again"
        for asked in totals(study)
    ]


def table(study: Study) -> Table:
    """The estimate as a table for a terminal."""
    drawn = Table("embedder", "step", title=f"At most asked by study {study.study}")
    for column in ("texts", "tokens, about", "US dollars"):
        drawn.add_column(column, justify="right")
    for asked in [*estimate(study), *totals(study)]:
        cost = _dollars(study, asked)
        drawn.add_row(asked.embedder, asked.step, f"{asked.texts:,}", f"{asked.tokens:,.0f}", cost)
    return drawn


def _dollars(study: Study, asked: Asked) -> str:
    price = study.embedders[asked.embedder].price
    if not price:
        return "no 'price' in its entry"
    dollars = asked.tokens * price / 1e6
    return f"${dollars:,.2f}" if dollars >= 0.01 else "<$0.01"


def _asked(study: Study) -> Iterator[Asked]:
    embedded: set[tuple[str, ...]] = set()
    corrected = {inversion.cell for inversion in inversions(study) if inversion.rounds > 0}
    for cell in _paid(study, grid(study)):
        name, per_text = cell.embedder, cell.length * TOKENS_PER_TOKEN
        shared = (cell.corpus, _tokenizer(study, cell), str(cell.length), name)
        if shared not in embedded:
            embedded.add(shared)
            passages = study.corpora[cell.corpus].passages
            texts = passages.train + passages.validation + passages.test
            yield Asked(name, "gate", GATE_TEXTS, GATE_TOKENS)
            yield Asked(name, "embed", texts, texts * per_text)
        for step, texts in _of_training(study, cell).items() if cell in corrected else ():
            yield Asked(name, step, texts, texts * per_text)
    yield from _asked_by_targets(study)
    for inversion in inversions(study):
        if isinstance(study.embedders[inversion.cell.embedder], OpenAI):
            a_text = search_queries(inversion.search, inversion.rounds, inversion.beam)
            texts = inversion.passages * a_text
            per_text = inversion.target.length * TOKENS_PER_TOKEN
            yield Asked(inversion.cell.embedder, "invert", texts, texts * per_text)
    yield from _asked_by_retrieval(study)


def _paid(study: Study, cells: list[Cell]) -> list[Cell]:
    return [cell for cell in cells if isinstance(study.embedders[cell.embedder], OpenAI)]


def _tokenizer(study: Study, cell: Cell) -> str:
    return study.inverters[cell.inverter].tokenizer


def _asked_by_targets(study: Study) -> Iterator[Asked]:
    """What embedding test passages that are no cell's own asks for, each target's once."""
    others = {
        (i.cell.embedder, i.cell.corpus, _tokenizer(study, i.cell), i.target)
        for i in inversions(study)
        if not i.target.own_of(i.cell) and isinstance(study.embedders[i.cell.embedder], OpenAI)
    }
    for name, _, _, target in sorted(others):
        texts = study.corpora[target.corpus].passages.test
        yield Asked(name, "gate", GATE_TEXTS, GATE_TOKENS)
        yield Asked(name, "embed", texts, texts * target.length * TOKENS_PER_TOKEN)


def _asked_by_retrieval(study: Study) -> Iterator[Asked]:
    """What embedding the documents and queries of a study's retrieval sets asks for."""
    searched = {(point.retrieval_set, point.embedder) for point in retrievals(study)}
    for set_name, name in sorted(searched):
        if not isinstance(study.embedders[name], OpenAI):
            continue
        entry = study.retrieval_sets[set_name]
        found = read_set(Path(entry.folder), entry.split, entry.source)
        sizes = [len(t.encode()) for t in (*found.documents.values(), *found.queries.values())]
        most = study.embedders[name].max_tokens  # in bytes: longer texts are cut
        read = sum(sizes) if most is None else sum(min(size, most) for size in sizes)
        yield Asked(name, "gate", GATE_TEXTS, GATE_TOKENS)
        yield Asked(name, "retrieval", len(sizes), read / BYTES_PER_TOKEN)


def _of_training(study: Study, cell: Cell) -> dict[str, int]:
    """Texts that the training of one cell's corrector asks for."""
    passages = study.corpora[cell.corpus].passages
    corrector = study.inverters[cell.inverter].corrector
    train = min(corrector.passages, passages.train) * corrector.hypotheses
    asked = {"hypotheses": train + passages.validation}
    if corrector.data_rounds > 1:
        asked["corrector"] = train * (corrector.data_rounds - 1)
    return asked


def search_queries(search: Search, rounds: int, beam: int) -> int:
    """Texts embedded for one inverted text at most: the guess, then the candidates of each round.

    The first round has the guess alone to correct, each later one as many hypotheses as it may.
    """
    if rounds == 0:
        return 1
    effort = search.effort(beam, rounds)
    return 1 + min(effort.width + effort.edited, effort.tried) + (rounds - 1) * effort.tried
