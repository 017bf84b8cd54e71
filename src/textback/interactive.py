"""`textback invert`: read texts back from their embeddings, showing how the rounds go.

Torch is imported where it is first needed, so that a mistake in the input is told at once.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from safetensors import SafetensorError
from safetensors.numpy import load_file

from textback import cells, searches
from textback.cells import Cell, grid
from textback.config import Study
from textback.corpora import normalise
from textback.counted import counted
from textback.embedders import Embedder, load_embedder
from textback.embedders.gate import check_lengths
from textback.embedders.paid import paid_costs
from textback.errors import TextbackError
from textback.inverter.search import Effort, Round, invert
from textback.processes import COMPILE
from textback.reductions import Projection, load_projection
from textback.tokenizer import Tokenizer

PLAIN = {"markup": False, "highlight": False, "soft_wrap": True}  # texts are shown as they are


@dataclass(frozen=True)
class Search:
    """How hard to try; breadth, patience and edits are the study's where they are None."""

    beam: int
    rounds: int
    breadth: int | None = None
    patience: int | None = None
    edits: bool | None = None

    def effort(self, study: Study) -> Effort:
        """For the search `elitist`, whatever the study's is."""
        given = {"breadth": self.breadth, "patience": self.patience, "edits": self.edits}
        chosen = {name: value for name, value in given.items() if value is not None}
        ours = {"mode": "elitist", "rank": "cosine", "parents": "beam", **chosen}
        kind = searches.Search.of(study.evaluation.model_copy(update=ours))
        return kind.effort(self.beam, self.rounds)


def trained_cells(study: Study) -> list[Cell]:
    """The study's cells whose inverter is finished. Raises TextbackError where none is."""
    done = [c for c in grid(study) if (c.folder / "corrector" / "model.safetensors").exists()]
    if not done:
        raise TextbackError(
            f"study '{study.study}': no cell is trained in {cells.RESULTS}/ yet: "
            "run `snakemake` with the same configuration first"
        )
    return done


def find_cell(study: Study, name: str) -> Cell:
    """A trained cell by its path, its row of a table, or words of it (see `studies.names`).

    Raises TextbackError, one line, where the name fits none or several, or one that is not trained.
    """
    import pandas as pd

    from textback.studies import names

    trained, every = trained_cells(study), list(grid(study))
    rows = pd.DataFrame([cell.row(study) for cell in every])
    ready = [cell in trained for cell in every]
    found = names.find_ready(name.split(), rows, ready, "it is not trained yet")
    return next(cell for cell in trained if str(cell) == names.path_name(found))


def invert_texts(
    study: Study, texts: Sequence[str], cell: Cell | None, search: Search, console: Console
) -> None:
    """Embed texts, then read them back; without a cell, the one trained nearest their length."""
    alike = [cell] if cell is not None else _of_one_kind(trained_cells(study))
    lowercase = study.corpora[alike[0].corpus].lowercase
    texts = [kept for text in texts if (kept := normalise(text, lowercase))]
    if not texts:
        raise TextbackError("there is no text to invert: give one, or a file with one a line")
    counts = [len(_tokenizer(study, alike[0]).encode(text)) for text in texts]
    cell = cell or _nearest_length(alike, float(np.median(counts)))
    console.print(f"cell {cell}", style="dim", highlight=False)
    embedder = _embedder(study, cell)
    check_lengths(cell.embedder, embedder, texts)
    if any(count != cell.length for count in counts):
        apart = ", or give texts of one length at a time" if len(set(counts)) > 1 else ""
        console.print(
            f"this cell was trained on texts of {counted(cell.length, 'token')}; yours have "
            f"{_span(counts)}: expect less of it{apart}",
            style="yellow",
            soft_wrap=True,
            highlight=False,
        )
    targets = load_projection(_reduction(study, cell))(embedder.embed(texts))
    _run(study, cell, embedder, targets, texts, search, console)


