"""Gather a study's cells into its tables."""

from pathlib import Path

from textback import table
from textback.config import Axes, Evaluation
from textback.files import replacing
from textback.progress import log
from textback.specs import Spec


def make_tables(spec: Spec, output: Path) -> None:
    """Write table.csv, comparisons.csv and texts.parquet into the study's folder."""
    axes = Axes(**spec["axes"])
    measured, compared = table.measurements(axes)
    table.write_csv(output / "table.csv", measured)
    table.write_csv(output / "comparisons.csv", compared)
    with replacing(output / "texts.parquet") as temporary:
        table.texts(axes, Evaluation(**spec["evaluation"])).to_parquet(
            temporary, compression="zstd", index=False
        )
    log.info("table of %s: %d measurements", axes.study, len(measured))


def make_retrieval_table(spec: Spec, output: Path) -> None:
    """Write retrieval.csv."""
    table.write_csv(output, table.retrieval(Axes(**spec["axes"]), spec["resamples"]))


def make_word_errors(spec: Spec, output: Path) -> None:
    """Write word_errors.csv."""
    table.write_csv(output, table.word_errors(Axes(**spec["axes"])))


def make_costs(spec: Spec, output: Path) -> None:
    """Write costs.csv."""
    axes = Axes(**spec["axes"])
    evaluation = Evaluation(**spec["evaluation"])
    files = table.cost_files(axes, evaluation, spec["tokenizers"], spec["native"])
    table.write_csv(output, table.costs(axes, files.items()))
