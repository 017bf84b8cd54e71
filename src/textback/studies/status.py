"""`textback status`: what a study has finished, from the files that are there.

A file of another configuration is outdated, and counts as missing. Whether one is older than what
it was made from only `snakemake -n` tells.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table

from textback import cells
from textback.cells import Cell
from textback.config import Study, parts
from textback.counted import counted
from textback.outdated import outdated_of
from textback.plan.at_hand import what_is_missing
from textback.products import Product, products_of_study
from textback.sharing.unpacking import check_imported
from textback.table import cells_of_parts

LISTED = 20  # missing cells, where not all are asked for
STATE = cells.RESULTS / ".state"


@dataclass(frozen=True)
class Missing:
    """A cell without scores, the first step that it waits for, and how far that is.

    state: `begun`, `outdated` or nothing
    """

    part: str
    cell: Cell
    step: str
    state: str


@dataclass(frozen=True)
class Count:
    """How many products a step has: finished, outdated and in all."""

    done: int
    outdated: int
    total: int


def counts(every: list[Product], old: set[Path]) -> dict[str, Count]:
    """Of every step the products of a study, each counted once. old: see `textback.outdated`."""
    found: dict[str, dict[Path, None]] = {}
    for product in every:
        found.setdefault(product.step, {})[product.made] = None
    return {step: _count(list(paths), old) for step, paths in found.items()}


def _count(paths: list[Path], old: set[Path]) -> Count:
    there = [path for path in paths if path.exists()]
    outdated = sum(path in old for path in there)
    return Count(len(there) - outdated, outdated, len(paths))


def missing(study: Study, every: list[Product], old: set[Path]) -> list[Missing]:
    """The cells without scores, in the order of the parts and their axes."""
    found = []
    known = {product.made: product for product in every}
    scores = (product for product in every if product.step == "scores")
    for (name, _, cell), scored in zip(cells_of_parts(parts(study)), scores, strict=True):
        if not _is_done(scored.made, old):
            waited = next(
                path for path in (*scored.sources, scored.made) if not _is_done(path, old)
            )
            found.append(Missing(name, cell, known[waited].step, _state(waited)))
    return found


def _is_done(path: Path, old: set[Path]) -> bool:
    return path.exists() and path not in old


def _state(waited: Path) -> str:
    """How far a product is that a cell waits for."""
    if waited.exists():
        return "outdated"
    kept = (file for file in (STATE / waited.parent).rglob("*") if file.is_file())
    return "begun" if any(file.name != "lock" for file in kept) else ""


def show(study: Study, console: Console, all_cells: bool) -> None:
    """Print what is done of every step, which cells are missing, and what a run would lack."""
    check_imported(study)
    every = list(products_of_study(study))
    old = outdated_of(every)
    found = counts(every, old)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    for name, side in (("step", "left"), ("done", "right"), ("of", "right"), ("", "left")):
        table.add_column(name, justify=side)
    for step, count in found.items():
        bar = ProgressBar(total=count.total, completed=count.done, width=30)
        table.add_row(step, str(count.done), str(count.total), bar if console.is_terminal else "")
    console.print(f"study {study.study}", style="bold")
    console.print(table)
    _show_outdated(found, console)
    _show_missing(missing(study, every, old), console, all_cells)
    _show_not_at_hand(study, console)


def _show_outdated(found: dict[str, Count], console: Console) -> None:
    there = ", ".join(f"{step} {count.outdated}" for step, count in found.items() if count.outdated)
    if there:
        console.print(f"\nOutdated, since the configuration or the recipe changed: {there}")


def _show_missing(found: list[Missing], console: Console, all_cells: bool) -> None:
    if not found:
        console.print("Every cell has its scores.")
        return
    waiting = Counter(one.step for one in found)
    steps = ", ".join(f"{step} {number}" for step, number in waiting.items())
    of = counted(len({one.cell for one in found}), "cell")
    missing_scores = f"{counted(len(found), 'score')} of {of}"  # each part scores its cells
    console.print(f"\nMissing: {missing_scores}, waiting for: {steps}", style="bold")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("part", "cell", "waits for"):
        table.add_column(name, overflow="fold")
    shown = found if all_cells else found[:LISTED]
    for one in shown:
        table.add_row(one.part, str(one.cell), one.step + (f", {one.state}" if one.state else ""))
    console.print(table)
    if len(shown) < len(found):
        console.print(f"… and {len(found) - len(shown)} more: --all lists them")


def _show_not_at_hand(study: Study, console: Console) -> None:
    """What a run would end of before its first step."""
    if line := what_is_missing(study):
        console.print(f"\nNot at hand: {line}", markup=False, highlight=False, soft_wrap=True)
