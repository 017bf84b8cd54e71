"""Gather a study's cells into its tables."""

from pathlib import Path

from textback import table
from textback.config import Part
from textback.files import replacing
from textback.progress import log
from textback.specs import Spec


def make_tables(spec: Spec, output: Path) -> None:
    """Write table.csv, comparisons.csv and texts.parquet into the study's folder."""
    gathered = spec["study"], parts_of(spec)
    measured, compared = table.measurements(*gathered)
    table.write_csv(output / "table.csv", measured)
    table.write_csv(output / "comparisons.csv", compared)
    with replacing(output / "texts.parquet") as temporary:
        table.texts(*gathered).to_parquet(temporary, compression="zstd", index=False)
    log.info("table of %s: %d measurements", spec["study"], len(measured))


def make_retrieval_table(spec: Spec, output: Path) -> None:
    """Write retrieval.csv."""
    found = table.retrieval(spec["study"], parts_of(spec), spec["resamples"])
    table.write_csv(output, found)


def make_costs(spec: Spec, output: Path) -> None:
    """Write costs.csv."""
    files = table.cost_files(parts_of(spec), known(spec))
    table.write_csv(output, table.costs(spec["study"], files.items()))


def parts_of(spec: Spec) -> dict[str, Part]:
    """The parts that a gathering step is told of."""
    return {name: Part(**part) for name, part in spec["parts"].items()}


def known(spec: Spec) -> table.Known:
    """What it is told beside."""
    return table.Known(spec["tokenizers"], spec["owners"], spec["native"])