def invert_vectors(
    study: Study, path: Path, cell: Cell | None, search: Search, console: Console
) -> None:
    """Read texts back from a file of embeddings (see `read_vectors`).

    A cell takes vectors of its own dimension, or native ones, which it reduces. Without a cell
    the one trained for the longest texts is taken: vectors do not tell their text's length.
    """
    vectors = read_vectors(path)
    size = vectors.shape[1]
    candidates = trained_cells(study) if cell is None else [cell]
    fitting = [c for c in candidates if size in (c.dimension(study), _native(study, c))]
    if not fitting:
        raise TextbackError(
            f"{path}: vectors of {counted(size, 'dimension')}, but the embedder makes "
            f"{_native(study, candidates[0])}, and no trained cell's reduction {size}: give native "
            "vectors, or those of a trained cell's reduction"
        )
    if cell is None:
        fitting = _of_one_kind(fitting)
        _check_one_reduction([c for c in fitting if c.dimension(study) == size])
    chosen = max(fitting, key=lambda c: (c.dimension(study) == size, c.length))
    console.print(f"cell {chosen}", style="dim", highlight=False)
    if cell is None and len({c.length for c in fitting}) > 1:
        console.print(
            "vectors do not tell the length of their text; try other cells with --cell:",
            *(f"  {c}" for c in fitting if c.dimension(study) == size and c != chosen),
            sep="\n",
            style="yellow",
            soft_wrap=True,
            highlight=False,
        )
    already_reduced = size == chosen.dimension(study) != _native(study, chosen)
    project = load_projection(_reduction(study, chosen))
    targets = Projection(unit=project.unit)(vectors) if already_reduced else project(vectors)
    _run(study, chosen, _embedder(study, chosen), targets, None, search, console)


def read_vectors(path: Path) -> np.ndarray:
    """Embeddings, (n, dim), from .npy or from `embeddings` in .safetensors.

    Raises TextbackError where the file is neither, or a vector is not finite or all zeros.
    """
    try:
        if path.suffix == ".safetensors":
            vectors = load_file(path)["embeddings"]
        else:
            vectors = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise TextbackError(f"{path}: there is no such file") from None
    except (OSError, ValueError, KeyError, EOFError, SafetensorError) as error:
        why = "" if isinstance(error, ValueError) else f" ({error})"  # numpy's is of pickles
        raise TextbackError(
            f"{path}: cannot be read as .npy or .safetensors with 'embeddings'{why}"
        ) from None
    vectors = np.atleast_2d(vectors)
    if not vectors.size:
        raise TextbackError(f"{path}: holds no vector: give floats (n, dim)")
    if vectors.ndim != 2 or not np.issubdtype(vectors.dtype, np.floating):
        raise TextbackError(f"{path}: holds {vectors.dtype} {vectors.shape}: give floats (n, dim)")
    if not np.isfinite(vectors).all():
        raise TextbackError(f"{path}: holds NaN or infinite components: remove those vectors")
    if empty := np.flatnonzero(~vectors.any(1)).tolist():
        raise TextbackError(
            f"{path}: vector {empty[0]} is all zeros, which no text's embedding is: remove it"
        )
    return vectors


