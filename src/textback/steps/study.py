"""Gather a study's cells into its tables."""

from pathlib import Path

import pandas as pd

from textback import histories, pooling, table
from textback.config import Part
from textback.counted import counted
from textback.files import replacing
from textback.progress import log
from textback.search_gains import search_gains
from textback.specs import Spec


def make_tables(spec: Spec, output: Path) -> None:
    """Write table.csv, pooled.csv, comparisons.csv and texts.parquet into the study's folder."""
    cells = table.cells_of_parts(parts_of(spec))
    number = write_tables(spec["study"], cells, output)
    log.info("table of %s: %s", spec["study"], counted(number, "measurement"))


def write_tables(study: str, cells: list[table.PartCell], output: Path) -> int:
    """Write the tables of some of a study's cells; how many measurements there are."""
    measured, compared = table.measurements(study, cells)
    of_searches = search_gains(study, cells)
    if len(of_searches):
        compared = pd.concat([compared, of_searches], ignore_index=True)
    table.write_csv(output / "table.csv", measured)
    table.write_csv(output / "comparisons.csv", compared)
    table.write_csv(output / "pooled.csv", pooling.pooled_table(study, cells))
    with replacing(output / table.TEXTS) as temporary:
        table.texts(study, cells).to_parquet(temporary, compression="zstd", index=False)
    return len(measured)


def make_retrieval_table(spec: Spec, output: Path) -> None:
    """Write retrieval.csv."""
    points = table.retrievals_of_parts(parts_of(spec))
    table.write_csv(output, table.retrieval(spec["study"], points, spec["resamples"]))


def make_word_errors(spec: Spec, output: Path) -> None:
    """Write word_errors.csv."""
    cells = table.cells_of_parts(parts_of(spec))
    table.write_csv(output, table.word_errors(spec["study"], cells))


def make_costs(spec: Spec, output: Path) -> None:
    """Write costs.csv."""
    files = table.cost_files(parts_of(spec), known(spec))
    table.write_csv(output, table.costs(spec["study"], files.items()))


def make_histories(spec: Spec, output: Path) -> None:
    """Write histories.csv."""
    files = histories.history_files(parts_of(spec), known(spec))
    table.write_csv(output, histories.histories(spec["study"], files))


def parts_of(spec: Spec) -> dict[str, Part]:
    """The parts that a gathering step is told of, in the study's order."""
    told = {part["name"]: {k: v for k, v in part.items() if k != "name"} for part in spec["parts"]}
    return {name: Part(**keys) for name, keys in told.items()}


def known(spec: Spec) -> table.Known:
    """What it is told beside."""
    return table.Known(spec["tokenizers"], spec["owners"], spec["native"])
