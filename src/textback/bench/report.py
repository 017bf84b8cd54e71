"""What a benchmark found, as a table for people and as JSON for programs.

Both name a quantity with its unit. Every column of the table is an entry of `results`; JSON has its
numbers unrounded.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from textback.device import cost
from textback.files import write_json
from textback.terminal import console

QUANTITIES = {  # name in JSON: label in the table, unit of one in the table, digits
    "seconds": ("seconds", 1, 1),
    "characters_per_second": ("million characters/s", 1e6, 2),
    "passages_per_second": ("passages/s", 1, 0),
    "examples_per_second": ("examples/s", 1, 1),
    "tokens_per_second": ("tokens/s", 1, 0),
    "tflop_per_second": ("TFLOP/s", 1, 4),
    "matmul_tflop_per_second": ("matmul rate, TFLOP/s", 1, 4),
    "mfu": ("MFU, % of matmul rate", 1e-2, 1),
    "peak_memory_bytes": ("peak memory, GB", 1e9, 2),
    "micro_batch": ("micro-batch", 1, 0),
    "milliseconds_per_step": ("ms/step, with reading", 1, 3),
    "encode_examples_per_second": ("encode, examples/s", 1, 1),
    "encode_batch": ("encode's best batch", 1, 0),
    "ratio_to_encode": ("ours / encode", 1, 2),
    "seconds_per_text": ("s/text", 1, 4),
    "queries_per_text": ("embedder queries/text", 1, 2),
    "rounds_per_second": ("rounds/s of all texts", 1, 3),
    "mean_cosine": ("mean cosine", 1, 4),
    "exact_match": ("exact match, %", 1e-2, 1),
    "bleu": ("BLEU", 1, 1),
    "decoding_share": ("time in decoding, %", 1e-2, 1),
    "embedding_share": ("time in embedding, %", 1e-2, 1),
}

Settings = dict[str, str | int | float]
Numbers = dict[str, float]


@dataclass(frozen=True)
class Measurement:
    """What a benchmark measured, of what, and where.

    results: numbers, named as in `QUANTITIES`, of each variant, e.g. `greedy`; note: how to take
    them, if there is something to say
    """

    bench: str
    settings: Settings
    results: dict[str, Numbers]
    device: str
    versions: dict[str, str]
    note: str = ""


def measurement(
    bench: str, settings: Settings, results: dict[str, Numbers], device: str, note: str = ""
) -> Measurement:
    """A measurement made on this machine."""
    here = cost(device)
    versions = {"python": here["python"], **here["versions"]}
    return Measurement(bench, settings, results, here["device"], versions, note)


def throughput(
    examples_per_second: float, length: float, flops_per_example: float, matmul_rate: float
) -> Numbers:
    """Examples a second in other units. matmul_rate: of the device, FLOP/s."""
    rate = examples_per_second * flops_per_example
    return {
        "examples_per_second": examples_per_second,
        "tokens_per_second": examples_per_second * length,
        "tflop_per_second": rate / 1e12,
        "matmul_tflop_per_second": matmul_rate / 1e12,
        "mfu": rate / matmul_rate,
    }


def show(measured: Measurement, file: Path | None) -> None:
    """Print the table, then the JSON: to the file, or as one more line."""
    output = console()
    settings = ", ".join(f"{name} {value}" for name, value in measured.settings.items())
    output.print(f"bench {measured.bench}: {settings}")
    output.print(_table(measured.results))
    output.print(f"{measured.device}; torch {measured.versions['torch']}")
    if measured.note:
        output.print(measured.note, style="yellow")
    if file is None:
        print(json.dumps(asdict(measured)))
    else:
        write_json(file, asdict(measured))


def _table(results: dict[str, Numbers]) -> Table:
    """A row a quantity, a column a variant."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for variant in results:
        table.add_column(variant, justify="right")
    for name, (label, unit, digits) in QUANTITIES.items():
        values = [numbers.get(name) for numbers in results.values()]
        if any(value is not None for value in values):
            shown = ["" if v is None else f"{v / unit:,.{digits}f}" for v in values]
            table.add_row(label, *shown)
    return table