def read_texts(path: Path) -> list[str]:
    """Texts, one a line. Raises TextbackError where the file is missing, empty or not UTF-8."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise TextbackError(f"{path}: is not UTF-8: convert the file") from None
    except OSError as error:
        raise TextbackError(f"{path}: {error.strerror}") from None
    texts = [line for line in lines if line.strip()]
    if not texts:
        raise TextbackError(f"{path}: holds no text: write one a line")
    return texts


def _run(
    study: Study,
    cell: Cell,
    embedder: Embedder,
    targets: np.ndarray,
    texts: Sequence[str] | None,
    search: Search,
    console: Console,
) -> None:
    from textback.device import pick_device
    from textback.inverter.starts import greedy
    from textback.steps.invert import CandidateEmbedder, load_attack

    os.environ.setdefault(COMPILE, study.compile)

    tokenizer = _tokenizer_path(study, cell)
    project = load_projection(_reduction(study, cell))
    attack = load_attack(
        cell.hypothesized_by(cells.owners(study)).folder / "hypothesizer" / "model.safetensors",
        cell.folder / "corrector" / "model.safetensors",
        _tokenizer(study, cell),
        CandidateEmbedder(cell.embedder, embedder, tokenizer, project),
        greedy(cell.length),
        pick_device(study.device),
    )
    show = _show_rounds(console, texts) if len(targets) == 1 else _show_means(console)
    effort = search.effort(study)
    histories = invert(attack, targets, effort, show)
    paid_costs(cell.embedder, embedder)
    if len(targets) == 1:
        _show_end(console, histories[0], effort)
    else:
        _show_ends(console, histories, effort)
        for i, history in enumerate(histories):
            if texts is not None:
                console.print(f"text           {texts[i]}", style="bold", **PLAIN)
            best = history[-1].best
            console.print(f"found  {best.cosine:.4f}  {best.text}", **PLAIN)


def _show_rounds(
    console: Console, texts: Sequence[str] | None
) -> Callable[[int, list[Round]], None]:
    """One text: a line a round that brought a better hypothesis."""
    if texts is not None:
        console.print(f"target             {texts[0]}", style="bold", **PLAIN)
    held: list[str] = []

    def show(number: int, state: list[Round]) -> None:
        best = state[0].best
        if not held or held[-1] != best.text:
            held.append(best.text)
            console.print(f"round {number:<3}  {best.cosine:.4f}  {best.text}", **PLAIN)

    return show


def _show_end(console: Console, history: list[Round], effort: Effort) -> None:
    """Why it ended before its last round, where it did without finding the embedding itself."""
    best = history[-1].best
    last = _last_tried(history)
    if last == effort.rounds or best.recovered:
        return
    found = next(number for number, state in enumerate(history) if state.best is best)
    gave_up = last - found >= effort.patience
    why = f"{counted(last - found, 'round')} without gain" if gave_up else "nothing new to try"
    console.print(f"ended after round {last}: {why} (see --patience, --beam)", style="dim", **PLAIN)


def _show_ends(console: Console, histories: list[list[Round]], effort: Effort) -> None:
    """Many texts: why none was tried any more, where the last round was not reached."""
    last = max(map(_last_tried, histories))
    if last == effort.rounds:
        return
    recovered = sum(history[-1].best.recovered for history in histories)
    why = f"{recovered} of {len(histories)} texts recovered"
    if recovered < len(histories):
        why += ", no more gain or nothing new to try for the others (see --patience, --beam)"
    console.print(f"ended after round {last}: {why}", style="dim", **PLAIN)


def _last_tried(history: list[Round]) -> int:
    """The last round in which anything was tried of a text."""
    queries = [state.queries for state in history]
    return queries.index(queries[-1])


def _show_means(console: Console) -> Callable[[int, list[Round]], None]:
    """Many texts: a line a round that tried anything."""

    def show(number: int, state: list[Round]) -> None:
        if number and all(one.candidate is None for one in state):
            return
        mean = np.mean([r.best.cosine for r in state])
        console.print(f"round {number:<3} mean cosine {mean:.4f}", style="dim", highlight=False)

    return show


def _of_one_kind(candidates: list[Cell]) -> list[Cell]:
    """The cells, if they all read the same embedder's vectors of the same corpus.

    Raises TextbackError where they do not: neither texts nor vectors tell whose they are.
    """
    kinds = sorted({f"{c.corpus}, {c.embedder}, {c.inverter}" for c in candidates})
    if len(kinds) > 1:
        raise TextbackError(
            f"invert: the study has cells of {len(kinds)} corpora, embedders and inverters "
            f"({'; '.join(kinds)}): choose one with --cell, e.g. --cell {candidates[0]}"
        )
    return candidates


def _check_one_reduction(candidates: list[Cell]) -> None:
    """Raise TextbackError where vectors of one size may come from several reductions."""
    reductions = sorted({str(c.reduction) for c in candidates})
    if len(reductions) > 1:
        raise TextbackError(
            f"invert: vectors do not tell which reduction made them ({', '.join(reductions)}): "
            f"choose one with --cell, e.g. --cell {candidates[0]}"
        )


def _nearest_length(candidates: list[Cell], length: float) -> Cell:
    """The cell trained nearest a length, in octaves; of those the native embedding's first seed."""
    return min(
        candidates,
        key=lambda c: (abs(np.log2(c.length / length)), c.reduction.kind != "native", c.seed),
    )


def _native(study: Study, cell: Cell) -> int:
    return study.embedders[cell.embedder].dimension


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def _embedder(study: Study, cell: Cell) -> Embedder:
    from textback.device import pick_device

    return load_embedder(cell.embedder, study.embedders[cell.embedder], pick_device(study.device))


def _tokenizer_path(study: Study, cell: Cell) -> Path:
    name = study.inverters[cell.inverter].tokenizer
    return cells.tokenizer_file(cell.corpus, name)


def _tokenizer(study: Study, cell: Cell) -> Tokenizer:
    return Tokenizer.load(_tokenizer_path(study, cell))


def _reduction(study: Study, cell: Cell) -> Path:
    name = study.inverters[cell.inverter].tokenizer
    embedded = cells.embeddings_folder(cell.corpus, name, cell.length, cell.embedder)
    return embedded / str(cell.reduction) / "reduction.safetensors"
