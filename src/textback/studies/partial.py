"""`textback table --partial`: the tables of a study that is not finished."""

from itertools import compress
from pathlib import Path

import pandas as pd

from textback import cells, specs, table
from textback.config import Study, parts
from textback.counted import counted
from textback.errors import TextbackError
from textback.histories import histories, history_files
from textback.outdated import outdated
from textback.progress import log
from textback.scoring import Row
from textback.sharing.places import place
from textback.steps.published import compare
from textback.steps.study import write_tables


def gather(study: Study, output: Path | None) -> None:
    """Gather the scores, retrieval and costs that there are, and say which cells are missing.

    output: default: `partial` in the study's folder, so that the workflow does not take them for
    the whole study's. Its missing.csv names the missing cells; figures and pages that are drawn
    from such tables say how many they are. Raises TextbackError where no cell has
    scores.
    """
    folder = output or cells.study_folder(study.study) / "partial"
    everything = table.cells_of_parts(parts(study))
    old = outdated(study)
    there = [_is_scored(study, one, old) for one in everything]
    scored = list(compress(everything, there))
    if not scored:
        raise TextbackError(
            f"study '{study.study}': of its {counted(len(everything), 'cell')} none has scores "
            "of this configuration yet: run `snakemake` with it first; `textback status` says what "
            "is done"
        )
    number = write_tables(study.study, scored, folder)
    _write_others(study, scored, old, folder)
    missing = [one for one, is_there in zip(everything, there, strict=True) if not is_there]
    _write_missing(study, missing, folder / table.MISSING)
    of_cells = counted(number, "measurement"), counted(len(scored), "cell")
    log.info("%s: %s of %s", folder / "table.csv", *of_cells)
    if missing:
        log.info("missing: %s, in %s", counted(len(missing), "cell"), folder / table.MISSING)


def _is_scored(study: Study, one: table.PartCell, old: set[Path]) -> bool:
    name, part, cell = one
    inversions = cells.inversions_of(part, cell)
    traces = [table.trace_path(study.study, name, inversion) for inversion in inversions]
    scores = table.score_path(study.study, name, cell)
    return all(_is_there(path, old) for path in [scores, *traces])


def _is_there(path: Path, old: set[Path]) -> bool:
    return path.exists() and path not in old


def _write_others(study: Study, scored: list[table.PartCell], old: set[Path], folder: Path) -> None:
    """What there is of costs, histories, errors by word frequency, retrieval and comparisons."""
    told = specs.table(study)
    known = table.Known(told["tokenizers"], told["owners"], told["native"])
    spent = _there(study, table.cost_files(parts(study), known), old)
    table.write_csv(folder / "costs.csv", table.costs(study.study, spent.items()))
    trained = _there(study, history_files(parts(study), known), old)
    if trained:
        table.write_csv(folder / "histories.csv", histories(study.study, trained))
    if "word_recall" in study.metrics:
        table.write_csv(folder / "word_errors.csv", table.word_errors(study.study, scored))
    every = table.retrievals_of_parts(parts(study))
    points = [(name, point) for name, point in every if _is_there(point.scores, old)]
    if points:
        found = table.retrieval(study.study, points, study.evaluation.resamples)
        table.write_csv(folder / "retrieval.csv", found)
    if any(part.published for part in parts(study).values()):
        compare(specs.published(study), folder)


def _there(study: Study, files: dict[Path, Row], old: set[Path]) -> dict[Path, Row]:
    return {path: row for path, row in files.items() if _is_there(place(study.study, path), old)}


def _write_missing(study: Study, missing: list[table.PartCell], path: Path) -> None:
    if not missing:
        path.unlink(missing_ok=True)
        return
    rows = [
        {"schema": table.SCHEMA, "study": study.study, "part": name, **cell.row(study)}
        for name, _, cell in missing
    ]
    table.write_csv(path, pd.DataFrame(rows, columns=table.PART_COLUMNS))
