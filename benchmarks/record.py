"""Write a record's folder from a finished study (see results/records/README.md).

    python benchmarks/record.py --study laptop-record --folder results/records/2026-11-23-laptop \\
        --command "snakemake --configfile config/laptop_record.yaml"

Copies the study's configuration, costs, training histories and logs; writes `metrics.csv`, the rows
of its table at the rounds a record states, and `README.md`, which says them in words.
"""

import argparse
import shutil
import subprocess
from pathlib import Path

import pandas as pd

from textback.cells import grid, study_folder
from textback.config import Study, read_study_file

ROUNDS = (0, 10, 50)
METRICS = ("bleu", "exact_match", "cosine", "recovered_bits")
PARTS = ("hypothesizer", "corrector")


def main() -> None:
    """Write the folder."""
    options = _options()
    source = options.root / study_folder(options.study)
    study = read_study_file(source / "config.json")
    options.folder.mkdir(parents=True)
    for name in ("config.json", "costs.csv"):
        shutil.copy(source / name, options.folder / name)
    _copy_histories(study, options.root, options.folder)
    table = pd.read_csv(source / "table.csv", keep_default_na=False)
    table = table[(table["baseline"] == "") & table["metric"].isin(METRICS)]
    table = table[table["round"].isin([*ROUNDS, ""])]
    table.to_csv(options.folder / "metrics.csv", index=False)
    costs = pd.read_csv(source / "costs.csv")
    page = _page(options, table, costs)
    (options.folder / "README.md").write_text(page, encoding="utf-8")
    print(page)


def _copy_histories(study: Study, root: Path, folder: Path) -> None:
    """Histories and logs of the study's trainings."""
    for cell in grid(study):
        for part in PARTS:
            name = f"{part}-len{cell.length}-{cell.reduction}-seed{cell.seed}"
            shutil.copy(root / cell.folder / part / "history.csv", folder / f"{name}.csv")
            shutil.copy(root / "logs" / part / f"{cell}.log", folder / f"{name}.log")


def _page(options: argparse.Namespace, table: pd.DataFrame, costs: pd.DataFrame) -> str:
    trained = costs[costs["step"].isin(PARTS) & (costs["metric"] == "train_seconds")]
    seconds = ", ".join(f"{row.step} {row.value:.0f} s" for row in trained.itertuples())
    lines = [
        f"# {options.folder.name}",
        "",
        options.note,
        "",
        f"- command: `{options.command}`",
        f"- commit: {_commit()}",
        f"- device: {trained['device'].iloc[0]}",
        f"- training: {trained['value'].sum():.0f} s in all ({seconds})",
        f"- test passages: {table['n'].max()}",
        "",
        "| round | beam | BLEU | exact match | cosine |",
        "|---|---|---|---|---|",
    ]
    rounds = table[table["metric"] != "recovered_bits"]
    for (number, beam), rows in rounds.groupby(["round", "beam"], sort=False):
        cells = {row.metric: row for row in rows.itertuples()}
        if not set(METRICS[:3]) <= cells.keys():
            continue
        bleu, exact, cosine = (cells[name] for name in METRICS[:3])
        lines.append(
            f"| {number} | {beam} | {bleu.value:.1f} [{bleu.low:.1f}, {bleu.high:.1f}] "
            f"| {100 * exact.value:.1f}% [{100 * exact.low:.1f}, {100 * exact.high:.1f}] "
            f"| {cosine.value:.3f} [{cosine.low:.3f}, {cosine.high:.3f}] |"
        )
    bits = table[table["metric"] == "recovered_bits"].iloc[0]
    lines += [
        "",
        f"Recovered bits of the hypothesizer: {bits.value:.1f} [{bits.low:.1f}, {bits.high:.1f}] a "
        "text. 95% intervals over texts, one seed.",
    ]
    return "\n".join(lines) + "\n"


def _commit() -> str:
    """Of this repository. An archive of it (docs/air-gapped.md) has no git: to be filled in."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "that of the archive it ran from"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--study", required=True)
    parser.add_argument("--root", type=Path, default=Path(), help="the folder with results/")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--command", required=True, help="the command that made the study")
    parser.add_argument("--note", default="", help="what is new in this record")
    return parser.parse_args()


if __name__ == "__main__":
    main()
